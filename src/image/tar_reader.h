// Reads archives as images use them: ustar, PAX (with global headers), GNU long names, links, sparse files and base-256
// numbers, old Unix archives. Nothing is buffered but headers; content is handed out where it lies.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "image/byte_source.h"
#include "image/tar_entry.h"
#include "image/tar_split.h"

namespace bolt::image {

class TarReader {
public:
    // Both must outlive this. To `split`, when it is given, go all bytes of the archive but those that content() hands out.
    explicit TarReader(ByteSource& from, TarSplitWriter* split = nullptr) : from_(from), split_(split) {}

    // The next entry; what was not read of the one before is passed over. None at the end of the archive. EINVAL for damage
    // (the header's number is named), and for an archive that ends within an entry.
    Result<std::optional<TarEntry>> next();
    // Content of the entry, piece by piece; empty when all was read. For a sparse file: what its pieces hold, joined.
    Result<std::span<char const>> content();
    // How many bytes of `from` were used so far: after next(), where the entry's content begins.
    std::uint64_t position() const { return taken_ - piece_.size(); }
    // Of the archive so far, extensions included.
    std::uint64_t headers() const { return headers_; }
    // Reads what follows the archive's end, to the end of `from`.
    Result<void> finish();

    // A header or extension of an entry may be so long; more is no archive of files.
    static constexpr std::size_t longest_extension = 1u << 20;
    // They are looked through for every entry.
    static constexpr std::size_t most_global_records = 64u << 10;

private:
    using Block = std::span<char const, 512>;

    Result<void> fill();
    Result<void> note(std::span<char const> bytes);
    Result<std::optional<Block>> block();
    Result<std::string> extension(std::uint64_t size);
    Result<void> pass_over_rest();
    Result<std::optional<TarEntry>> read_header(Block header);
    Result<TarEntry> finish_entry(TarEntry entry);
    Result<void> read_old_sparse_map(TarEntry& entry, Block header);
    Result<void> read_sparse_map_in_content(TarEntry& entry);

    ByteSource& from_;
    TarSplitWriter* split_;
    std::span<char const> piece_;
    std::array<char, 512> straddling_{};
    std::uint64_t left_ = 0, padding_ = 0;
    std::uint64_t headers_ = 0, taken_ = 0;

    // Extensions that wait for their entry.
    PaxRecords global_, local_;
    std::string long_name_, long_link_;
};

} // namespace bolt::image
