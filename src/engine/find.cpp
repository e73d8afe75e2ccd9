// Containers looked up and listed. Readers take no lock: records and states are only ever replaced by rename, and what
// vanished meanwhile is as if it had never been there.
#include <algorithm>

#include "engine/containers.h"
#include "engine/monitor_calls.h"
#include "engine/record.h"
#include "sys/file.h"

namespace bolt::engine {

namespace {

// After a reboot, or before the first start, there is no state file; the exit record then says how the last run ended.
Result<monitor::State> find_current_state(store::Layout const& layout, Record const& record) {
    if (auto state = TRY(find_run(layout, record))) return std::move(*state);
    if (auto ended = TRY(monitor::find_exit_record(layout.containers() / record.id))) return std::move(*ended);
    return monitor::State{};
}

Result<std::optional<Container>> find_by_id(Installation const& here, std::string const& id, RecordPart part = RecordPart::whole) {
    auto record = TRY(find_record(here.layout, id, part));
    if (!record) return std::optional<Container>();
    auto state = TRY(find_current_state(here.layout, *record));
    return std::optional(Container{std::move(*record), std::move(state)});
}

Error not_found(std::string_view name) { return Error::of(ENOENT, "there is no container '{}'; `bolt ps -a` lists them", name); }

bool is_hexadecimal(std::string_view text) { return !text.empty() && text.size() <= 64 && text.find_first_not_of("0123456789abcdef") == text.npos; }

bool has_record(Installation const& here, std::string_view id) { return exists(here.layout.containers() / id / "config.json"); }

Result<std::optional<std::string>> find_id_by_prefix(Installation const& here, std::string_view prefix) {
    auto const ids = list_directory(here.layout.containers());
    if (!ids) return ids.error().is(ENOENT) ? Result<std::optional<std::string>>(std::nullopt) : ids.error();
    std::optional<std::string> found;
    for (auto const& id : ids.value()) {
        if (!id.starts_with(prefix) || !has_record(here, id)) continue;
        if (found) return Error::of(EEXIST, "several containers' ids begin with '{}', {} and {} among them; write more of it", prefix, found->substr(0, 12), id.substr(0, 12));
        found = id;
    }
    return found;
}

} // namespace

Result<std::string> find_container_id(Installation const& here, std::string_view name) {
    if (name.size() > 1 && name.starts_with('/')) name.remove_prefix(1); // as docker's inspect shows it
    if (ContainerId::parse(name) && has_record(here, name)) return std::string(name);
    // Names come before beginnings of ids, as with docker. A check first: a text with a '/' is no name but would be a path.
    if (check_object_name(name)) {
        auto const holder = read_symlink(here.layout.names() / name);
        if (!holder && !holder.error().is(ENOENT)) return holder.error();
        if (holder && has_record(here, holder.value())) return holder.value();
    }
    if (!is_hexadecimal(name)) return not_found(name);
    auto const id = TRY(find_id_by_prefix(here, name));
    return id ? Result<std::string>(*id) : not_found(name);
}

Result<Container> find_container(Installation const& here, std::string_view name) {
    auto found = TRY(find_by_id(here, TRY(find_container_id(here, name))));
    return found ? Result<Container>(std::move(*found)) : not_found(name);
}

Result<Listing> list_containers(Installation const& here) {
    Listing listing;
    auto const ids = list_directory(here.layout.containers());
    if (!ids) return ids.error().is(ENOENT) ? Result<Listing>(std::move(listing)) : ids.error();
    listing.containers.reserve(ids.value().size());
    for (auto const& id : ids.value()) {
        auto found = find_by_id(here, id, RecordPart::summary);
        if (!found) listing.warnings.push_back(fmt::format("container {} is left out: {}", id.substr(0, 12), found.error().text()));
        else if (found.value()) listing.containers.push_back(std::move(*found.value()));
    }
    std::ranges::sort(listing.containers, std::greater(), [](Container const& container) { return container.record.created; });
    return listing;
}

} // namespace bolt::engine
