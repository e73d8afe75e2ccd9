// How bolt-transfer's commands come to the registry that is meant.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "cli/registry_words.h"
#include "image/reference.h"
#include "sys/lock.h"
#include "transfer/registries.h"
#include "transfer/registry.h"

namespace bolt::cli {

// As the words say; credential helpers are started, and signals that end the process only ask for its end. Before any threads.
Result<transfer::RegistryOptions> registry_options(RegistryWords const& words);

// The digest, or the tag.
std::string tag_or_digest(image::Reference const& name);

// What a name without a registry may stand for, in the order in which registries.conf has them; else the name alone.
Result<std::vector<image::Reference>> meanings_of(image::Reference const& name);

// One at a time of this user's adds to what a registry lists under a tag: it has no way to refuse who has not seen the other's.
Result<FileLock> hold_lists();

// Every place where a name may be found, in the order in which registries.conf has them.
Result<std::vector<transfer::Registries::Place>> places_to_ask(image::Reference const& name);

// The answer of the first place that has the name.
template <typename Value>
Result<Value> ask_places(image::Reference const& name, transfer::RegistryOptions const& options, std::function<Result<Value>(transfer::Registry&)> const& ask) {
    Error last(ENOENT, fmt::format("'{}' has no registry", name.text()));
    for (auto const& place : TRY(places_to_ask(name))) {
        transfer::Registry registry(place.reference, transfer::Access::pull, place.adapt(options));
        auto outcome = ask(registry);
        // A mirror need not have it, nor know the user.
        bool const goes_on = !outcome && ((outcome.error().is(EACCES) && !place.is_asked_host) || outcome.error().is(ENOENT) || outcome.error().is(ECONNREFUSED) || outcome.error().is(EHOSTUNREACH));
        if (!goes_on) return outcome;
        last = outcome.error();
    }
    return last;
}

} // namespace bolt::cli
