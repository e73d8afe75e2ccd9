// The boundary of toml11: versions 3 and 4 differ in little of what is used here, and what they throw ends here.
#include "base/toml.h"

#include <algorithm>
#include <exception>
#include <sstream>

#include <toml.hpp>

#include "base/text.h"

namespace bolt {

namespace {

Json as_json(toml::value const& value);

Json as_object(toml::value const& value) {
    auto const& table = value.as_table();
    std::vector<std::string> keys; // toml11 keeps them in no order
    for (auto const& [key, member] : table) keys.push_back(key);
    std::ranges::sort(keys);
    auto object = Json::object();
    for (auto const& key : keys) object.set(key, as_json(table.at(key)));
    return object;
}

Json as_json(toml::value const& value) {
    if (value.is_table()) return as_object(value);
    if (value.is_boolean()) return value.as_boolean();
    if (value.is_integer()) return static_cast<std::int64_t>(value.as_integer());
    if (value.is_floating()) return static_cast<double>(value.as_floating());
    if (value.is_string()) return toml::get<std::string>(value);
    if (!value.is_array()) {
        std::ostringstream text;
        text << value; // a date or a time
        return text.str();
    }
    auto array = Json::array();
    for (auto const& element : value.as_array()) array.push(as_json(element));
    return array;
}

// Of toml11's "[error] toml::parse_table: what is wrong\n --> name\n 3 | …" the sentence and the line.
std::string plain_message(std::string_view text) {
    auto const lines = split(text, '\n');
    auto what = lines.front();
    if (what.starts_with("[error] ")) what.remove_prefix(8);
    if (auto const end = what.find(": "); what.starts_with("toml::") && end != what.npos) what.remove_prefix(end + 2);
    for (auto const shown : lines) {
        auto const [number, rest, found] = cut(trim(shown), ' ');
        if (found && rest.starts_with('|') && parse_unsigned(number)) return fmt::format("line {}: {}", number, what);
    }
    return std::string(what);
}

} // namespace

Result<Json> parse_toml(std::string_view text, std::string const& name) {
    try {
        std::istringstream input{std::string(text)};
        return as_json(toml::parse(input, name));
    } catch (std::exception const& error) {
        return Error::of(EINVAL, "'{}' is no TOML: {}", name, plain_message(error.what()));
    }
}

} // namespace bolt
