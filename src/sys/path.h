// Two kinds of path that cannot be confused: one of the host, which is trusted, and one inside an untrusted tree.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bolt {

// An absolute, trusted path of the host. Never made from what an image, a container or a bundle says.
class HostPath {
public:
    HostPath() : text_("/") {}
    // EINVAL unless it begins with '/' and holds no NUL. "." , "//" and a final '/' are taken out; ".." is kept as it is.
    static Result<HostPath> parse(std::string_view text);
    // The same, relative texts being taken from the working directory.
    static Result<HostPath> absolute(std::string_view text);

    // One or more components below this one; they must not begin with '/'.
    HostPath operator/(std::string_view below) const;
    HostPath parent() const;
    // The last component; "" for "/".
    std::string_view name() const;
    std::string const& text() const { return text_; }
    char const* c_str() const { return text_.c_str(); }
    auto operator<=>(HostPath const&) const = default;

private:
    explicit HostPath(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

// A path inside an untrusted tree: a list of components. "", ".", "..", "/" and NUL are no components.
class RootPath {
public:
    RootPath() = default; // the tree's own top
    // Splits at '/'; leading, doubled and trailing '/' and "." vanish; ".." or NUL is EINVAL.
    static Result<RootPath> parse(std::string_view text);
    // The same, but ".." takes one component away and stops at the top: how archives' names and users' paths are read.
    static Result<RootPath> parse_clamped(std::string_view text);

    std::vector<std::string> const& components() const { return components_; }
    bool is_top() const { return components_.empty(); }
    RootPath parent() const;                     // of the top: the top
    std::string_view name() const;               // of the top: ""
    Result<RootPath> child(std::string_view component) const;
    std::string text() const;                    // "usr/bin"; "." for the top
    std::string absolute_text() const;           // "/usr/bin"; "/" for the top
    auto operator<=>(RootPath const&) const = default;

private:
    std::vector<std::string> components_;
};

} // namespace bolt

template <>
struct fmt::formatter<bolt::HostPath> : fmt::formatter<std::string_view> {
    auto format(bolt::HostPath const& path, format_context& context) const { return formatter<std::string_view>::format(path.text(), context); }
};
template <>
struct fmt::formatter<bolt::RootPath> : fmt::formatter<std::string_view> {
    auto format(bolt::RootPath const& path, format_context& context) const { return formatter<std::string_view>::format(path.absolute_text(), context); }
};
