#include "oci/resctrl.h"

#include <algorithm>
#include <set>

#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"
#include "sys/mount_table.h"

namespace bolt::oci {

namespace {

// In the order in which they are to be written.
std::vector<std::string> lines_of(spec::IntelRdt const& wanted) {
    std::vector<std::string> lines;
    // A line for memory bandwidth in the wrong field gives way to that of its own.
    if (bool const is_bandwidth = wanted.l3_cache_schema.starts_with("MB:"); !wanted.l3_cache_schema.empty() && !(is_bandwidth && !wanted.mem_bw_schema.empty()))
        lines.push_back(wanted.l3_cache_schema);
    if (!wanted.mem_bw_schema.empty()) lines.push_back(wanted.mem_bw_schema);
    lines.insert(lines.end(), wanted.schemata.begin(), wanted.schemata.end());
    return lines;
}

Result<void> write_line(HostPath const& directory, std::string_view line) {
    auto const file = TRY(open_file(directory / "schemata", O_WRONLY));
    auto const written = write_all(file, fmt::format("{}\n", line));
    if (written) return {};
    // The kernel's own words for a refusal.
    auto const why = find_file(directory.parent() / "info/last_cmd_status");
    auto const said = why && why.value() ? trim(*why.value()) : std::string_view();
    return Error::of(written.error().code(), "'{}' is refused{}{}", line, said.empty() ? "" : ": ", said);
}

// "L3:0=00ff;1=00ff" as {"L3:0=ff", "L3:1=ff"}: the kernel puts blanks and zeros before what it shows.
std::set<std::string> schemata_in(std::string_view text) {
    std::set<std::string> shares;
    for (auto const line : split(text, '\n')) {
        auto const [resource, domains, found] = cut(trim(line), ':');
        for (auto const domain : split(domains, ';')) {
            auto const [number, value, has_value] = cut(domain, '=');
            auto shown = trim(value);
            while (shown.size() > 1 && shown.front() == '0') shown.remove_prefix(1);
            if (has_value) shares.insert(fmt::format("{}:{}={}", resource, trim(number), shown));
        }
    }
    return shares;
}

Result<void> compare(HostPath const& directory, spec::IntelRdt const& wanted) {
    auto const there = schemata_in(TRY(read_file(directory / "schemata")));
    for (auto const& line : lines_of(wanted))
        if (auto const shares = schemata_in(line); !std::ranges::includes(there, shares)) return Error::of(EEXIST, "the class '{}' exists with other schemata than '{}'", directory.name(), line);
    return {};
}

Result<HostPath> find_class(spec::IntelRdt const& wanted, std::string_view id, HostPath const& top, RdtClass& made) {
    if (wanted.clos_id == "/") return top;
    bool const is_own = wanted.clos_id.empty();
    auto directory = top / (is_own ? id : std::string_view(wanted.clos_id));
    if (is_own) {
        TRY(make_directory(directory, 0755));
        made.own.push_back(directory);
    } else if (exists(directory)) {
        TRY(compare(directory, wanted));
        return directory;
    } else if (!wanted.has_schemata()) {
        return Error::of(ENOENT, "closID: there is no class '{}' in '{}'", wanted.clos_id, top);
    } else {
        TRY(make_directory(directory, 0755));
    }
    auto written = change_rdt_class(directory, wanted);
    if (!written && !is_own) rmdir(directory.c_str());
    TRY(std::move(written));
    return directory;
}

} // namespace

Result<HostPath> resctrl_top() {
    for (auto const& entry : TRY(read_mount_table()))
        if (entry.type == "resctrl") return HostPath::parse(entry.place);
    return Error::of(ENOTSUP, "no resctrl file system is mounted on this host; if its processors have it: mount -t resctrl resctrl /sys/fs/resctrl");
}

Result<RdtClass> make_rdt_class(spec::IntelRdt const& wanted, std::string_view id, HostPath const& top) {
    RdtClass made;
    auto const done = [&]() -> Result<void> {
        auto const directory = TRY(find_class(wanted, id, top, made));
        made.entered.push_back(directory);
        if (!wanted.enable_monitoring) return {};
        auto const group = directory / "mon_groups" / id;
        TRY(make_directory(group, 0755).while_doing("enableMonitoring"));
        made.own.insert(made.own.begin(), group);
        made.entered.push_back(group);
        return {};
    }();
    if (done) return made;
    remove_rdt_class(made.own);
    return done.error();
}

Result<void> enter_rdt_class(std::vector<HostPath> const& entered, pid_t pid) {
    for (auto const& directory : entered) {
        auto const tasks = TRY(open_file(directory / "tasks", O_WRONLY));
        TRY(write_all(tasks, fmt::format("{}", pid)).while_doing("enter '{}'", directory));
    }
    return {};
}

Result<void> change_rdt_class(HostPath const& directory, spec::IntelRdt const& wanted) {
    for (auto const& line : lines_of(wanted)) TRY(write_line(directory, line));
    return {};
}

void remove_rdt_remains(spec::IntelRdt const& wanted, std::string_view id) {
    auto const top = resctrl_top();
    if (!top) return;
    auto const directory = wanted.clos_id == "/" ? top.value() : top.value() / (wanted.clos_id.empty() ? id : std::string_view(wanted.clos_id));
    rmdir((directory / "mon_groups" / id).c_str());
    if (wanted.clos_id.empty()) rmdir(directory.c_str());
}

ErrorList remove_rdt_class(std::vector<HostPath> const& own) {
    ErrorList errors;
    for (auto const& directory : own)
        if (rmdir(directory.c_str()) < 0 && errno != ENOENT) errors.push_back(Error::from_errno("remove '{}'", directory));
    return errors;
}

} // namespace bolt::oci
