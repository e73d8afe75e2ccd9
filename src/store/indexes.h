// Image indexes that are put together here, image by image, until they are pushed: indexes/HOST+REPO:TAG, each a document as
// image-index.md has it. Its images are those of the store.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/reference.h"
#include "store/layout.h"

namespace bolt::store {

struct NamedIndex {
    image::Reference name;
    std::string document;
};

Result<std::optional<NamedIndex>> find_index(Layout const& layout, image::Reference const& name);
// By name.
Result<std::vector<NamedIndex>> list_indexes(Layout const& layout);
// EEXIST when there is an index or an image of this name; EINVAL for a name that is no tag.
Result<void> make_index(Layout const& layout, image::Reference const& name, std::string_view document);
// ENOENT when there is none; `change` gets the document as it is and nobody else changes it meanwhile.
Result<void> change_index(Layout const& layout, image::Reference const& name, std::function<Result<std::string>(std::string const&)> const& change);
// ENOENT when there is none.
Result<void> remove_index(Layout const& layout, image::Reference const& name);
// Digest of a manifest, and an index that has it.
Result<std::vector<std::pair<std::string, std::string>>> manifests_of_indexes(Layout const& layout);

} // namespace bolt::store
