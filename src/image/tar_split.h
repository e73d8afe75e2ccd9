// What a layer's archive holds beside the contents of its files, so that the very same archive can be made again from the unpacked
// files: the technique that docker and podman know as tar-split. An image can so be pushed and saved without its archives being kept.
//
// The file is one zstd stream: "bolt tar-split 1\n", then records. 'b' LENGTH bytes are the archive's own; 'f' OFFSET LENGTH
// PATH-LENGTH path is a part of an unpacked file. Numbers have 64 bits, the path's length 32, the lowest byte first.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "image/byte_source.h"
#include "sys/fd.h"
#include "sys/root.h"

struct ZSTD_CCtx_s;

namespace bolt::image {

class TarSplitWriter {
public:
    // Writes from the position of `file`, which must outlive this.
    explicit TarSplitWriter(FdRef file);

    // The archive's own bytes: headers, padding, its end.
    Result<void> add(std::span<char const> bytes);
    // The next `length` bytes are those of the file at `path`, from `offset` on.
    Result<void> add_content(std::string const& path, std::uint64_t offset, std::uint64_t length);
    // A file that was named may not be there any more as it was: the archive cannot be made again.
    void spoil() { spoiled_ = true; }
    // Once, at the end. False when it was spoiled: then the file is of no use.
    Result<bool> finish();

private:
    Result<void> flush_content();
    Result<void> put(std::string_view bytes);
    Result<void> compress(bool last);

    struct Free {
        void operator()(ZSTD_CCtx_s* context) const;
    };
    FdRef file_;
    std::unique_ptr<ZSTD_CCtx_s, Free> context_;
    std::string waiting_;             // records that are not compressed yet
    std::string path_;                // of the content that may go on
    std::uint64_t offset_ = 0, length_ = 0;
    bool spoiled_ = false;
};

// The archive again. EINVAL for a damaged file, ESTALE when an unpacked file is not as it was; whether the bytes are the same, only
// the diffID tells.
class TarSplitSource : public ByteSource {
public:
    // `split` gives the bytes of the file that TarSplitWriter wrote; both must outlive this.
    TarSplitSource(ByteSource& split, Root const& files);
    ~TarSplitSource() override;
    Result<std::span<char const>> next() override;

private:
    Result<std::span<char const>> read_content();
    Result<void> begin_record();
    Result<std::string> take(std::size_t count);
    Result<bool> fill();

    std::unique_ptr<ByteSource> plain_;
    Root const& files_;
    std::span<char const> piece_;
    bool begun_ = false;
    std::uint64_t own_left_ = 0;      // of a record 'b'
    UniqueFd file_;
    std::string path_;
    std::uint64_t offset_ = 0, length_ = 0;
    std::vector<char> buffer_;
};

} // namespace bolt::image
