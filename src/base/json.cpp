#include "base/json.h"

#include <algorithm>
#include <charconv>

#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>

namespace bolt {

namespace {

constexpr std::size_t deepest = 64;

// Builds the tree from yajl's events. `open` holds the containers that are not closed yet, innermost last.
struct Builder {
    // Most objects of our documents have no more, and need not grow one by one. Not where a long text of small ones would take
    // several times its memory.
    static constexpr std::size_t few = 4;
    std::size_t at_first = few;
    Json root;
    std::vector<Json> open;
    int failure = 0;
    std::string reason;

    bool refuse(int code, std::string why) {
        failure = code;
        reason = std::move(why);
        return false;
    }
    bool add(Json&& value) {
        if (open.empty()) {
            root = std::move(value);
        } else if (auto* const object = open.back().find_object()) {
            object->back().second = std::move(value);
        } else {
            auto& array = *open.back().find_array();
            if (array.empty()) array.reserve(at_first);
            array.push_back(std::move(value));
        }
        return true;
    }
    bool begin(Json&& container) {
        if (open.size() == deepest) return refuse(ELOOP, fmt::format("nested deeper than {} levels", deepest));
        open.push_back(std::move(container));
        return true;
    }
    bool end() {
        if (auto const* const object = open.back().find_object(); object && !has_each_key_once(*object)) return false;
        Json done = std::move(open.back());
        open.pop_back();
        return add(std::move(done));
    }
    bool key(std::string_view name) {
        auto& object = *open.back().find_object();
        if (object.empty()) object.reserve(at_first);
        object.emplace_back(name, Json());
        return true;
    }
    bool has_each_key_once(Json::Object const& object) {
        auto const is_twice = [&](auto const& member) { return std::ranges::count(object, member.first, &Json::Member::first) > 1; };
        if (object.size() <= few && std::ranges::none_of(object, is_twice)) return true;
        // Sorted: a hostile one may have a hundred thousand.
        std::vector<std::string_view> names;
        names.reserve(object.size());
        for (auto const& [name, value] : object) names.emplace_back(name);
        std::sort(names.begin(), names.end());
        auto const twice = std::adjacent_find(names.begin(), names.end());
        return twice == names.end() || refuse(EINVAL, fmt::format("key '{}' is there twice", *twice));
    }
    bool number(std::string_view text) {
        std::int64_t integer{};
        auto const end = text.data() + text.size();
        if (auto const [at, wrong] = std::from_chars(text.data(), end, integer); wrong == std::errc{} && at == end) return add(integer);
        std::uint64_t large{};
        if (auto const [at, wrong] = std::from_chars(text.data(), end, large); wrong == std::errc{} && at == end) return add(Json::large(large));
        double real{};
        std::from_chars(text.data(), end, real);
        return add(real);
    }
};

Builder& builder(void* context) { return *static_cast<Builder*>(context); }
std::string_view view(unsigned char const* text, std::size_t length) { return {reinterpret_cast<char const*>(text), length}; }

constexpr yajl_callbacks callbacks = {
    .yajl_null = [](void* c) -> int { return builder(c).add({}); },
    .yajl_boolean = [](void* c, int value) -> int { return builder(c).add(value != 0); },
    .yajl_integer = nullptr,
    .yajl_double = nullptr,
    .yajl_number = [](void* c, char const* text, std::size_t length) -> int { return builder(c).number({text, length}); },
    .yajl_string = [](void* c, unsigned char const* text, std::size_t length) -> int { return builder(c).add(view(text, length)); },
    .yajl_start_map = [](void* c) -> int { return builder(c).begin(Json::object()); },
    .yajl_map_key = [](void* c, unsigned char const* text, std::size_t length) -> int { return builder(c).key(view(text, length)); },
    .yajl_end_map = [](void* c) -> int { return builder(c).end(); },
    .yajl_start_array = [](void* c) -> int { return builder(c).begin(Json::array()); },
    .yajl_end_array = [](void* c) -> int { return builder(c).end(); },
};

Error syntax_error(std::string_view text, std::size_t offset, std::string_view why) {
    auto const before = text.substr(0, std::min(offset, text.size()));
    auto const line = 1 + std::count(before.begin(), before.end(), '\n');
    auto const column = before.size() - (before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1) + 1;
    return Error::of(EINVAL, "not valid JSON at line {} column {}: {}", line, column, why);
}

// yajl's message is several lines long; the first says what is wrong.
std::string first_line(yajl_handle parser) {
    unsigned char* const message = yajl_get_error(parser, 0, nullptr, 0);
    std::string line(reinterpret_cast<char const*>(message));
    yajl_free_error(parser, message);
    line.erase(std::min(line.find('\n'), line.size()));
    for (std::string_view const noise : {"parse error: ", "lexical error: "})
        if (line.starts_with(noise)) line.erase(0, noise.size());
    return line;
}

} // namespace

Result<Json> Json::parse(std::string_view text) {
    Builder building;
    if (text.size() > 256 << 10) building.at_first = 1;
    auto const parser = std::unique_ptr<yajl_handle_t, decltype(&yajl_free)>(yajl_alloc(&callbacks, nullptr, &building), yajl_free);
    auto status = yajl_parse(parser.get(), reinterpret_cast<unsigned char const*>(text.data()), text.size());
    auto const offset = yajl_get_bytes_consumed(parser.get());
    if (status == yajl_status_ok) status = yajl_complete_parse(parser.get());
    if (status == yajl_status_client_canceled) return Error::of(building.failure, "not usable JSON: {}", building.reason);
    if (status != yajl_status_ok) return syntax_error(text, offset, first_line(parser.get()));
    return std::move(building.root);
}

namespace {
struct Writer {
    yajl_gen gen;
    void text(std::string_view s) const { yajl_gen_string(gen, reinterpret_cast<unsigned char const*>(s.data()), s.size()); }
    void operator()(std::monostate) const { yajl_gen_null(gen); }
    void operator()(bool v) const { yajl_gen_bool(gen, v); }
    void operator()(std::int64_t v) const { yajl_gen_integer(gen, v); }
    void operator()(std::uint64_t v) const {
        auto const number = fmt::format("{}", v);
        yajl_gen_number(gen, number.data(), number.size());
    }
    void operator()(double v) const {
        auto const number = fmt::format("{}", v);
        yajl_gen_number(gen, number.data(), number.size());
    }
    void operator()(std::string const& v) const { text(v); }
    void operator()(Json::Array const& v) const;
    void operator()(Json::Object const& v) const;
    void write(Json const& v) const {
        if (auto const* s = v.find_string()) (*this)(*s);
        else if (auto const* i = v.find_integer()) (*this)(*i);
        else if (auto const* b = v.find_bool()) (*this)(*b);
        else if (auto const* a = v.find_array()) (*this)(*a);
        else if (auto const* o = v.find_object()) (*this)(*o);
        else if (auto const* d = v.find_real()) (*this)(*d);
        else if (auto const* l = v.find_large()) (*this)(*l);
        else yajl_gen_null(gen);
    }
};
void Writer::operator()(Json::Array const& v) const {
    yajl_gen_array_open(gen);
    for (auto const& item : v) write(item);
    yajl_gen_array_close(gen);
}
void Writer::operator()(Json::Object const& v) const {
    yajl_gen_map_open(gen);
    for (auto const& [key, value] : v) {
        text(key);
        write(value);
    }
    yajl_gen_map_close(gen);
}
} // namespace

std::string Json::dump(Layout layout) const {
    auto const gen = std::unique_ptr<yajl_gen_t, decltype(&yajl_gen_free)>(yajl_gen_alloc(nullptr), yajl_gen_free);
    if (layout == Layout::pretty) {
        yajl_gen_config(gen.get(), yajl_gen_beautify, 1);
        yajl_gen_config(gen.get(), yajl_gen_indent_string, "    ");
    }
    Writer{gen.get()}.write(*this);
    unsigned char const* buffer{};
    std::size_t length{};
    yajl_gen_get_buf(gen.get(), &buffer, &length);
    return std::string(view(buffer, length));
}

Json::Json(std::vector<std::string> const& values) : held_(Array(values.begin(), values.end())) {}

Json const* Json::find(std::string_view key) const {
    auto const* const object = find_object();
    if (!object) return nullptr;
    for (auto const& [name, value] : *object)
        if (name == key) return value.is_null() ? nullptr : &value;
    return nullptr;
}

std::string_view Json::kind() const {
    constexpr std::string_view kinds[] = {"null", "a boolean", "a whole number", "a number", "a string", "an array", "an object", "a whole number beyond 2^63"};
    return kinds[held_.index()];
}

namespace {
Error wrong_kind(std::string_view key, Json const& value, std::string_view wanted) {
    return Error::of(EINVAL, "field '{}' is {}, not {}", key, value.kind(), wanted);
}
} // namespace

Result<std::optional<std::string>> Json::find_string(std::string_view key) const {
    auto const* const member = find(key);
    if (!member) return std::optional<std::string>();
    if (auto const* const text = member->find_string()) return std::optional(*text);
    return wrong_kind(key, *member, "a string");
}

Result<std::optional<std::int64_t>> Json::find_integer(std::string_view key) const {
    auto const* const member = find(key);
    if (!member) return std::optional<std::int64_t>();
    if (auto const* const number = member->find_integer()) return std::optional(*number);
    return wrong_kind(key, *member, "a whole number");
}

Result<std::optional<bool>> Json::find_bool(std::string_view key) const {
    auto const* const member = find(key);
    if (!member) return std::optional<bool>();
    if (auto const* const flag = member->find_bool()) return std::optional(*flag);
    return wrong_kind(key, *member, "a boolean");
}

Result<std::optional<double>> Json::find_number(std::string_view key) const {
    auto const* const member = find(key);
    if (!member) return std::optional<double>();
    if (auto const* const whole = member->find_integer()) return std::optional(static_cast<double>(*whole));
    if (auto const* const real = member->find_real()) return std::optional(*real);
    if (auto const* const large = member->find_large()) return std::optional(static_cast<double>(*large));
    return wrong_kind(key, *member, "a number");
}

Result<std::vector<std::string>> Json::strings(std::string_view key) const {
    std::vector<std::string> all;
    auto const* const member = find(key);
    if (!member) return all;
    auto const* const array = member->find_array();
    if (!array) return wrong_kind(key, *member, "an array of strings");
    for (auto const& item : *array) {
        auto const* const text = item.find_string();
        if (!text) return wrong_kind(key, item, "an array of strings only");
        all.push_back(*text);
    }
    return all;
}

Result<std::vector<std::pair<std::string, std::string>>> Json::string_map(std::string_view key) const {
    std::vector<std::pair<std::string, std::string>> all;
    auto const* const member = find(key);
    if (!member) return all;
    auto const* const object = member->find_object();
    if (!object) return wrong_kind(key, *member, "an object of strings");
    for (auto const& [name, value] : *object) {
        auto const* const text = value.find_string();
        if (!text) return wrong_kind(fmt::format("{}.{}", key, name), value, "a string");
        all.emplace_back(name, *text);
    }
    return all;
}

Result<std::string> Json::string_or(std::string_view key, std::string_view fallback) const {
    return TRY(find_string(key)).value_or(std::string(fallback));
}
Result<std::int64_t> Json::integer_or(std::string_view key, std::int64_t fallback) const { return TRY(find_integer(key)).value_or(fallback); }
Result<std::uint64_t> Json::unsigned_or(std::string_view key, std::uint64_t fallback) const {
    auto const* const member = find(key);
    if (!member) return fallback;
    if (auto const* const large = member->find_large()) return *large;
    auto const number = TRY(find_integer(key)).value_or(0);
    if (number < 0) return Error::of(EINVAL, "field '{}' is {}, and must not be negative", key, number);
    return static_cast<std::uint64_t>(number);
}
Result<bool> Json::bool_or(std::string_view key, bool fallback) const { return TRY(find_bool(key)).value_or(fallback); }

Json& Json::set(std::string_view key, Json value) {
    if (is_null()) held_ = Object{};
    find_object()->emplace_back(std::string(key), std::move(value));
    return *this;
}

Json& Json::set_unless_empty(std::string_view key, Json value) {
    auto const* const text = value.find_string();
    auto const* const array = value.find_array();
    auto const* const object = value.find_object();
    bool const empty = value.is_null() || (text && text->empty()) || (array && array->empty()) || (object && object->empty());
    return empty ? *this : set(key, std::move(value));
}

void Json::merge(Json const& patch) {
    auto const* const changes = patch.find_object();
    if (!changes) {
        *this = patch;
        return;
    }
    if (!find_object()) *this = object();
    auto& members = *find_object();
    for (auto const& [key, value] : *changes) {
        auto const there = std::ranges::find(members, key, &Member::first);
        if (value.is_null()) {
            if (there != members.end()) members.erase(there);
        } else {
            auto& target = there != members.end() ? there->second : members.emplace_back(key, Json()).second;
            target.merge(value);
        }
    }
}

Json& Json::push(Json value) {
    if (is_null()) held_ = Array{};
    find_array()->push_back(std::move(value));
    return *this;
}

} // namespace bolt
