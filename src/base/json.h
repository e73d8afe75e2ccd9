// JSON documents (RFC 8259), read and written through yajl. A value is a small tree that keeps the order of keys.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace bolt {

class Json {
public:
    using Array = std::vector<Json>;
    using Member = std::pair<std::string, Json>;
    using Object = std::vector<Member>;

    Json() = default; // null
    Json(bool value) : held_(value) {}
    Json(std::int64_t value) : held_(value) {}
    Json(int value) : held_(std::int64_t{value}) {}
    Json(unsigned value) : held_(std::int64_t{value}) {}
    Json(std::uint64_t value) : held_(static_cast<std::int64_t>(value)) {}
    Json(double value) : held_(value) {}
    Json(std::string value) : held_(std::move(value)) {}
    static Json large(std::uint64_t value) {
        Json json;
        json.held_ = value;
        return json;
    }
    Json(std::string_view value) : held_(std::string(value)) {}
    Json(char const* value) : held_(std::string(value)) {}
    Json(Array value) : held_(std::move(value)) {}
    Json(Object value) : held_(std::move(value)) {}
    Json(std::vector<std::string> const& values);
    static Json array() { return Json(Array{}); }
    static Json object() { return Json(Object{}); }

    // EINVAL with line and column for what is not JSON, ELOOP deeper than 64 levels, EINVAL for a key that is there twice.
    static Result<Json> parse(std::string_view text);

    enum class Layout { compact, pretty };
    std::string dump(Layout layout = Layout::compact) const;

    bool is_null() const { return std::holds_alternative<std::monostate>(held_); }
    bool const* find_bool() const { return std::get_if<bool>(&held_); }
    std::int64_t const* find_integer() const { return std::get_if<std::int64_t>(&held_); }
    // What only an unsigned number of 64 bits holds; the others are integers.
    std::uint64_t const* find_large() const { return std::get_if<std::uint64_t>(&held_); }
    double const* find_real() const { return std::get_if<double>(&held_); }
    std::string const* find_string() const { return std::get_if<std::string>(&held_); }
    Array const* find_array() const { return std::get_if<Array>(&held_); }
    Array* find_array() { return std::get_if<Array>(&held_); }
    Object const* find_object() const { return std::get_if<Object>(&held_); }
    Object* find_object() { return std::get_if<Object>(&held_); }

    // The member of an object; nullptr when there is none, it is null, or this is no object.
    Json const* find(std::string_view key) const;
    // What kind of value this is, for messages: "a string", "an object".
    std::string_view kind() const;

    // Typed members. The field is absent (nullopt) or of that type; another type is EINVAL naming the field.
    Result<std::optional<std::string>> find_string(std::string_view key) const;
    Result<std::optional<std::int64_t>> find_integer(std::string_view key) const;
    Result<std::optional<bool>> find_bool(std::string_view key) const;
    // A number of any kind.
    Result<std::optional<double>> find_number(std::string_view key) const;
    // Absent is the empty list.
    Result<std::vector<std::string>> strings(std::string_view key) const;
    Result<std::vector<std::pair<std::string, std::string>>> string_map(std::string_view key) const;
    // Absent is the default.
    Result<std::string> string_or(std::string_view key, std::string_view fallback) const;
    Result<std::int64_t> integer_or(std::string_view key, std::int64_t fallback) const;
    Result<std::uint64_t> unsigned_or(std::string_view key, std::uint64_t fallback) const; // 0 … 2^64 - 1; EINVAL below
    Result<bool> bool_or(std::string_view key, bool fallback) const;

    // Appends a member (makes this an object when it is null) and returns *this, for building. The key must be new.
    Json& set(std::string_view key, Json value);
    // The same, only when there is a value: empty strings, lists and maps are left out.
    Json& set_unless_empty(std::string_view key, Json value);
    // RFC 7396, JSON merge patch: members replace those of the same name, objects are merged, null takes a member away.
    void merge(Json const& patch);
    // Appends to an array (made when null).
    Json& push(Json value);

    bool operator==(Json const&) const = default;

private:
    std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object, std::uint64_t> held_;
};

} // namespace bolt
