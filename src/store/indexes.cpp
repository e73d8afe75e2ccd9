#include "store/indexes.h"

#include <algorithm>

#include "spec/image_manifest.h"
#include "store/image_record.h"
#include "sys/file.h"
#include "sys/lock.h"

namespace bolt::store {

namespace {

constexpr auto index_patience = std::chrono::seconds(10);

// No name of an image has a '+'.
HostPath index_file(Layout const& layout, image::Reference const& name) {
    auto text = name.text();
    std::ranges::replace(text, '/', '+');
    return layout.indexes() / text;
}

Error unknown(image::Reference const& name) { return Error::of(ENOENT, "there is no image index '{}'; `bolt manifest ls` lists them", name.text()); }

} // namespace

Result<std::optional<NamedIndex>> find_index(Layout const& layout, image::Reference const& name) {
    auto text = TRY(find_file(index_file(layout, name)));
    return text ? std::optional(NamedIndex{name, std::move(*text)}) : std::nullopt;
}

Result<std::vector<NamedIndex>> list_indexes(Layout const& layout) {
    std::vector<NamedIndex> found;
    auto files = list_directory(layout.indexes());
    if (!files) return files.error().is(ENOENT) ? Result<std::vector<NamedIndex>>(std::move(found)) : files.error();
    std::ranges::sort(files.value());
    for (auto text : files.value()) {
        std::ranges::replace(text, '+', '/');
        auto const name = image::Reference::parse(text);
        if (!name) continue; // being written
        if (auto index = TRY(find_index(layout, name.value()))) found.push_back(std::move(*index));
    }
    return found;
}

Result<void> make_index(Layout const& layout, image::Reference const& name, std::string_view document) {
    if (name.digest() || name.is_shipped()) return Error::of(EINVAL, "'{}' is no name for an image index; write NAME[:TAG]", name.text());
    TRY(layout.prepare());
    auto const change = TRY(FileLock::acquire(layout.lock(), LockMode::shared, index_patience));
    auto const images = TRY(FileLock::acquire(layout.images_lock(), LockMode::exclusive, index_patience));
    auto const file = index_file(layout, name);
    if (exists(file)) return Error::of(EEXIST, "there is an image index '{}' already; `bolt manifest rm` removes it, or add to it with --amend", name.text());
    if (exists(reference_file(layout, name))) return Error::of(EEXIST, "'{}' is the name of an image; choose another, or `bolt untag` that one first", name.text());
    TRY(make_directories(layout.indexes(), 0700));
    return write_file(file, document, 0600, Durability::synced);
}

Result<void> change_index(Layout const& layout, image::Reference const& name, std::function<Result<std::string>(std::string const&)> const& change) {
    TRY(layout.prepare());
    auto const lock = TRY(FileLock::acquire(layout.lock(), LockMode::shared, index_patience));
    auto const images = TRY(FileLock::acquire(layout.images_lock(), LockMode::exclusive, index_patience));
    auto const index = TRY(find_index(layout, name));
    if (!index) return unknown(name);
    return write_file(index_file(layout, name), TRY(change(index->document).while_doing("image index '{}'", name.text())), 0600, Durability::synced);
}

Result<void> remove_index(Layout const& layout, image::Reference const& name) {
    TRY(layout.prepare());
    auto const images = TRY(FileLock::acquire(layout.images_lock(), LockMode::exclusive, index_patience)); // nobody adds to it meanwhile
    auto const removed = remove_file(index_file(layout, name));
    return !removed && removed.error().is(ENOENT) ? Result<void>(unknown(name)) : removed;
}

Result<std::vector<std::pair<std::string, std::string>>> manifests_of_indexes(Layout const& layout) {
    std::vector<std::pair<std::string, std::string>> found;
    for (auto const& index : TRY(list_indexes(layout))) {
        auto const parsed = TRY(spec::parse_manifest_or_index(index.document, "").while_doing("read image index '{}' (`bolt manifest rm` removes it)", index.name.text()));
        auto const* const known = std::get_if<spec::ImageIndex>(&parsed);
        for (auto const& manifest : known ? known->manifests : std::vector<spec::Descriptor>()) found.emplace_back(manifest.digest, index.name.text());
    }
    return found;
}

} // namespace bolt::store
