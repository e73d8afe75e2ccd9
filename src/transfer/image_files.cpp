#include "transfer/image_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "image/decompress.h"
#include "image/file_source.h"
#include "image/range_source.h"
#include "image/tar_reader.h"
#include "sys/file.h"

namespace bolt::transfer {

namespace {

constexpr std::uint64_t longest_archived_document = 16u << 20;
constexpr std::size_t most_entries = 100'000;

// "./a//b/../c" is "a/c": names of archives are compared in this form.
std::string plain_name(std::string_view name) {
    std::vector<std::string_view> parts;
    for (auto const part : split(name, '/')) {
        if (part.empty() || part == ".") continue;
        if (part != "..")
            parts.push_back(part);
        else if (!parts.empty())
            parts.pop_back();
    }
    std::string text;
    for (auto const part : parts) text += fmt::format("{}{}", text.empty() ? "" : "/", part);
    return text;
}

std::string_view directory_of(std::string_view name) { return name.substr(0, name.rfind('/') == name.npos ? 0 : name.rfind('/')); }

} // namespace

Result<std::optional<std::string>> ImageFiles::find_text(std::string_view name) const {
    auto const part = TRY(find(name));
    if (!part) return std::optional<std::string>();
    if (part->size > longest_archived_document) return Error::of(EFBIG, "'{}' has {} bytes, which is too much for a document", name, part->size);
    image::RangeSource source(part->file, part->offset, part->size);
    std::string text;
    for (auto piece = TRY(source.next()); !piece.empty(); piece = TRY(source.next())) text.append(piece.data(), piece.size());
    return text;
}

Result<std::optional<FilePart>> DirectoryFiles::find(std::string_view name) const {
    auto file = directory_.open_path(TRY(RootPath::parse(plain_name(name))), O_RDONLY | O_NONBLOCK);
    if (!file) return file.error().is(ENOENT) || file.error().is(ENOTDIR) ? Result<std::optional<FilePart>>(std::nullopt) : file.error();
    auto const look = TRY(stat_fd(file.value()));
    if (!S_ISREG(look.st_mode)) return Error::of(EINVAL, "'{}' is no ordinary file", name);
    return std::optional(FilePart{std::move(file).value(), 0, static_cast<std::uint64_t>(look.st_size)});
}

Result<std::unique_ptr<ArchiveFiles>> ArchiveFiles::open(UniqueFd file) {
    std::unique_ptr<ArchiveFiles> archive(new ArchiveFiles(std::move(file)));
    auto const length = static_cast<std::uint64_t>(TRY(stat_fd(archive->file_)).st_size);
    for (std::uint64_t at = 0; at < length;) {
        constexpr std::size_t header_and_name = 4096;
        image::RangeSource source(archive->file_, at, length - at, header_and_name);
        image::TarReader reader(source);
        auto const entry = TRY(reader.next());
        if (!entry) break;
        auto const content = at + reader.position();
        bool const is_file = entry->type == image::TarEntry::Type::file;
        at = content + (is_file ? (entry->size + 511) / 512 * 512 : 0);
        if (is_file && (entry->sparse || content + entry->size > length)) return Error::of(EINVAL, "the archive ends within '{}', or that is sparse", entry->name);
        if (archive->places_.size() > most_entries) return Error::of(E2BIG, "the archive has more than {} entries", most_entries);
        auto const name = plain_name(entry->name);
        Place place{content, entry->size, {}};
        if (entry->type == image::TarEntry::Type::hard_link) place.link = plain_name(entry->link);
        if (entry->type == image::TarEntry::Type::symbolic_link) place.link = plain_name(entry->link.starts_with('/') ? entry->link : fmt::format("{}/{}", directory_of(name), entry->link));
        if (is_file || !place.link.empty()) archive->places_.insert_or_assign(name, std::move(place));
    }
    return archive;
}

Result<std::optional<FilePart>> ArchiveFiles::find(std::string_view name) const {
    auto wanted = plain_name(name);
    for (int links = 0; links < 8; ++links) {
        auto const at = places_.find(wanted);
        if (at == places_.end()) return std::optional<FilePart>();
        if (at->second.link.empty()) return std::optional(FilePart{TRY(duplicate(file_)), at->second.offset, at->second.size});
        wanted = at->second.link;
    }
    return Error::of(ELOOP, "'{}' in the archive leads from link to link", name);
}

namespace {

// Whether the file can be read anywhere and begins as an archive does that is not compressed.
Result<bool> is_plain_archive(FdRef file, struct stat const& look) {
    if (!S_ISREG(look.st_mode)) return false;
    char head[512];
    auto const count = pread(file.number(), head, sizeof head, 0);
    if (count < 0) return Error::from_errno("read the archive");
    return count == sizeof head && std::string_view(head + 257, 5) == "ustar";
}

Result<UniqueFd> unpacked_copy(UniqueFd input, HostPath const& scratch) {
    auto copy = TRY(open_file(scratch, O_TMPFILE | O_RDWR, 0600).while_doing("make a temporary file in '{}'", scratch));
    image::FileSource packed(std::move(input));
    auto const plain = image::decompress(packed, image::PackedForms::of_archives);
    for (auto piece = TRY(plain->next()); !piece.empty(); piece = TRY(plain->next())) TRY(write_all(copy, {piece.data(), piece.size()}).while_doing("write to '{}'", scratch));
    return copy;
}

} // namespace

Result<std::unique_ptr<ImageFiles>> open_image_files(UniqueFd input, HostPath const& scratch) {
    using Opened = std::unique_ptr<ImageFiles>;
    auto const look = TRY(stat_fd(input));
    if (S_ISDIR(look.st_mode)) return Opened(std::make_unique<DirectoryFiles>(Root(std::move(input))));
    auto file = TRY(is_plain_archive(input, look)) ? std::move(input) : TRY(unpacked_copy(std::move(input), scratch));
    return Opened(TRY(ArchiveFiles::open(std::move(file))));
}

} // namespace bolt::transfer
