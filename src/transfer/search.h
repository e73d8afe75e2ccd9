// What a registry has: by its search, which Docker's version 1 API and a few registries offer, else by the list of its repositories
// (distribution specification's predecessor, "Listing Repositories"), and the tags of one (distribution specification 1.1, "Listing Tags").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "transfer/registry.h"

namespace bolt::transfer {

struct SearchFind {
    std::string name; // "docker.io/library/nginx"
    std::string description;
    std::uint64_t stars = 0;
    bool is_official = false, is_automated = false;
};

// At most `limit` repositories with `term` in their names, for a registry that was made for Access::catalog. ENOTSUP when it offers
// neither search nor list, or not to us.
Result<std::vector<SearchFind>> search(Registry& registry, std::string_view term, std::size_t limit);

// The tags of the registry's repository, at most `limit`, sorted.
Result<std::vector<std::string>> list_tags(Registry& registry, std::size_t limit);

// The names of all images of a repository, a tag each, as registries.conf has them looked for: the first meaning of a short name and
// the first mirror that answers. Errors: the registries', one after the other; ECANCELED.
Result<std::vector<image::Reference>> find_all_tags(image::Reference const& repository, RegistryOptions const& options);

} // namespace bolt::transfer
