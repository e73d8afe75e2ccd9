// A running container's cgroup, changed: limits, and the freezer.
#include <algorithm>

#include <fcntl.h>

#include "base/text.h"
#include "oci/cgroup_trees.h"
#include "oci/cgroups.h"
#include "sys/file.h"

namespace bolt::oci {

namespace {

// config-linux.md, checkBeforeUpdate.
Result<void> check_memory(HostPath const& directory, spec::Resources::Memory const& memory) {
    if (!memory.check_before_update || memory.limit.value_or(-1) <= 0) return {};
    auto used = find_file(directory / "memory.current");
    if (!used || !used.value()) used = find_file(directory / "memory.usage_in_bytes");
    if (!used || !used.value()) return {};
    auto const bytes = TRY(parse_unsigned(trim(*used.value())));
    if (bytes <= static_cast<std::uint64_t>(*memory.limit)) return {};
    return Error::of(EBUSY, "resources.memory.limit: {} bytes are used and {} would be left", bytes, *memory.limit);
}

// Below the tree's top: v1 and hybrid hosts have a tree a controller, whose name comes first.
std::string path_in_tree(HostPath const& directory, CgroupVersion version) {
    auto const below = directory.text().substr(cgroup_top().text().size());
    return version == CgroupVersion::v2 ? below : below.substr(std::min(below.find('/', 1), below.size()));
}

// They may start others meanwhile, which are born where their parents are.
Result<void> move_all(Cgroup const& from, HostPath const& to) {
    constexpr int tries = 100;
    auto const destination = Cgroup::adopt({to});
    for (int left = tries; left > 0; --left) {
        std::vector<pid_t> inside;
        auto const all = from.members();
        collect_processes(to, inside);
        if (inside.size() >= all.size()) return {};
        for (pid_t const pid : all)
            if (auto moved = destination.add(pid); !moved && !moved.error().is(ESRCH)) return moved;
    }
    return Error::of(EBUSY, "processes are started faster than they can be moved into '{}'", to);
}

// What the files of settings say.
class SettingsBefore {
public:
    explicit SettingsBefore(std::vector<CgroupSetting> const& settings) : settings_(settings) {}

    void read(HostPath const& directory) {
        for (auto const& setting : settings_)
            for (auto const& name : {setting.file, setting.other_file}) {
                if (name.empty()) continue;
                auto const file = directory / name;
                auto known = std::ranges::find(files_, file, &File::path);
                if (known == files_.end()) {
                    auto const text = find_file(file);
                    if (!text || !text.value()) continue;
                    known = files_.insert(files_.end(), {file, {}, *text.value()});
                }
                if (auto none = none_of(setting); !none.empty()) known->none.push_back(std::move(none));
            }
    }

    // In both orders: of limits that bound each other one can be lowered, or raised, only after the other.
    void write_back() const {
        for (auto const& file : files_) file.write();
        for (auto file = files_.rbegin(); file != files_.rend(); ++file) file->write();
    }

private:
    struct File {
        HostPath path;
        std::vector<std::string> none; // for the devices that the text does not name: without a limit
        std::string text;
        void write() const {
            auto const fd = open_file(path, O_WRONLY);
            if (!fd) return; // the group has gone
            for (auto const& line : none) put(fd.value(), line);
            if (path.name() == "memory.oom_control") {
                auto const setting = cut(text, '\n').before; // "oom_kill_disable 0", and what is only told after it
                return put(fd.value(), setting.substr(setting.rfind(' ') + 1));
            }
            if (trim(text).empty() && none.empty()) put(fd.value(), "\n"); // cpuset.cpus of version 2: what the parent has
            for (auto const line : split(trim(text), '\n')) put(fd.value(), line);
        }
        static void put(FdRef fd, std::string_view line) { (void)write_all(fd, line).ok(); } // the error that counts is the other one
    };

    static std::string none_of(CgroupSetting const& setting) {
        auto const device = cut(setting.value, ' ').before;
        if (setting.file == "io.max") return fmt::format("{} rbps=max wbps=max riops=max wiops=max", device);
        return setting.file.starts_with("blkio.throttle.") ? fmt::format("{} 0", device) : std::string();
    }

    std::vector<CgroupSetting> const& settings_;
    std::vector<File> files_;
};

} // namespace

Result<HostPath> Cgroup::directory_in(std::string_view tree, std::vector<CgroupSetting> const& settings) {
    if (!exists()) return Error::of(ENOTSUP, "the container has no cgroup of its own");
    auto const tree_top = top_of(tree);
    auto const directory = TRY(HostPath::parse(tree_top.text() + path_in_tree(directories_.front(), cgroup_version())));
    // Two controllers may be in one tree, which then has two names.
    for (auto const& own : directories_)
        if (is_same_directory(own, directory)) return own;
    TRY(make_directory_of_group(directory, tree, settings, TreeUse::needed));
    auto const before = adopt(directories_);
    directories_.push_back(directory);
    if (tree == "cpuset") TRY(inherit_cpuset(tree_top, directory));
    TRY(move_all(before, directory));
    return directory;
}

Result<void> Cgroup::limit(spec::Resources const& resources, Ancestors ancestors, std::function<Result<void>()> const& before_writing) {
    auto const host = trees_of_host();
    if (host.version == CgroupVersion::none || !exists()) return Error::of(ENOTSUP, "the container has no cgroup of its own, so limits cannot be set");
    auto const settings = TRY(plan_cgroup(resources, host));
    SettingsBefore before(settings);
    for (auto const& directory : directories_) before.read(directory);
    auto const outcome = [&]() -> Result<void> {
        TRY(before_writing());
        for (auto const& tree : trees_for(settings, host.version)) {
            auto const directory = TRY(directory_in(tree, settings));
            before.read(directory); // it may be new
            TRY(check_memory(directory, resources.memory));
            TRY(write_settings(directory, tree, settings, ancestors));
        }
        return {};
    }();
    if (!outcome) before.write_back();
    return outcome;
}

namespace {

constexpr int patience = 200; // tries of 50 ms at most

Result<void> write_word(HostPath const& file, std::string_view word) {
    auto const fd = TRY(open_file(file, O_WRONLY));
    return write_all(fd, word).while_doing("write '{}' to '{}'", word, file);
}

bool says(HostPath const& file, std::string_view line) {
    auto const text = find_file(file);
    if (!text || !text.value()) return false;
    auto const lines = split(*text.value(), '\n');
    return std::ranges::find(lines, line) != lines.end();
}

Result<void> await_frozen(HostPath const& directory) {
    Backoff backoff;
    for (int tries = 0; tries < patience; ++tries, backoff.wait()) {
        if (says(directory / "cgroup.events", "frozen 1") || says(directory / "freezer.state", "FROZEN")) return {};
        // v1: processes that were started while it froze need the word again.
        if (says(directory / "freezer.state", "FREEZING")) TRY(write_word(directory / "freezer.state", "FROZEN"));
    }
    return Error::of(ETIMEDOUT, "a process of '{}' cannot be stopped; see the file wchan of its processes in /proc", directory);
}

} // namespace

std::vector<HostPath> Cgroup::with_left_freezer(std::vector<HostPath> directories) {
    if (directories.empty() || cgroup_version() != CgroupVersion::v1) return directories;
    auto const top = top_of("freezer");
    auto left = HostPath::parse(top.text() + path_in_tree(directories.front(), CgroupVersion::v1));
    if (left && std::ranges::find(directories, left.value().text(), &HostPath::text) == directories.end() && bolt::exists(left.value() / "freezer.state")) directories.push_back(std::move(left).value());
    return directories;
}

Result<void> Cgroup::freeze() {
    if (!exists()) return Error::of(ENOTSUP, "the container has no cgroup of its own, so it cannot be paused");
    for (auto const& directory : directories_) {
        if (!bolt::exists(directory / "cgroup.freeze")) continue;
        TRY(write_word(directory / "cgroup.freeze", "1"));
        auto frozen = await_frozen(directory);
        if (!frozen) (void)write_word(directory / "cgroup.freeze", "0").ok(); // the error that counts is the other one
        return frozen;
    }
    auto const directory = TRY(directory_in("freezer", {}));
    TRY(write_word(directory / "freezer.state", "FROZEN"));
    auto frozen = await_frozen(directory);
    if (!frozen) (void)write_word(directory / "freezer.state", "THAWED").ok(); // as above
    return frozen;
}

Result<void> Cgroup::thaw() const {
    for (auto const& directory : directories_) {
        if (bolt::exists(directory / "cgroup.freeze")) TRY(write_word(directory / "cgroup.freeze", "0"));
        if (bolt::exists(directory / "freezer.state")) TRY(write_word(directory / "freezer.state", "THAWED"));
    }
    return {};
}

bool Cgroup::is_frozen() const {
    return std::ranges::any_of(directories_, [](auto const& directory) {
        return says(directory / "cgroup.freeze", "1") || says(directory / "freezer.state", "FROZEN") || says(directory / "freezer.state", "FREEZING");
    });
}

} // namespace bolt::oci
