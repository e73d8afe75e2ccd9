#include "oci/cgroup_usage.h"

#include <map>

#include "base/text.h"
#include "sys/file.h"

namespace bolt::oci {

namespace {

// A file of whichever of the container's directories has it.
class Files {
public:
    explicit Files(std::vector<HostPath> const& directories) : directories_(directories) {}

    std::optional<std::string> find(std::string const& name) const {
        for (auto const& directory : directories_)
            if (auto text = find_file(directory / name); text && text.value()) return std::move(*text.value());
        return std::nullopt;
    }
    // "max" is the largest number.
    std::optional<std::uint64_t> find_number(std::string const& name) const {
        auto const text = find(name);
        if (!text) return std::nullopt;
        if (trim(*text) == "max") return ~std::uint64_t{0};
        auto const number = parse_unsigned(trim(*text));
        return number ? std::optional(number.value()) : std::nullopt;
    }
    std::uint64_t number(std::string const& name) const { return find_number(name).value_or(0); }
    // Lines "name number".
    std::map<std::string, std::uint64_t> table(std::string const& name) const {
        std::map<std::string, std::uint64_t> rows;
        auto const text = find(name).value_or("");
        for (auto const line : split(text, '\n')) {
            auto const [key, value, found] = cut(line, ' ');
            if (auto const number = parse_unsigned(trim(value)); found && number) rows.emplace(key, number.value());
        }
        return rows;
    }
    // The names in the directories that begin and end like this, without both.
    std::vector<std::string> middles(std::string_view begin, std::string_view end) const {
        std::vector<std::string> found;
        for (auto const& directory : directories_) {
            auto const names = list_directory(directory);
            if (!names) continue;
            for (auto const& name : names.value())
                if (name.starts_with(begin) && name.ends_with(end) && name.size() > begin.size() + end.size()) found.push_back(name.substr(begin.size(), name.size() - begin.size() - end.size()));
        }
        return found;
    }

private:
    std::vector<HostPath> const& directories_;
};

Json count(std::uint64_t value) { return Json::large(value); }

std::uint64_t value_or_zero(std::map<std::string, std::uint64_t> const& table, std::string const& key) {
    auto const row = table.find(key);
    return row == table.end() ? 0 : row->second;
}

// cpuacct.usage_all: "cpu user system", then a line a processor in nanoseconds.
void add_split_times(Files const& files, Json& usage) {
    Json kernel = Json::array(), user = Json::array();
    auto const text = files.find("cpuacct.usage_all").value_or("");
    for (auto const line : split(text, '\n')) {
        auto const words = split(line, ' ');
        if (words.size() != 3) continue;
        auto const users = parse_unsigned(words[1]), kernels = parse_unsigned(words[2]);
        if (!users || !kernels) continue; // the first line
        user.push(count(users.value()));
        kernel.push(count(kernels.value()));
    }
    usage.set_unless_empty("percpu_kernel", std::move(kernel)).set_unless_empty("percpu_user", std::move(user));
}

Json cpu_usage(Files const& files) {
    constexpr std::uint64_t nanoseconds_in_microsecond = 1000, nanoseconds_in_tick = 10'000'000; // USER_HZ is 100
    Json usage, throttling;
    auto const stat = files.table("cpu.stat");
    if (stat.contains("usage_usec")) {
        usage.set("total", count(stat.at("usage_usec") * nanoseconds_in_microsecond))
            .set("kernel", count(value_or_zero(stat, "system_usec") * nanoseconds_in_microsecond))
            .set("user", count(value_or_zero(stat, "user_usec") * nanoseconds_in_microsecond));
    } else {
        if (!files.find_number("cpuacct.usage") && stat.empty()) return Json(); // in no tree that counts it
        auto const split_time = files.table("cpuacct.stat");
        Json each = Json::array();
        auto const times = files.find("cpuacct.usage_percpu").value_or("");
        for (auto const number : split(trim(times), ' '))
            if (auto const time = parse_unsigned(number)) each.push(count(time.value()));
        usage.set("total", count(files.number("cpuacct.usage")))
            .set_unless_empty("percpu", std::move(each))
            .set("kernel", count(value_or_zero(split_time, "system") * nanoseconds_in_tick))
            .set("user", count(value_or_zero(split_time, "user") * nanoseconds_in_tick));
        add_split_times(files, usage);
    }
    auto const throttled = stat.contains("throttled_usec") ? stat.at("throttled_usec") * nanoseconds_in_microsecond : value_or_zero(stat, "throttled_time");
    throttling.set("periods", count(value_or_zero(stat, "nr_periods"))).set("throttledPeriods", count(value_or_zero(stat, "nr_throttled"))).set("throttledTime", count(throttled));
    return Json().set("usage", std::move(usage)).set("throttling", std::move(throttling));
}

// cpuset(7)'s lists: "0-3,7".
Json numbers_of(std::string_view list) {
    constexpr std::uint64_t most = 8192; // NR_CPUS of the largest kernels
    Json numbers = Json::array();
    for (auto const part : split(trim(list), ',')) {
        auto const [first, last, is_range] = cut(part, '-');
        auto const begin = parse_unsigned(first), end = parse_unsigned(is_range ? last : first);
        for (auto number = begin && end ? begin.value() : most; number < most && number <= end.value(); ++number) numbers.push(count(number));
    }
    return numbers;
}

// Version 1 alone has this, with the names that runc's events have.
Json cpuset_usage(Files const& files) {
    Json usage = Json::object();
    for (auto const* const list : {"cpus", "mems"})
        if (auto const text = files.find(fmt::format("cpuset.{}", list)); text && files.find("cpuset.cpu_exclusive")) usage.set_unless_empty(list, numbers_of(*text));
    for (auto const* const name : {"cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page", "memory_spread_slab", "memory_pressure", "sched_load_balance", "sched_relax_domain_level"})
        if (auto const text = files.find(fmt::format("cpuset.{}", name)))
            if (auto const number = parse_integer(trim(*text))) usage.set(name, number.value());
    return usage;
}

// No limit and another are none.
std::uint64_t sum(std::uint64_t one, std::uint64_t other) { return one > ~other ? ~std::uint64_t{0} : one + other; }

Json memory_entry(std::uint64_t limit, std::uint64_t usage, std::uint64_t most, std::uint64_t failures) {
    return Json().set("limit", count(limit)).set("usage", count(usage)).set("max", count(most)).set("failcnt", count(failures));
}

Json memory_usage(Files const& files) {
    auto const stat = files.table("memory.stat");
    Json raw = Json::object();
    for (auto const& [name, value] : stat) raw.set(name, count(value));
    Json memory;
    if (auto const current = files.find_number("memory.current")) {
        auto const swap = files.number("memory.swap.current"), limit = files.number("memory.max"), swap_limit = files.number("memory.swap.max");
        memory.set("cache", count(value_or_zero(stat, "file")))
            .set("usage", memory_entry(limit, *current, files.number("memory.peak"), value_or_zero(files.table("memory.events"), "max")))
            .set("swap", memory_entry(sum(swap_limit, limit), swap + *current, 0, value_or_zero(files.table("memory.swap.events"), "fail"))); // with memory, as on v1
    } else {
        if (!files.find_number("memory.usage_in_bytes")) return Json(); // as above
        auto const entry = [&](std::string const& prefix) {
            return memory_entry(files.number(prefix + "limit_in_bytes"), files.number(prefix + "usage_in_bytes"), files.number(prefix + "max_usage_in_bytes"), files.number(prefix + "failcnt"));
        };
        memory.set("cache", count(value_or_zero(stat, "total_cache"))).set("usage", entry("memory.")).set("swap", entry("memory.memsw.")).set("kernel", entry("memory.kmem.")).set("kernelTCP", entry("memory.kmem.tcp."));
    }
    return memory.set("raw", std::move(raw));
}

Json block_row(std::string_view device, std::string_view operation, std::uint64_t value) {
    auto const [major, minor, found] = cut(device, ':');
    auto const number = [](std::string_view text) { return count(parse_unsigned(text) ? parse_unsigned(text).value() : 0); };
    return Json().set("major", number(major)).set("minor", number(minor)).set("op", operation).set("value", count(value));
}

// v2's io.stat has a line a device: "8:0 rbytes=90 wbytes=0 rios=3 …".
void add_io_stat(Files const& files, Json& bytes, Json& operations) {
    constexpr std::tuple<std::string_view, std::string_view, bool> keys[] = {
        {"rbytes", "Read", true}, {"wbytes", "Write", true}, {"dbytes", "Discard", true}, {"rios", "Read", false}, {"wios", "Write", false}, {"dios", "Discard", false}};
    auto const stat = files.find("io.stat").value_or("");
    for (auto const line : split(stat, '\n')) {
        auto const words = split(line, ' ');
        for (auto const word : words) {
            auto const [key, text, found] = cut(word, '=');
            for (auto const& [known, operation, is_bytes] : keys)
                if (auto const value = parse_unsigned(text); known == key && value) (is_bytes ? bytes : operations).push(block_row(words[0], operation, value.value()));
        }
    }
}

// v1: "8:0 Read 4096".
void add_blkio(Files const& files, std::string const& name, Json& rows) {
    auto const text = files.find(name).value_or("");
    for (auto const line : split(text, '\n')) {
        auto const words = split(line, ' ');
        if (words.size() != 3) continue;
        if (auto const value = parse_unsigned(words[2])) rows.push(block_row(words[0], words[1], value.value()));
    }
}

Json block_usage(Files const& files) {
    Json bytes = Json::array(), operations = Json::array();
    add_io_stat(files, bytes, operations);
    add_blkio(files, "blkio.throttle.io_service_bytes_recursive", bytes);
    add_blkio(files, "blkio.throttle.io_serviced_recursive", operations);
    return Json::object().set_unless_empty("ioServiceBytesRecursive", std::move(bytes)).set_unless_empty("ioServicedRecursive", std::move(operations));
}

Json hugepage_usage(Files const& files) {
    Json usage = Json::object();
    for (auto const& size : files.middles("hugetlb.", ".current")) {
        if (size.find('.') != size.npos) continue; // rsvd
        auto const prefix = "hugetlb." + size;
        usage.set(size, Json().set("usage", count(files.number(prefix + ".current"))).set("failcnt", count(value_or_zero(files.table(prefix + ".events"), "max"))));
    }
    for (auto const& size : files.middles("hugetlb.", ".usage_in_bytes")) {
        if (size.find('.') != size.npos) continue;
        auto const prefix = "hugetlb." + size;
        usage.set(size, Json()
                            .set("usage", count(files.number(prefix + ".usage_in_bytes")))
                            .set("max", count(files.number(prefix + ".max_usage_in_bytes")))
                            .set("failcnt", count(files.number(prefix + ".failcnt"))));
    }
    return usage;
}

} // namespace

Result<Json> usage_of(std::vector<HostPath> const& directories) {
    Files const files(directories);
    Json usage;
    usage.set_unless_empty("cpu", cpu_usage(files)).set("cpuset", cpuset_usage(files)).set_unless_empty("memory", memory_usage(files));
    Json pids = Json::object();
    if (auto const current = files.find_number("pids.current")) {
        auto const limit = files.number("pids.max");
        pids.set("current", count(*current)).set("limit", count(limit == ~std::uint64_t{0} ? 0 : limit)); // runc: 0 is none
    }
    usage.set("pids", std::move(pids)).set("blkio", block_usage(files)).set("hugetlb", hugepage_usage(files));
    return usage;
}

} // namespace bolt::oci
