// Profiles that users bring along: docker's form is turned into the runtime specification's.
#include <algorithm>

#include "base/text.h"
#include "engine/seccomp_profile.h"

namespace bolt::engine {

namespace {

#if defined(__x86_64__)
constexpr std::string_view own_architectures[] = {"amd64", "x32", "x86"}; // docker's words
constexpr std::string_view main_architecture = "SCMP_ARCH_X86_64";
#elif defined(__aarch64__)
constexpr std::string_view own_architectures[] = {"arm64", "arm"};
constexpr std::string_view main_architecture = "SCMP_ARCH_AARCH64";
#else
constexpr std::string_view own_architectures[] = {"riscv64"};
constexpr std::string_view main_architecture = "SCMP_ARCH_RISCV64";
#endif

bool contains(auto const& list, std::string_view word) { return std::ranges::find(list, word) != std::end(list); }

// "4.8" is at most "6.12.3-amd64".
bool kernel_is_at_least(std::string_view release, std::string_view wanted) {
    auto const number = [](std::string_view text, std::size_t at) -> std::uint64_t {
        auto const parts = split(text, '.');
        if (at >= parts.size()) return 0;
        auto const digits = parts[at].substr(0, parts[at].find_first_not_of("0123456789"));
        auto const value = parse_unsigned(digits);
        return value ? value.value() : 0;
    };
    return std::pair(number(release, 0), number(release, 1)) >= std::pair(number(wanted, 0), number(wanted, 1));
}

struct Situation {
    std::vector<std::string> const& capabilities;
    std::string_view kernel_release;
};

Result<bool> applies(Json const& rule, Situation const& situation) {
    if (auto const* const wanted = rule.find("includes")) {
        for (auto const& name : TRY(wanted->strings("caps")))
            if (!contains(situation.capabilities, name)) return false;
        auto const names = TRY(wanted->strings("arches"));
        if (!names.empty() && std::ranges::none_of(names, [](auto const& name) { return contains(own_architectures, name); })) return false;
        if (auto const least = TRY(wanted->find_string("minKernel")); least && !kernel_is_at_least(situation.kernel_release, *least)) return false;
    }
    if (auto const* const unwanted = rule.find("excludes")) {
        for (auto const& name : TRY(unwanted->strings("caps")))
            if (contains(situation.capabilities, name)) return false;
        for (auto const& name : TRY(unwanted->strings("arches")))
            if (contains(own_architectures, name)) return false;
        if (auto const least = TRY(unwanted->find_string("minKernel")); least && kernel_is_at_least(situation.kernel_release, *least)) return false;
    }
    return true;
}

// "archMap" pairs each architecture with those that its kernel also runs.
Result<Json> map_architectures(Json const& file) {
    if (auto const* const plain = file.find("architectures")) return *plain;
    auto const* const map = file.find("archMap");
    if (!map || !map->find_array()) return Json::array();
    for (auto const& entry : *map->find_array()) {
        auto const main = TRY(entry.string_or("architecture", ""));
        if (main != main_architecture) continue;
        auto names = TRY(entry.strings("subArchitectures"));
        names.insert(names.begin(), main);
        return Json(names);
    }
    return Json::array();
}

Result<Json> convert_rule(Json const& rule) {
    auto names = TRY(rule.strings("names"));
    if (auto const name = TRY(rule.find_string("name"))) names.push_back(*name);
    if (names.empty()) return Error::of(EINVAL, "a rule names no system call");
    Json converted;
    converted.set("names", names).set("action", TRY(rule.string_or("action", "")));
    for (auto const key : {"errnoRet", "args"})
        if (auto const* const value = rule.find(key)) converted.set(key, *value);
    return converted;
}

} // namespace

Result<Json> seccomp_document_of_file(Json const& file, std::vector<std::string> const& capabilities, std::string_view kernel_release) {
    if (!file.find_object() || !file.find("defaultAction")) return Error::of(EINVAL, "it has no 'defaultAction', so it is no seccomp profile");
    Json document;
    document.set("defaultAction", *file.find("defaultAction"));
    for (auto const key : {"defaultErrnoRet", "flags", "listenerPath", "listenerMetadata"})
        if (auto const* const value = file.find(key)) document.set(key, *value);
    document.set_unless_empty("architectures", TRY(map_architectures(file)));
    Json rules = Json::array();
    auto const* const given = file.find("syscalls");
    if (given && !given->find_array()) return Error::of(EINVAL, "'syscalls' is {}, not an array", given->kind());
    if (given)
        for (auto const& rule : *given->find_array())
            if (TRY(applies(rule, {capabilities, kernel_release}))) rules.push(TRY(convert_rule(rule)));
    document.set("syscalls", std::move(rules));
    return document;
}

} // namespace bolt::engine
