#include "store/layer_archives.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>

#include "store/intake.h"
#include "sys/file.h"

namespace bolt::store {

namespace {

constexpr std::string_view blob_prefix = "blob-";

std::optional<image::Digest> digest_of(std::string_view name) {
    if (!name.starts_with(blob_prefix)) return std::nullopt;
    auto text = std::string(name.substr(blob_prefix.size()));
    if (auto const dash = text.find('-'); dash != text.npos) text[dash] = ':';
    auto digest = image::Digest::parse(text);
    return digest ? std::optional(std::move(digest).value()) : std::nullopt;
}

Result<std::optional<UniqueFd>> find_open(HostPath const& file) {
    auto opened = open_file(file, O_RDONLY);
    if (opened) return std::optional(std::move(opened).value());
    return opened.error().is(ENOENT) ? Result<std::optional<UniqueFd>>(std::nullopt) : opened.error();
}

} // namespace

Result<std::optional<UniqueFd>> find_layer_blob(Layout const& layout, std::string const& key, image::Digest const& digest) {
    auto file = TRY(find_open(layout.layer(key) / blob_name(digest)));
    if (file) futimens(file->number(), nullptr); // only the order in which they go: ignoring
    return file;
}

Result<std::vector<image::Digest>> list_layer_blobs(Layout const& layout, std::string const& key) {
    std::vector<image::Digest> digests;
    for (auto const& name : TRY(list_directory(layout.layer(key))))
        if (auto digest = digest_of(name)) digests.push_back(std::move(*digest));
    std::ranges::sort(digests);
    return digests;
}

Result<std::optional<UniqueFd>> find_layer_split(Layout const& layout, std::string const& key) { return find_open(layout.layer(key) / split_name); }

Result<void> add_layer_blob(Layout const& layout, std::string const& key, image::Digest const& digest, HostPath const& file) {
    TRY(rename_file(file, layout.layer(key) / blob_name(digest)));
    return sync_directory(layout.layer(key));
}

Result<void> limit_layer_blobs(Layout const& layout, Bytes most) {
    struct Kept {
        HostPath file;
        timespec used;
        std::uint64_t size;
    };
    std::vector<Kept> blobs;
    std::uint64_t sum = 0;
    for (auto const& key : TRY(list_directory(layout.layers()))) {
        auto const names = list_directory(layout.layer(key));
        if (!names) continue; // removed meanwhile
        bool const is_needed = std::ranges::find(names.value(), split_name) == names.value().end();
        for (auto const& name : names.value()) {
            auto const look = digest_of(name) ? stat_file(layout.layer(key) / name) : Result<struct stat>(Error(ENOENT, ""));
            if (!look) continue;
            sum += static_cast<std::uint64_t>(look.value().st_size);
            if (!is_needed) blobs.push_back({layout.layer(key) / name, look.value().st_mtim, static_cast<std::uint64_t>(look.value().st_size)});
        }
    }
    std::ranges::sort(blobs, [](Kept const& a, Kept const& b) { return std::pair(a.used.tv_sec, a.used.tv_nsec) < std::pair(b.used.tv_sec, b.used.tv_nsec); });
    for (auto const& blob : blobs) {
        if (sum <= most.count) break;
        if (auto const removed = remove_file(blob.file); !removed && !removed.error().is(ENOENT)) return removed.error();
        sum -= blob.size;
    }
    return {};
}

} // namespace bolt::store
