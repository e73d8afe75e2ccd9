#include "store/usage.h"

#include <algorithm>
#include <map>
#include <set>

#include <sys/stat.h>

#include "base/json.h"
#include "store/image_mounts.h"
#include "store/image_record.h"
#include "store/images.h"
#include "store/indexes.h"
#include "store/intake.h"
#include "store/sweep.h"
#include "sys/file.h"
#include "sys/lock.h"

namespace bolt::store {

namespace {

using Seen = std::set<std::pair<dev_t, ino_t>>;

// What vanishes meanwhile takes no room.
Bytes size_on_disk(HostPath const& path, Seen& seen) {
    struct stat look {};
    if (lstat(path.c_str(), &look) < 0) return {};
    if (look.st_nlink > 1 && !S_ISDIR(look.st_mode) && !seen.emplace(look.st_dev, look.st_ino).second) return {};
    constexpr std::uint64_t unit = 512; // stat(2)
    Bytes size{static_cast<std::uint64_t>(look.st_blocks) * unit};
    if (!S_ISDIR(look.st_mode)) return size;
    auto const names = list_directory(path);
    if (!names) return size;
    for (auto const& name : names.value()) size.count += size_on_disk(path / name, seen).count;
    return size;
}

std::vector<std::string> names_in(HostPath const& directory) {
    auto names = list_directory(directory);
    return names ? std::move(names).value() : std::vector<std::string>();
}

// The images that containers were made from, or that are mounted.
std::set<std::string> used_images(Layout const& layout) {
    std::set<std::string> used;
    for (auto const& id : names_in(layout.containers())) {
        auto const text = find_file(layout.containers() / id / "config.json");
        auto const document = text && text.value() ? Json::parse(record_line(*text.value())) : Result<Json>(Error(ENOENT, ""));
        auto const image = document ? document.value().string_or("image_id", "") : Result<std::string>(document.error());
        if (image) used.insert(image.value());
    }
    if (auto const mounts = list_image_mounts(layout))
        for (auto const& mount : mounts.value()) used.insert(mount.image.text());
    return used;
}

Usage usage_of_images(Layout const& layout, std::vector<Image> const& images, std::set<std::string> const& used) {
    Usage usage{.kind = "Images", .count = images.size()};
    std::map<std::string, bool> layers; // whether an image in use has it
    for (auto const& image : images) {
        bool const is_used = used.contains(image.id.text());
        usage.in_use += is_used ? 1 : 0;
        for (auto const& key : image.layer_keys) layers[key] = layers[key] || is_used;
    }
    for (auto const& [key, is_used] : layers) {
        auto const size = layer_size(layout, key);
        auto const count = size && size.value() ? size.value()->count : 0;
        usage.size.count += count;
        usage.reclaimable.count += is_used ? 0 : count;
    }
    return usage;
}

Usage usage_of_packed_layers(Layout const& layout) {
    Usage usage{.kind = "Packed layers"};
    for (auto const& key : names_in(layout.layers())) {
        auto const names = names_in(layout.layer(key));
        bool const is_needed = std::ranges::find(names, split_name) == names.end();
        for (auto const& name : names) {
            auto const look = name.starts_with("blob-") ? stat_file(layout.layer(key) / name) : Result<struct stat>(Error(ENOENT, ""));
            if (!look) continue;
            ++usage.count;
            usage.in_use += is_needed ? 1 : 0;
            usage.size.count += static_cast<std::uint64_t>(look.value().st_size);
            usage.reclaimable.count += is_needed ? 0 : static_cast<std::uint64_t>(look.value().st_size);
        }
    }
    return usage;
}

// A running container's monitor holds its lock.
bool is_running(Layout const& layout, std::string const& id) {
    auto const file = layout.containers() / id / "lock";
    auto const lock = exists(file) ? FileLock::find(file, LockMode::shared) : Result<std::optional<FileLock>>(Error(ENOENT, ""));
    return lock && !lock.value();
}

// What containers wrote. One that has ended can be removed with it.
Usage usage_of_containers(Layout const& layout) {
    Usage usage{.kind = "Containers"};
    Seen seen;
    for (auto const& id : names_in(layout.containers())) {
        auto const size = size_on_disk(layout.containers() / id, seen);
        bool const runs = is_running(layout, id);
        ++usage.count;
        usage.in_use += runs ? 1 : 0;
        usage.size.count += size.count;
        usage.reclaimable.count += runs ? 0 : size.count;
    }
    return usage;
}

Usage usage_of_volumes(Layout const& layout) {
    Usage usage{.kind = "Volumes"};
    std::string records;
    for (auto const& id : names_in(layout.containers()))
        if (auto const text = find_file(layout.containers() / id / "config.json"); text && text.value()) records += *text.value();
    Seen seen;
    for (auto const& name : names_in(layout.volumes())) {
        auto const size = size_on_disk(layout.volumes() / name, seen);
        bool const is_used = records.find("\"" + name + "\"") != std::string::npos;
        ++usage.count;
        usage.in_use += is_used ? 1 : 0;
        usage.size.count += size.count;
        usage.reclaimable.count += is_used ? 0 : size.count;
    }
    return usage;
}

// Downloads that were broken off are gone on with; staging and trash are somebody's or nobody's.
Usage usage_of_rest(std::string kind, std::vector<HostPath> const& directories) {
    Usage usage{.kind = std::move(kind)};
    Seen seen;
    for (auto const& directory : directories)
        for (auto const& name : names_in(directory)) {
            if (name.ends_with(".lock")) continue;
            ++usage.count;
            usage.size.count += size_on_disk(directory / name, seen).count;
        }
    usage.reclaimable = usage.size;
    return usage;
}

// The documents that images and names need.
Result<std::set<std::string>> needed_documents(Layout const& layout) {
    std::set<std::string> needed;
    for (auto const& [manifest, index] : TRY(manifests_of_indexes(layout))) needed.insert(manifest);
    auto const list = TRY(list_images(layout));
    if (!list.warnings.empty()) return Error::of(EBADMSG, "{}; documents stay while it is unknown what that image needs", list.warnings.front());
    for (auto const& image : list.images) {
        needed.insert(image.id.text());
        needed.insert(image.manifest.text());
        for (auto const& text : image.references) {
            auto const name = image::Reference::parse(text);
            auto const record = name ? find_file(reference_file(layout, name.value())) : Result<std::optional<std::string>>(name.error());
            auto const parsed = record && record.value() ? parse_reference_record(*record.value()) : Result<ReferenceRecord>(Error(ENOENT, ""));
            if (!parsed) continue;
            needed.insert(parsed.value().manifest.text());
            needed.insert(parsed.value().repository.text());
        }
    }
    return needed;
}

bool is_old(struct stat const& look) { return Clock::now() - Clock::from_time_t(look.st_mtim.tv_sec) > std::chrono::hours(1); }

Result<void> collect_documents(Layout const& layout, Collected& collected) {
    // Nobody makes an image known or removes one meanwhile.
    auto const lock = TRY(FileLock::acquire(layout.lock(), LockMode::exclusive, std::chrono::seconds(10)).while_doing("wait until no image is made or removed"));
    auto const needed = TRY(needed_documents(layout));
    for (auto const& algorithm : names_in(layout.blobs()))
        for (auto const& prefix : names_in(layout.blobs() / algorithm))
            for (auto const& hex : names_in(layout.blobs() / algorithm / prefix)) {
                auto const file = layout.blobs() / algorithm / prefix / hex;
                auto const digest = algorithm + ":" + hex;
                auto const look = stat_file(file);
                if (needed.contains(digest) || !image::Digest::parse(digest) || !look || !is_old(look.value())) continue;
                TRY(remove_file(file));
                collected.freed.count += static_cast<std::uint64_t>(look.value().st_size);
                collected.documents.push_back(digest);
            }
    return {};
}

std::uint64_t size_of_all(Layout const& layout) {
    Seen seen;
    std::uint64_t size = 0;
    for (auto const& directory : {layout.tmp(), layout.trash(), layout.ingest(), layout.layers(), layout.containers()}) size += size_on_disk(directory, seen).count;
    return size;
}

} // namespace

Result<std::vector<Usage>> usage_of(Layout const& layout) {
    auto const list = TRY(list_images(layout));
    std::vector<Usage> usages;
    usages.push_back(usage_of_images(layout, list.images, used_images(layout)));
    usages.push_back(usage_of_packed_layers(layout));
    usages.push_back(usage_of_containers(layout));
    usages.push_back(usage_of_volumes(layout));
    usages.push_back(usage_of_rest("Downloads", {layout.ingest()}));
    usages.push_back(usage_of_rest("Left over", {layout.tmp(), layout.trash()}));
    return usages;
}

Result<Collected> collect_garbage(Layout const& layout) {
    Collected collected;
    auto const before = size_of_all(layout);
    collected.errors = sweep(layout, Layers::go);
    auto const after = size_of_all(layout);
    collected.freed.count = before > after ? before - after : 0;
    TRY(collect_documents(layout, collected));
    return collected;
}

} // namespace bolt::store
