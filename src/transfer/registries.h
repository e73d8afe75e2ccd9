// Which registry answers for a name: containers-registries.conf(5), version 2, as podman, skopeo and buildah read it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "image/reference.h"
#include "transfer/registry.h"

namespace bolt::transfer {

class Registries {
public:
    // $CONTAINERS_REGISTRIES_CONF alone, else ~/.config/containers/registries.conf or /etc/containers/registries.conf; then the files
    // *.conf of /etc/containers/registries.conf.d and ~/.config/containers/registries.conf.d, in the order of their names, and the
    // aliases that podman remembers. What comes later counts. EINVAL names a file that cannot be understood. What says nothing about `reference`
    // may be left out.
    static Result<Registries> load(image::Reference const& reference);
    // Who keeps logins, one after the other: programs and `credential_files_word`; empty where no file says.
    static Result<std::vector<std::string>> load_credential_helpers();
    // One document's contents on top of what there is.
    Result<void> add(Json const& document, std::string const& file);

    // What a name without a registry may stand for, in the order to be tried: its alias, else the name in each registry that is
    // searched, else only `reference` itself. EINVAL when `short-name-mode` asks for a registry and there are several.
    Result<std::vector<image::Reference>> meanings_of(image::Reference const& reference) const;

    // A name without a registry, in every registry that is searched; in the default one where none is.
    std::vector<image::Reference> searched(image::Reference const& reference) const;

    // Where to ask for it, in order: mirrors, for pulling, then the registry's own location. The names are the places' own.
    struct Place {
        image::Reference reference;
        bool is_insecure = false; // neither encryption nor certificates are asked for
        bool is_asked_host = true; // else a mirror's, or another location's: what is meant for the host that was named is not for it
        // For requests to this place: a login that was given with the command goes to the named host alone.
        RegistryOptions adapt(RegistryOptions options) const;
    };
    // Pushes go to the name itself: of a registry's entry 'blocked' and 'insecure' count for them.
    enum class Use { pull, push };
    // EPERM when the registry is blocked. EINVAL for a location that names no host.
    Result<std::vector<Place>> places_of(image::Reference const& reference, Use use) const;

private:
    struct Mirror {
        std::string location, used_for; // "all", "digest-only", "tag-only"
        bool is_insecure = false;
    };
    struct Entry {
        std::string prefix, location, file;
        bool is_insecure = false, is_blocked = false;
        std::vector<Mirror> mirrors;
    };
    static Result<Entry> parse_entry(Json const& entry, std::string const& file);
    Entry const* find(image::Reference const& reference) const;

    std::vector<Entry> entries_;
    std::vector<std::string> searched_;
    std::string short_name_mode_;
    std::map<std::string, std::string, std::less<>> aliases_;
};

} // namespace bolt::transfer
