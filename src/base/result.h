// Result<T>: a value, or an Error. The project's only way to fail.
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

namespace bolt {

// Why something could not be done. The code (errno space) is for decisions; the text is for people: one
// sentence without a full stop that reads from the outermost operation to the innermost cause.
class [[nodiscard]] Error {
public:
    Error(int code, std::string text) : code_(code), text_(std::move(text)) {}

    // Captures errno before it formats: "{message}: {strerror}".
    template <typename... Args>
    [[gnu::cold]] static Error from_errno(fmt::format_string<Args...> message, Args&&... args) {
        int const code = errno;
        return from_code(code, fmt::format(message, std::forward<Args>(args)...));
    }
    // The same for a code that is held already, as a positive errno value.
    [[gnu::cold]] static Error from_code(int code, std::string message);

    template <typename... Args>
    [[gnu::cold]] static Error of(int code, fmt::format_string<Args...> message, Args&&... args) {
        return Error(code, fmt::format(message, std::forward<Args>(args)...));
    }

    int code() const { return code_; }
    bool is(int code) const { return code_ == code; }
    std::string const& text() const { return text_; }
    [[gnu::cold]] void prefix(std::string_view context);

private:
    int code_;
    std::string text_;
};

// What went wrong while something was taken down. Teardown goes on after a failure, so there may be several.
using ErrorList = std::vector<Error>;
// All texts, joined by "; ".
std::string join_texts(ErrorList const& errors);

template <typename T>
class [[nodiscard]] Result {
    static_assert(!std::is_reference_v<T>, "hold references as pointers");
    using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

public:
    using value_type = T;

    Result()
        requires std::is_void_v<T>
        : held_(std::in_place_index<0>) {}
    template <typename U = Value>
        requires(!std::is_void_v<T> && std::is_constructible_v<Value, U &&> &&
                 !std::is_same_v<std::remove_cvref_t<U>, Error> && !std::is_same_v<std::remove_cvref_t<U>, Result>)
    Result(U&& value) : held_(std::in_place_index<0>, std::forward<U>(value)) {}
    Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return held_.index() == 0; }
    explicit operator bool() const { return ok(); }

    Error const& error() const& { return *std::get_if<1>(&held_); }
    Error error() && { return std::move(*std::get_if<1>(&held_)); }

    // Only when ok().
    template <typename U = Value>
        requires(!std::is_void_v<T>)
    U& value() & { return *std::get_if<0>(&held_); }
    template <typename U = Value>
        requires(!std::is_void_v<T>)
    U const& value() const& { return *std::get_if<0>(&held_); }
    // By value, so that nothing dangles inside TRY.
    T value() && {
        if constexpr (!std::is_void_v<T>) return std::move(*std::get_if<0>(&held_));
    }
    template <typename U = Value>
        requires(!std::is_void_v<T>)
    U* operator->() { return std::get_if<0>(&held_); }
    template <typename U = Value>
        requires(!std::is_void_v<T>)
    U& operator*() & { return *std::get_if<0>(&held_); }

    // Adds what was being done when it failed: "{context}: {text}". Formats only on failure.
    template <typename... Args>
    Result while_doing(fmt::format_string<Args...> context, Args&&... args) && {
        if (!ok()) std::get_if<1>(&held_)->prefix(fmt::format(context, std::forward<Args>(args)...));
        return std::move(*this);
    }

private:
    std::variant<Value, Error> held_;
};

} // namespace bolt

// The value of a Result, or return its error from the enclosing function. Not inside the braces of an aggregate
// or an initialiser list: gcc leaks the elements already built (tests/lint checks).
#define TRY(...)                                                                                                        \
    __extension__({                                                                                                     \
        auto bolt_try_result = (__VA_ARGS__);                                                                           \
        if (!bolt_try_result.ok()) [[unlikely]]                                                                         \
            return std::move(bolt_try_result).error();                                                                  \
        std::move(bolt_try_result).value();                                                                             \
    })
