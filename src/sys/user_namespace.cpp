#include "sys/user_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/channel.h"
#include "sys/file.h"

namespace bolt {

namespace {

std::vector<IdRange> own_id_first(std::uint32_t own, std::vector<SubordinateRange> const& ranges) {
    std::vector<IdRange> map{{0, own, 1}};
    std::uint32_t next = 1;
    for (auto const& range : ranges) {
        map.push_back({next, range.first, range.count});
        next += range.count;
    }
    return map;
}

IdMappings single_id(CallingUser const& user, std::string_view reason) {
    return {{{0, user.uid, 1}},
            {{0, user.gid, 1}},
            fmt::format("{}: only your own id is mapped, so files of other users in images become yours and programs that change user fail", reason)};
}

} // namespace

Result<IdMappings> mappings_of(CallingUser const& user) {
    auto const ranges = [&](std::string_view file) -> Result<std::vector<SubordinateRange>> {
        auto const text = TRY(find_file(TRY(HostPath::parse(file))));
        return parse_subordinate_ranges(text.value_or(""), user.name, user.uid);
    };
    auto const users = TRY(ranges("/etc/subuid"));
    auto const groups = TRY(ranges("/etc/subgid"));
    if (users.empty() || groups.empty())
        return single_id(user, fmt::format("user '{}' has no range in {} (as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {})", user.name,
                                           users.empty() ? "/etc/subuid" : "/etc/subgid", user.name));
    for (std::string_view const program : {"newuidmap", "newgidmap"})
        if (!find_program(program)) return single_id(user, fmt::format("program '{}' is missing (install the package 'uidmap')", program));
    return IdMappings{own_id_first(user.uid, users), own_id_first(user.gid, groups), std::nullopt};
}

std::string format_id_map(std::vector<IdRange> const& ranges) {
    std::string text;
    for (auto const& range : ranges) text += fmt::format("{} {} {}\n", range.inside, range.outside, range.count);
    return text;
}

namespace {

Result<HostPath> proc_file(pid_t pid, std::string_view name) { return HostPath::parse(fmt::format("/proc/{}/{}", pid, name)); }

// The kernel takes a map in one write(2) only.
Result<void> write_proc(pid_t pid, std::string_view name, std::string_view text) {
    auto const path = TRY(proc_file(pid, name));
    auto const fd = TRY(open_file(path, O_WRONLY));
    auto written = write_all(fd, text);
    if (!written && written.error().is(EINVAL)) return Error::of(EINVAL, "'{}' takes no ranges that are empty or overlap, nor more than 340", path);
    return std::move(written).while_doing("write '{}'", path);
}

Result<Process> start_mapper(std::string_view program, pid_t pid, std::vector<IdRange> const& ranges, FdRef complaints) {
    SpawnOptions options;
    options.arguments = {std::string(program), fmt::format("{}", pid)};
    for (auto const& range : ranges)
        for (auto const number : {range.inside, range.outside, range.count}) options.arguments.push_back(fmt::format("{}", number));
    options.error = complaints;
    return spawn(TRY(find_program(program)), options);
}

Result<void> map_with_helpers(pid_t pid, IdMappings const& mappings) {
    auto complaints = TRY(make_pipe());
    auto users = TRY(start_mapper("newuidmap", pid, mappings.users, complaints.write_end));
    auto groups = TRY(start_mapper("newgidmap", pid, mappings.groups, complaints.write_end));
    complaints.write_end.close();
    auto const users_ended = TRY(users.wait());
    auto const groups_ended = TRY(groups.wait());
    if (users_ended.shell_code() == 0 && groups_ended.shell_code() == 0) return {};
    auto const said = read_to_end(complaints.read_end);
    return Error::of(EPERM, "map user and group ids: {} {}: {}; compare /etc/subuid and /etc/subgid with the maps that exist already",
                     users_ended.shell_code() != 0 ? "newuidmap" : "newgidmap", (users_ended.shell_code() != 0 ? users_ended : groups_ended).text(),
                     said ? trim(said.value()) : "");
}

} // namespace

Result<void> write_id_maps(pid_t pid, IdMappings const& mappings) {
    bool const own_id_only = mappings.users.size() == 1 && mappings.groups.size() == 1 && mappings.users[0].count == 1 && mappings.groups[0].count == 1 &&
                             mappings.users[0].outside == geteuid() && mappings.groups[0].outside == getegid();
    if (!own_id_only && geteuid() != 0) return map_with_helpers(pid, mappings);
    // An unprivileged writer must give up setgroups(2) first: groups that take rights away could be dropped by it.
    if (geteuid() != 0) TRY(write_proc(pid, "setgroups", "deny"));
    TRY(write_proc(pid, "gid_map", format_id_map(mappings.groups)));
    return write_proc(pid, "uid_map", format_id_map(mappings.users));
}

namespace {

Result<void> become_namespace_root() {
    if (setresgid(0, 0, 0) < 0) return Error::from_errno("become group 0 of the user namespace");
    if (setresuid(0, 0, 0) < 0) return Error::from_errno("become user 0 of the user namespace");
    return {};
}

// /proc/PID/uid_map pads its columns; compare numbers.
bool same_map(std::string_view text, std::vector<IdRange> const& wanted) {
    std::vector<IdRange> found;
    for (auto const line : split(text, '\n')) {
        std::uint32_t numbers[3]{};
        std::size_t count = 0;
        for (auto const word : split(line, ' '))
            if (!word.empty() && count < 3) numbers[count++] = static_cast<std::uint32_t>(parse_unsigned(word) ? parse_unsigned(word).value() : 0);
        if (count == 3) found.push_back({numbers[0], numbers[1], numbers[2]});
    }
    return found == wanted;
}

// Whether the namespace of a registered process could be joined. A holder that is gone, or whose mappings are no longer
// what /etc/subuid says, is no failure.
Result<bool> try_to_join(HostPath const& entry, IdMappings const& wanted) {
    auto const [pid_text, start_text, found] = cut(entry.name(), '.');
    auto const pid = parse_unsigned(pid_text);
    auto const start = parse_unsigned(start_text);
    if (!pid || !start) return false;
    auto const holder = static_cast<pid_t>(pid.value());
    if (!TRY(find_process(holder, start.value()))) {
        unlink(entry.c_str()); // left by a process that was killed
        return false;
    }
    auto const users = read_file(TRY(proc_file(holder, "uid_map")));
    auto const groups = read_file(TRY(proc_file(holder, "gid_map")));
    if (!users || !groups || !same_map(users.value(), wanted.users) || !same_map(groups.value(), wanted.groups)) return false;
    auto const name_space = open_file(TRY(proc_file(holder, "ns/user")), O_RDONLY);
    if (!name_space || setns(name_space.value().number(), CLONE_NEWUSER) < 0) return false;
    TRY(become_namespace_root());
    return true;
}

Result<bool> join_a_holder(HostPath const& holders, IdMappings const& wanted) {
    auto const entries = list_directory(holders);
    if (!entries) return entries.error().is(ENOENT) ? Result<bool>(false) : entries.error();
    for (auto const& name : entries.value())
        if (TRY(try_to_join(holders / name, wanted))) return true;
    return false;
}

Result<void> make_own(IdMappings const& mappings) {
    auto const caller = getpid();
    auto [ours, theirs] = TRY(Channel::make_pair());
    // The maps must be written from outside, and newuidmap can only be run there: a child stays behind for it.
    auto mapper = TRY(clone_process({}, [&ours = ours, &theirs = theirs, &mappings, caller] {
        ours.close();
        auto const word = theirs.receive();
        if (!word || !word.value()) return 1;
        return run_child(theirs, [&] { return write_id_maps(caller, mappings); });
    }));
    theirs.close();
    if (unshare(CLONE_NEWUSER) < 0)
        return Error::from_errno("make a user namespace{}", errno == EPERM || errno == ENOSPC
                                                                 ? " (see the sysctls user.max_user_namespaces and kernel.unprivileged_userns_clone; in a chroot(8) the kernel refuses it always)"
                                                                 : "");
    TRY(ours.send("go"));
    TRY(receive_report(ours, mapper, "map user ids"));
    TRY(mapper.wait());
    return become_namespace_root();
}

} // namespace

Result<UserNamespaceEntry> enter_user_namespace_of_caller(HostPath const& holders) {
    if (geteuid() == 0) return UserNamespaceEntry{};
    auto mappings = TRY(mappings_of(TRY(calling_user())));
    if (!TRY(join_a_holder(holders, mappings))) TRY(make_own(mappings));
    return UserNamespaceEntry{true, std::move(mappings.shortage)};
}

Result<UserNamespaceHolder> UserNamespaceHolder::register_self(HostPath const& holders) {
    TRY(make_directories(holders, 0700));
    auto const entry = holders / fmt::format("{}.{}", getpid(), TRY(start_time_of(getpid())));
    TRY(open_file(entry, O_WRONLY | O_CREAT, 0600));
    return UserNamespaceHolder(entry);
}

Result<UniqueFd> make_user_namespace(IdMappings const& mappings) {
    // Somebody must be in it while it is set up, and is killed when this returns; the descriptor keeps it.
    auto const dweller = TRY(clone_process({.namespaces = CLONE_NEWUSER}, [] { return pause(); }));
    TRY(write_id_maps(dweller.pid(), mappings));
    return open_file(TRY(proc_file(dweller.pid(), "ns/user")), O_RDONLY);
}

UserNamespaceHolder::~UserNamespaceHolder() {
    if (entry_) unlink(entry_->c_str());
}

} // namespace bolt
