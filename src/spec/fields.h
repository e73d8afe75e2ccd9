// Reading a document's fields into the specification's structs: what is absent, what has another type, what is out of range.
#pragma once

#include <cerrno>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace bolt::spec {

// The member's elements; none when it is absent.
Result<Json::Array const*> elements(Json const& json, std::string_view key);
// The member as an object; an empty one when it is absent.
Result<Json const*> object(Json const& json, std::string_view key);
// EINVAL when it is absent or empty.
Result<std::string> required_string(Json const& json, std::string_view key);
// Engines write out whole structures: an empty one asks for nothing.
bool is_empty(Json const& value);
// Fields that this runtime does not do: asking for one is ENOTSUP, never passed over.
Result<void> refuse(Json const& json, std::initializer_list<std::string_view> fields);

// ERANGE for what the type does not hold.
template <typename Number>
Result<Number> bounded(Json const& json, std::string_view key, Number fallback) {
    auto const number = TRY(json.integer_or(key, static_cast<std::int64_t>(fallback)));
    if (number < static_cast<std::int64_t>(std::numeric_limits<Number>::min()) ||
        (sizeof(Number) < 8 && number > static_cast<std::int64_t>(std::numeric_limits<Number>::max())))
        return Error::of(ERANGE, "field '{}': {} is out of range", key, number);
    return static_cast<Number>(number);
}

// A user's or a group's number, 0 when it is absent. ERANGE also for 4294967295, which says "no change" to the kernel.
inline Result<std::uint32_t> id(Json const& json, std::string_view key) {
    auto const number = TRY(bounded<std::uint32_t>(json, key, 0));
    return number != std::numeric_limits<std::uint32_t>::max() ? Result<std::uint32_t>(number) : Error::of(ERANGE, "field '{}': {} is out of range", key, number);
}
// EINVAL for a text, or a name of a member, anywhere below that would be cut off at a NUL. `field` is the value's own name.
Result<void> refuse_nul(Json const& value, std::string_view field);

// EINVAL when it is absent.
Result<void> require(Json const& json, std::initializer_list<std::string_view> fields);
// Every one: EINVAL for a relative path.
Result<std::vector<std::string>> absolute_paths(Json const& json, std::string_view key);

template <typename Number>
Result<std::optional<Number>> find_bounded(Json const& json, std::string_view key) {
    if (!json.find(key)) return std::optional<Number>();
    return std::optional<Number>(TRY(bounded<Number>(json, key, 0)));
}

} // namespace bolt::spec
