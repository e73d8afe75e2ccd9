#include "engine/environment.h"

#include <algorithm>
#include <cstdlib>

#include "base/text.h"

namespace bolt::engine {

namespace {
auto find_name(auto& list, std::string_view name) {
    return std::find_if(list.begin(), list.end(), [&](auto const& held) { return cut(held, '=').before == name; });
}
} // namespace

void Environment::set(std::string_view assignment) {
    auto const place = find_name(list_, cut(assignment, '=').before);
    if (place != list_.end()) *place = assignment;
    else list_.emplace_back(assignment);
}

void Environment::set_unless_there(std::string_view assignment) {
    if (!has(cut(assignment, '=').before)) list_.emplace_back(assignment);
}

bool Environment::has(std::string_view name) const { return find_name(list_, name) != list_.end(); }

Result<void> add_given(Environment& environment, std::vector<std::string> const& given) {
    for (auto const& text : given) {
        auto const [name, value, found] = cut(text, '=');
        if (name.empty()) return Error::of(EINVAL, "'{}' names no environment variable; write NAME=VALUE", text);
        if (text.find('\0') != text.npos) return Error::of(EINVAL, "the value of environment variable '{}' holds a NUL byte", name);
        if (found) environment.set(text);
        else if (auto const* const own = getenv(text.c_str())) environment.set(fmt::format("{}={}", text, own));
    }
    return {};
}

} // namespace bolt::engine
