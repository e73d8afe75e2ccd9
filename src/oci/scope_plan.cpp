#include "oci/scope_plan.h"

#include <algorithm>

#include "base/text.h"
#include "sys/scheduling.h"

namespace bolt::oci {

namespace {

constexpr auto no_limit = ~std::uint64_t{0};

std::uint64_t limit_of(std::int64_t value) { return value < 0 ? no_limit : static_cast<std::uint64_t>(value); }
bool is_asked(std::optional<std::int64_t> const& value) { return value.value_or(0) != 0; }

bool is_unit_name(std::string_view text) {
    return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@") == text.npos;
}

// systemd takes CPU time as time a second, in steps of ten milliseconds.
std::uint64_t quota_a_second(std::int64_t quota, std::int64_t period) {
    if (quota < 0) return no_limit;
    constexpr std::int64_t second = 1'000'000, step = 10'000;
    auto const exact = static_cast<__int128>(quota) * second / period;
    return static_cast<std::uint64_t>((exact + step - 1) / step * step);
}

void add_cpu_quota(spec::Resources::Cpu const& cpu, std::vector<UnitProperty>& properties) {
    if (!is_asked(cpu.quota) && !is_asked(cpu.period)) return;
    auto const period = is_asked(cpu.period) ? *cpu.period : 100'000;
    properties.push_back({"CPUQuotaPeriodUSec", static_cast<std::uint64_t>(period)});
    properties.push_back({"CPUQuotaPerSecUSec", quota_a_second(is_asked(cpu.quota) ? *cpu.quota : -1, period)});
}

Result<void> add_cpu_weight(spec::Resources::Cpu const& cpu, std::vector<UnitProperty>& properties) {
    auto const settings = TRY(plan_cgroup({.cpu = cpu}, {.version = CgroupVersion::v2}));
    for (auto const& setting : settings) // the conversion is there
        if (auto const weight = parse_unsigned(setting.value); weight && setting.file == "cpu.weight") properties.push_back({"CPUWeight", weight.value()});
    return {};
}

// "0-3,7" as systemd's bit mask of bytes.
Result<std::vector<std::uint8_t>> bytes_of_list(std::string const& list) {
    constexpr unsigned limit = 8192;
    std::vector<std::uint8_t> bytes;
    for (auto const word : TRY(parse_number_list(list, limit)))
        for (unsigned shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<std::uint8_t>(word >> shift));
    return bytes;
}

Result<UnitValue> parse_value(std::string_view text) {
    if (text == "true" || text == "false") return UnitValue(text == "true");
    if (text.size() >= 2 && (text.front() == '\'' || text.front() == '"') && text.back() == text.front()) return UnitValue(std::string(text.substr(1, text.size() - 2)));
    auto const [type, number, typed] = cut(text, ' ');
    if (typed && type == "uint64") return UnitValue(std::uint64_t{TRY(parse_unsigned(trim(number)))});
    if (typed && type == "uint32") return UnitValue(static_cast<std::uint32_t>(TRY(parse_unsigned(trim(number)))));
    if (auto const plain = parse_integer(text)) return UnitValue(std::int64_t{plain.value()});
    return Error::of(EINVAL, "'{}' is no value: write true, false, 'text', a number, or uint64 and a number", text);
}

void add_properties_of_v1(spec::Resources const& resources, std::vector<UnitProperty>& properties) {
    if (is_asked(resources.memory.limit)) properties.push_back({"MemoryLimit", limit_of(*resources.memory.limit)});
    if (resources.cpu.shares.value_or(0) > 0) properties.push_back({"CPUShares", static_cast<std::uint64_t>(*resources.cpu.shares)});
    if (resources.block_io.weight.value_or(0) != 0) properties.push_back({"BlockIOWeight", std::uint64_t{*resources.block_io.weight}});
}

Result<void> add_properties_of_v2(spec::Resources const& resources, std::vector<UnitProperty>& properties) {
    auto const& memory = resources.memory;
    if (is_asked(memory.limit)) properties.push_back({"MemoryMax", limit_of(*memory.limit)});
    if (is_asked(memory.reservation)) properties.push_back({"MemoryLow", limit_of(*memory.reservation)});
    if (is_asked(memory.swap)) properties.push_back({"MemorySwapMax", *memory.swap < 0 ? no_limit : limit_of(std::max<std::int64_t>(0, *memory.swap - memory.limit.value_or(0)))});
    TRY(add_cpu_weight(resources.cpu, properties));
    if (!resources.cpu.cpus.empty()) {
        auto mask = TRY(bytes_of_list(resources.cpu.cpus).while_doing("resources.cpu.cpus"));
        properties.push_back({"AllowedCPUs", std::move(mask)});
    }
    if (!resources.cpu.mems.empty()) {
        auto mask = TRY(bytes_of_list(resources.cpu.mems).while_doing("resources.cpu.mems"));
        properties.push_back({"AllowedMemoryNodes", std::move(mask)});
    }
    return {};
}

} // namespace

Result<ScopeName> parse_scope_name(std::string_view cgroups_path, std::string_view id, SystemdManager manager) {
    ScopeName name{manager == SystemdManager::system ? "system.slice" : "user.slice", fmt::format("bolt-{}.scope", id)};
    if (cgroups_path.empty()) return name;
    auto const parts = split(cgroups_path, ':');
    if (parts.size() != 3 || parts[2].empty())
        return Error::of(EINVAL, "linux.cgroupsPath: '{}' is not SLICE:PREFIX:NAME, as it must be with the cgroup manager systemd", cgroups_path);
    if (!parts[0].empty()) name.slice = parts[0];
    if (!name.slice.ends_with(".slice")) return Error::of(EINVAL, "linux.cgroupsPath: '{}' is not the name of a slice", name.slice);
    name.unit = parts[1].empty() ? fmt::format("{}.scope", parts[2]) : fmt::format("{}-{}.scope", parts[1], parts[2]);
    for (auto const& text : {name.slice, name.unit})
        if (!is_unit_name(text)) return Error::of(EINVAL, "linux.cgroupsPath: '{}' is not the name of a unit", text);
    return name;
}

Result<std::vector<UnitProperty>> plan_scope(spec::Resources const& resources, CgroupVersion version) {
    std::vector<UnitProperty> properties;
    for (char const* const name : {"MemoryAccounting", "CPUAccounting", "IOAccounting", "TasksAccounting"}) properties.push_back({name, true});
    if (version == CgroupVersion::v2) TRY(add_properties_of_v2(resources, properties));
    else add_properties_of_v1(resources, properties);
    add_cpu_quota(resources.cpu, properties);
    // systemd knows no limit of 0, which the cgroup's file has.
    if (resources.pids_limit) properties.push_back({"TasksMax", std::max(limit_of(*resources.pids_limit), std::uint64_t{1})});
    return properties;
}

Result<std::vector<UnitProperty>> properties_of_annotations(std::vector<std::pair<std::string, std::string>> const& annotations) {
    constexpr std::string_view prefix = "org.systemd.property.";
    std::vector<UnitProperty> properties;
    for (auto const& [key, text] : annotations) {
        if (!key.starts_with(prefix)) continue;
        auto name = key.substr(prefix.size());
        auto value = TRY(parse_value(text).while_doing("annotation '{}'", key));
        // The manual's TimeoutStopSec= is TimeoutStopUSec on the bus.
        if (auto const* const seconds = std::get_if<std::int64_t>(&value); seconds && name.ends_with("Sec") && !name.ends_with("USec")) {
            name.replace(name.size() - 3, 3, "USec");
            value = static_cast<std::uint64_t>(*seconds) * 1'000'000;
        }
        properties.push_back({std::move(name), std::move(value)});
    }
    return properties;
}

namespace {

struct ToJson {
    Json operator()(bool value) const { return value; }
    Json operator()(std::uint32_t value) const { return value; }
    Json operator()(std::uint64_t value) const { return Json::large(value); }
    Json operator()(std::int64_t value) const { return value; }
    Json operator()(std::string const& value) const { return value; }
    Json operator()(std::vector<std::string> const& value) const { return value; }
    template <typename Number>
    Json operator()(std::vector<Number> const& values) const {
        Json list = Json::array();
        for (auto const value : values) list.push(static_cast<unsigned>(value));
        return list;
    }
};

template <typename Number>
std::vector<Number> numbers_of(Json const& value) {
    std::vector<Number> numbers;
    if (auto const* const list = value.find_array())
        for (auto const& element : *list)
            if (auto const* const number = element.find_integer()) numbers.push_back(static_cast<Number>(*number));
    return numbers;
}

Result<UnitValue> parse_typed(std::string_view type, Json const& holder) {
    auto const& value = *holder.find("value");
    if (type == "b") return UnitValue(TRY(holder.bool_or("value", false)));
    if (type == "u") return UnitValue(static_cast<std::uint32_t>(TRY(holder.unsigned_or("value", 0))));
    if (type == "t") return UnitValue(TRY(holder.unsigned_or("value", 0)));
    if (type == "x") return UnitValue(TRY(holder.integer_or("value", 0)));
    if (type == "s") return UnitValue(TRY(holder.string_or("value", "")));
    if (type == "au") return UnitValue(numbers_of<std::uint32_t>(value));
    if (type == "ay") return UnitValue(numbers_of<std::uint8_t>(value));
    if (type == "as") return UnitValue(TRY(holder.strings("value")));
    return Error::of(EINVAL, "'{}' is not a type of properties", type);
}

} // namespace

Json to_json(std::vector<UnitProperty> const& properties) {
    Json document = Json::array();
    for (auto const& property : properties)
        document.push(Json().set("name", property.name).set("type", dbus_type_of(property.value)).set("value", std::visit(ToJson{}, property.value)));
    return document;
}

Result<std::vector<UnitProperty>> parse_properties(Json const& document) {
    std::vector<UnitProperty> properties;
    auto const* const list = document.find_array();
    if (!list) return Error::of(EINVAL, "properties are {}, not an array", document.kind());
    for (auto const& entry : *list) {
        auto const type = TRY(entry.string_or("type", ""));
        if (!entry.find("value")) return Error::of(EINVAL, "a property without a value");
        auto value = TRY(parse_typed(type, entry));
        auto name = TRY(entry.string_or("name", ""));
        properties.push_back({std::move(name), std::move(value)});
    }
    return properties;
}

} // namespace bolt::oci
