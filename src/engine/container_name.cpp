#include "engine/container_name.h"

#include <array>

#include "sys/file.h"
#include "sys/lock.h"
#include "sys/random.h"

namespace bolt::engine {

namespace {

constexpr std::string_view adjectives[] = {
    "able",   "airy",   "amber",  "ample",  "apt",    "ardent", "azure",  "balmy",  "blithe", "bold",   "brave",  "breezy", "bright", "brisk",  "calm",   "candid",
    "chief",  "civil",  "clear",  "clever", "cosy",   "crisp",  "daring", "deft",   "eager",  "early",  "even",   "fair",   "fleet",  "fond",   "frank",  "fresh",
    "gentle", "glad",   "golden", "grand",  "hardy",  "hazel",  "honest", "humble", "jolly",  "keen",   "kind",   "lively", "loyal",  "lucid",  "lucky",  "mellow",
    "merry",  "mild",   "modest", "neat",   "nimble", "noble",  "patient", "placid", "plucky", "polite", "proud",  "quick",  "quiet",  "ready",  "serene", "sharp",
    "silver", "smooth", "snug",   "sober",  "solid",  "spry",   "stable", "steady", "sturdy", "sunny",  "swift",  "tidy",   "trusty", "upbeat", "vivid",  "witty",
};
constexpr std::string_view nouns[] = {
    "anchor", "anvil",  "arrow",  "aspen",  "badger", "beacon", "beaver", "birch",  "brook",  "canyon", "cedar",  "cliff",  "clover", "comet",  "compass", "coral",
    "crane",  "delta",  "dune",   "eagle",  "elm",    "ember",  "falcon", "fern",   "finch",  "fjord",  "forge",  "fox",    "garnet", "glacier", "granite", "grove",
    "harbor", "hawk",   "heron",  "hinge",  "island", "ivy",    "jasper", "kestrel", "lagoon", "lantern", "lark",   "lever",  "linden", "lynx",   "maple",  "marten",
    "meadow", "meteor", "mill",   "moss",   "oak",    "orchard", "osprey", "otter",  "pebble", "pine",   "plover", "prairie", "quarry", "quartz", "raven",  "reef",
    "ridge",  "river",  "robin",  "rowan",  "sail",   "spark",  "spruce", "summit", "swan",   "thistle", "tide",   "tundra", "valley", "walnut", "willow", "wren",
};

// Whether the holder of a link is gone: no record, and nobody making one. The container's directory may be gone too.
Result<bool> is_dead(store::Layout const& layout, std::string const& id) {
    auto const directory = layout.containers() / id;
    if (exists(directory / "config.json")) return false;
    if (!exists(directory)) return true;
    auto const lock = FileLock::find(directory / "lock", LockMode::exclusive);
    if (!lock) return lock.error().is(ENOENT) ? Result<bool>(true) : lock.error();
    // Looked at again with the lock in hand: the record may have been written and the lock released since.
    return lock.value().has_value() && !exists(directory / "config.json");
}

// The holder's id; none when the name was taken over or freed meanwhile.
Result<std::optional<std::string>> find_holder(HostPath const& link) {
    auto holder = read_symlink(link);
    if (holder) return std::optional(std::move(holder).value());
    if (holder.error().is(ENOENT)) return std::optional<std::string>();
    return std::move(holder).error();
}

// Two may find the same dead link: one lock for all of them, so that none removes what the other has just taken.
Result<void> take_over(store::Layout const& layout, HostPath const& link, std::string const& dead_id) {
    auto const lock = TRY(FileLock::acquire(layout.names_lock(), LockMode::exclusive, std::chrono::seconds(5)));
    auto const holder = TRY(find_holder(link));
    if (!holder || *holder != dead_id) return {};
    TRY(remove_file(link));
    // What the dead one left; nobody knows its id any more.
    return remove_tree(layout.containers() / dead_id);
}

} // namespace

Result<void> take_name(store::Layout const& layout, std::string_view name, ContainerId const& id) {
    TRY(check_object_name(name));
    auto const link = layout.names() / name;
    for (int tries = 0; tries < 5; ++tries) {
        auto made = make_symlink(id.text(), link);
        if (made || !made.error().is(EEXIST)) return made;
        auto const holder = TRY(find_holder(link));
        if (!holder) continue;
        if (!TRY(is_dead(layout, *holder)))
            return Error::of(EEXIST, "the name '{}' is used by container {}; remove it (bolt rm {}) or choose another name", name, holder->substr(0, 12), name);
        TRY(take_over(layout, link, *holder).while_doing("take the name '{}' over from a container that was never finished", name));
    }
    return Error::of(EEXIST, "the name '{}' is being taken by others at the same time; choose another name", name);
}

std::string generated_name(std::uint64_t number) {
    return fmt::format("{}_{}", adjectives[number % std::size(adjectives)], nouns[number / std::size(adjectives) % std::size(nouns)]);
}

Result<std::string> take_generated_name(store::Layout const& layout, ContainerId const& id) {
    // The id is random; its digits choose the name. After some collisions a number follows, as docker does it.
    for (unsigned tries = 0; tries < 20; ++tries) {
        std::array<unsigned char, 4> random{};
        TRY(fill_random(random));
        auto const number = std::uint64_t{random[0]} | std::uint64_t{random[1]} << 8 | std::uint64_t{random[2]} << 16;
        auto name = generated_name(number);
        if (tries >= 3) name += fmt::format("{}", random[3] % 100);
        auto const taken = take_name(layout, name, id);
        if (taken) return name;
        if (!taken.error().is(EEXIST)) return taken.error();
    }
    auto name = fmt::format("bolt_{}", id.brief());
    TRY(take_name(layout, name, id));
    return name;
}

Result<void> release_name(store::Layout const& layout, std::string_view name, std::string_view id) {
    auto const link = layout.names() / name;
    auto const holder = TRY(find_holder(link));
    if (!holder || *holder != id) return {};
    auto const removed = remove_file(link);
    return removed || removed.error().is(ENOENT) ? Result<void>() : removed.error();
}

} // namespace bolt::engine
