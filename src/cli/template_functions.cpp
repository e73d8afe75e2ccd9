#include <algorithm>

#include "base/text.h"
#include "cli/output.h"
#include "cli/template_tree.h"

namespace bolt::cli::template_tree {

bool is_true(Json const& value) {
    if (auto const* const flag = value.find_bool()) return *flag;
    if (auto const* const whole = value.find_integer()) return *whole != 0;
    if (auto const* const real = value.find_real()) return *real != 0;
    if (auto const* const text = value.find_string()) return !text->empty();
    if (auto const* const array = value.find_array()) return !array->empty();
    if (auto const* const object = value.find_object()) return !object->empty();
    return false;
}

namespace {

std::string nested_text_of(Json const& value) { return value.is_null() ? "<nil>" : text_of(value); }

using Arguments = std::vector<Json>;

Error wrong(std::string_view function, std::string_view why) { return Error::of(EINVAL, "template: {}: {}", function, why); }

Result<std::string> text_argument(std::string_view function, Json const& value) {
    if (auto const* const text = value.find_string()) return *text;
    return wrong(function, fmt::format("{} is given where a string is needed", value.kind()));
}
Result<std::int64_t> number_argument(std::string_view function, Json const& value) {
    if (auto const* const number = value.find_integer()) return *number;
    return wrong(function, fmt::format("{} is given where a whole number is needed", value.kind()));
}

// A list's labels column, "a=b,c=d", answers to its names too.
std::optional<Json> find_label(std::string_view labels, std::string_view name) {
    for (auto const label : split(labels, ','))
        if (auto const parts = cut(label, '='); parts.before == name) return Json(parts.after);
    return std::nullopt;
}

Result<Json> index_once(Json const& value, Json const& key) {
    if (auto const* const array = value.find_array()) {
        auto const at = TRY(number_argument("index", key));
        if (at < 0 || static_cast<std::size_t>(at) >= array->size()) return wrong("index", fmt::format("there is no element {} among {}", at, array->size()));
        return (*array)[static_cast<std::size_t>(at)];
    }
    auto const name = TRY(text_argument("index", key));
    if (auto const* const text = value.find_string()) return find_label(*text, name).value_or(Json(""));
    auto const* const found = value.find(name);
    return found ? *found : Json("");
}

Result<Json> index(Arguments const& arguments) {
    auto value = arguments[0];
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        auto next = TRY(index_once(value, arguments[i]));
        value = std::move(next);
    }
    return value;
}

Result<Json> length(Arguments const& arguments) {
    auto const& value = arguments[0];
    if (auto const* const text = value.find_string()) return Json(static_cast<std::int64_t>(text->size()));
    if (auto const* const array = value.find_array()) return Json(static_cast<std::int64_t>(array->size()));
    if (auto const* const object = value.find_object()) return Json(static_cast<std::int64_t>(object->size()));
    if (value.is_null()) return Json(0);
    return wrong("len", fmt::format("{} has no length", value.kind()));
}

Result<Json> slice(Arguments const& arguments) {
    auto const* const text = arguments[0].find_string();
    auto const* const array = arguments[0].find_array();
    if (!text && !array) return wrong("slice", fmt::format("{} cannot be sliced", arguments[0].kind()));
    auto const size = static_cast<std::int64_t>(text ? text->size() : array->size());
    auto const from = arguments.size() > 1 ? TRY(number_argument("slice", arguments[1])) : 0;
    auto const to = arguments.size() > 2 ? TRY(number_argument("slice", arguments[2])) : size;
    if (from < 0 || to > size || from > to) return wrong("slice", fmt::format("{}:{} is not within 0:{}", from, to, size));
    if (text) return Json(text->substr(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from)));
    return Json(Json::Array(array->begin() + from, array->begin() + to));
}

std::string print_all(Arguments const& arguments, bool always_spaced) {
    std::string text;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        // Go's print puts a blank only between operands of which neither is a string.
        if (i > 0 && (always_spaced || (!arguments[i].find_string() && !arguments[i - 1].find_string()))) text += ' ';
        text += nested_text_of(arguments[i]);
    }
    return text;
}

Result<std::string> format_verb(char verb, Json const& value) {
    switch (verb) {
    case 'd':
        if (value.find_string()) return fmt::format("%!d(string={})", *value.find_string()); // Go's words for it
        return nested_text_of(value);
    case 's':
    case 'v':
    case 't': return nested_text_of(value);
    case 'q': return Json(nested_text_of(value)).dump();
    case 'x': return fmt::format("{:x}", TRY(number_argument("printf", value)));
    default: return wrong("printf", fmt::format("'%{}' is not supported", verb));
    }
}

Result<Json> print_formatted(Arguments const& arguments) {
    auto const format = TRY(text_argument("printf", arguments[0]));
    std::string text;
    std::size_t next = 1;
    for (std::size_t i = 0; i < format.size(); ++i) {
        if (format[i] != '%' || ++i == format.size()) {
            text += format[i < format.size() ? i : i - 1];
            continue;
        }
        if (format[i] == '%') {
            text += '%';
            continue;
        }
        bool const left = format[i] == '-', with_zeros = format[i] == '0';
        std::size_t width = 0;
        for (i += left || with_zeros; i < format.size() && format[i] >= '0' && format[i] <= '9'; ++i) width = width * 10 + static_cast<std::size_t>(format[i] - '0');
        if (i == format.size() || next == arguments.size()) return wrong("printf", "there are fewer arguments than verbs");
        auto const shown = TRY(format_verb(format[i], arguments[next++]));
        std::string const padding(std::min<std::size_t>(width, 1000) > width_of(shown) ? std::min<std::size_t>(width, 1000) - width_of(shown) : 0, with_zeros ? '0' : ' ');
        auto const sign = with_zeros && shown.starts_with('-') ? 1u : 0u;
        text += left ? shown + padding : shown.substr(0, sign) + padding + shown.substr(sign);
    }
    return Json(text);
}

// -1, 0, 1; numbers with numbers, strings with strings.
Result<int> compare(std::string_view function, Json const& a, Json const& b) {
    auto const sign = [](auto const& x, auto const& y) { return x < y ? -1 : x > y ? 1 : 0; };
    if (a.find_integer() && b.find_integer()) return sign(*a.find_integer(), *b.find_integer());
    if (a.find_string() && b.find_string()) return sign(*a.find_string(), *b.find_string());
    auto const number = [](Json const& value) -> std::optional<double> {
        if (auto const* const whole = value.find_integer()) return static_cast<double>(*whole);
        if (auto const* const real = value.find_real()) return *real;
        return std::nullopt;
    };
    if (auto const x = number(a), y = number(b); x && y) return sign(*x, *y);
    if ((a.find_bool() && b.find_bool()) || a.is_null() || b.is_null()) return a == b ? 0 : 1;
    return wrong(function, fmt::format("{} and {} cannot be compared", a.kind(), b.kind()));
}

Result<Json> is_any_equal(Arguments const& arguments) {
    for (std::size_t i = 1; i < arguments.size(); ++i)
        if (TRY(compare("eq", arguments[0], arguments[i])) == 0) return Json(true);
    return Json(false);
}

std::string cased(std::string_view text, bool upper) {
    std::string out;
    for (char const c : text) {
        bool const letter = upper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z';
        out += letter ? static_cast<char>(c ^ 0x20) : c;
    }
    return out;
}

Result<Json> title(Arguments const& arguments) {
    auto text = TRY(text_argument("title", arguments[0]));
    for (std::size_t i = 0; i < text.size(); ++i)
        if (i == 0 || text[i - 1] == ' ') text[i] = cased(std::string_view(text).substr(i, 1), true)[0];
    return Json(text);
}

Result<Json> join_list(Arguments const& arguments) {
    auto const separator = TRY(text_argument("join", arguments[1]));
    auto const* const array = arguments[0].find_array();
    if (!array && !arguments[0].is_null()) return wrong("join", fmt::format("{} is no list", arguments[0].kind()));
    std::string text;
    for (std::size_t i = 0; array && i < array->size(); ++i) text += (i ? separator : "") + text_of((*array)[i]);
    return Json(text);
}

Result<Json> split_text(Arguments const& arguments) {
    auto const text = TRY(text_argument("split", arguments[0])), separator = TRY(text_argument("split", arguments[1]));
    auto parts = Json::array();
    std::size_t from = 0;
    for (std::size_t at; !separator.empty() && (at = text.find(separator, from)) != text.npos; from = at + separator.size()) parts.push(text.substr(from, at - from));
    parts.push(text.substr(from));
    return parts;
}

Result<Json> truncated(Arguments const& arguments) {
    auto const text = TRY(text_argument("truncate", arguments[0]));
    auto const length = TRY(number_argument("truncate", arguments[1]));
    return Json(text.substr(0, static_cast<std::size_t>(std::max<std::int64_t>(length, 0))));
}

Result<Json> padded(Arguments const& arguments) {
    auto const text = TRY(text_argument("pad", arguments[0]));
    auto const before = TRY(number_argument("pad", arguments[1])), after = TRY(number_argument("pad", arguments[2]));
    auto const blanks = [](std::int64_t count) { return std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(count, 0, 1000)), ' '); };
    return Json(text.empty() ? text : blanks(before) + text + blanks(after));
}

// By what compare() may answer.
template <bool less, bool same, bool more>
Result<Json> compared(Arguments const& arguments) {
    auto const order = TRY(compare("comparison", arguments[0], arguments[1]));
    return Json(order < 0 ? less : order == 0 ? same : more);
}

Result<Json> decide(Arguments const& arguments, bool stops_at) {
    for (auto const& argument : arguments)
        if (is_true(argument) == stops_at) return argument;
    return arguments.back();
}

struct Function {
    std::string_view name;
    std::size_t least, most;
    Result<Json> (*call)(Arguments const&);
};
constexpr Function functions[] = {
    {"and", 1, 99, [](Arguments const& a) { return decide(a, false); }},
    {"or", 1, 99, [](Arguments const& a) { return decide(a, true); }},
    {"not", 1, 1, [](Arguments const& a) -> Result<Json> { return Json(!is_true(a[0])); }},
    {"len", 1, 1, length},
    {"index", 1, 99, index},
    {"slice", 1, 3, slice},
    {"print", 0, 99, [](Arguments const& a) -> Result<Json> { return Json(print_all(a, false)); }},
    {"println", 0, 99, [](Arguments const& a) -> Result<Json> { return Json(print_all(a, true) + "\n"); }},
    {"printf", 1, 99, print_formatted},
    {"eq", 2, 99, is_any_equal},
    {"ne", 2, 2, compared<true, false, true>},
    {"lt", 2, 2, compared<true, false, false>},
    {"le", 2, 2, compared<true, true, false>},
    {"gt", 2, 2, compared<false, false, true>},
    {"ge", 2, 2, compared<false, true, true>},
    {"json", 1, 1, [](Arguments const& a) -> Result<Json> { return Json(a[0].dump()); }},
    {"lower", 1, 1, [](Arguments const& a) -> Result<Json> { return Json(cased(TRY(text_argument("lower", a[0])), false)); }},
    {"upper", 1, 1, [](Arguments const& a) -> Result<Json> { return Json(cased(TRY(text_argument("upper", a[0])), true)); }},
    {"title", 1, 1, title},
    {"split", 2, 2, split_text},
    {"join", 2, 2, join_list},
    {"truncate", 2, 2, truncated},
    {"pad", 3, 3, padded},
};

Function const* find_function(std::string_view name) {
    auto const* const found = std::find_if(std::begin(functions), std::end(functions), [&](auto const& known) { return known.name == name; });
    return found == std::end(functions) ? nullptr : found;
}

} // namespace

std::string text_of(Json const& value) {
    if (auto const* const text = value.find_string()) return *text;
    if (auto const* const flag = value.find_bool()) return *flag ? "true" : "false";
    if (auto const* const whole = value.find_integer()) return fmt::format("{}", *whole);
    if (auto const* const real = value.find_real()) return fmt::format("{}", *real);
    std::string text;
    if (auto const* const array = value.find_array()) {
        for (auto const& element : *array) text += (text.empty() ? "" : " ") + nested_text_of(element);
        return "[" + text + "]";
    }
    if (auto const* const object = value.find_object()) {
        auto sorted = *object;
        std::sort(sorted.begin(), sorted.end(), [](auto const& a, auto const& b) { return a.first < b.first; });
        for (auto const& [key, element] : sorted) text += (text.empty() ? "" : " ") + key + ":" + nested_text_of(element);
        return "map[" + text + "]";
    }
    return "<no value>";
}

bool is_function(std::string_view name) { return find_function(name) != nullptr; }

Result<Json> call_function(std::string_view name, std::vector<Json> const& arguments) {
    auto const* const function = find_function(name);
    if (!function) return Error::of(ENOSYS, "template: function '{}' is not known", name);
    if (arguments.size() < function->least || arguments.size() > function->most)
        return wrong(name, fmt::format("{} argument{} given", arguments.size(), arguments.size() == 1 ? " is" : "s are"));
    return function->call(arguments);
}

} // namespace bolt::cli::template_tree
