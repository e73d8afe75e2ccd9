#include "spec/fields.h"

#include <algorithm>

namespace bolt::spec {

Result<Json::Array const*> elements(Json const& json, std::string_view key) {
    static Json::Array const none;
    auto const* const member = json.find(key);
    if (!member) return &none;
    if (auto const* const array = member->find_array()) return array;
    return Error::of(EINVAL, "field '{}' is {}, not an array", key, member->kind());
}

Result<Json const*> object(Json const& json, std::string_view key) {
    static Json const none = Json::object();
    auto const* const member = json.find(key);
    if (!member) return &none;
    if (member->find_object()) return member;
    return Error::of(EINVAL, "field '{}' is {}, not an object", key, member->kind());
}

Result<std::string> required_string(Json const& json, std::string_view key) {
    auto text = TRY(json.find_string(key));
    if (!text || text->empty()) return Error::of(EINVAL, "field '{}' is missing", key);
    return std::move(*text);
}

Result<void> require(Json const& json, std::initializer_list<std::string_view> fields) {
    for (auto const field : fields)
        if (!json.find(field)) return Error::of(EINVAL, "field '{}' is missing", field);
    return {};
}

Result<std::vector<std::string>> absolute_paths(Json const& json, std::string_view key) {
    auto paths = TRY(json.strings(key));
    for (auto const& path : paths)
        if (!path.starts_with('/')) return Error::of(EINVAL, "field '{}': '{}' is not an absolute path", key, path);
    return paths;
}

bool is_empty(Json const& value) {
    if (auto const* const list = value.find_array()) return list->empty();
    auto const* const members = value.find_object();
    return members && std::ranges::all_of(*members, [](auto const& member) { return member.second.is_null() || is_empty(member.second); });
}

Result<void> refuse(Json const& json, std::initializer_list<std::string_view> fields) {
    for (auto const field : fields)
        if (auto const* const asked = json.find(field); asked && !is_empty(*asked)) return Error::of(ENOTSUP, "field '{}' is not supported by this version of bolt", field);
    return {};
}

Result<void> refuse_nul(Json const& value, std::string_view field) {
    if (auto const* const text = value.find_string(); text && text->find('\0') != text->npos) return Error::of(EINVAL, "field '{}': '{}' has a NUL in it", field, text->substr(0, text->find('\0')));
    if (auto const* const list = value.find_array())
        for (auto const& element : *list) TRY(refuse_nul(element, field));
    if (auto const* const members = value.find_object())
        for (auto const& [name, member] : *members) {
            if (name.find('\0') != name.npos) return Error::of(EINVAL, "field '{}': the name '{}' has a NUL in it", field, name.substr(0, name.find('\0')));
            TRY(refuse_nul(member, name));
        }
    return {};
}

} // namespace bolt::spec
