// The boundary of toml11: versions 3 and 4 differ in little of what is used here, and what they throw ends here.
#include "base/toml.h"

#include <algorithm>
#include <exception>
#include <sstream>

#include <toml.hpp>

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

// "toml::parse_table: … \n --> name\n 3 | …": what is wrong is in the first line, where in the others.
std::string without_line_ends(std::string text) {
    std::string line;
    for (char const letter : text) {
        bool const is_blank = letter == ' ' || letter == '\n' || letter == '\t';
        if (!is_blank || (!line.empty() && line.back() != ' ')) line += is_blank ? ' ' : letter;
    }
    return line;
}

} // namespace

Result<Json> parse_toml(std::string_view text, std::string const& name) {
    try {
        std::istringstream input{std::string(text)};
        return as_json(toml::parse(input, name));
    } catch (std::exception const& error) {
        return Error::of(EINVAL, "'{}' is no TOML: {}", name, without_line_ends(error.what()));
    }
}

} // namespace bolt
