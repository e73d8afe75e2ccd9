#include "sys/path.h"

#include <algorithm>
#include <climits>

#include <unistd.h>

#include "base/text.h"

namespace bolt {

namespace {
// The next component that says something, taken off the text; "" after the last. Without a list of all of them: paths are read for
// every mount of a container and every entry of an archive.
std::string_view take_component(std::string_view& text) {
    while (!text.empty()) {
        auto const component = text.substr(0, text.find('/'));
        text.remove_prefix(std::min(component.size() + 1, text.size()));
        if (!component.empty() && component != ".") return component;
    }
    return {};
}
} // namespace

Result<HostPath> HostPath::parse(std::string_view text) {
    if (!text.starts_with('/') || text.find('\0') != text.npos) return Error::of(EINVAL, "'{}' is not an absolute path", text);
    std::string clean;
    clean.reserve(text.size());
    for (auto component = take_component(text); !component.empty(); component = take_component(text)) {
        clean += '/';
        clean += component;
    }
    return HostPath(clean.empty() ? "/" : std::move(clean));
}

Result<HostPath> HostPath::absolute(std::string_view text) {
    if (text.starts_with('/')) return parse(text);
    if (text.empty()) return Error::of(EINVAL, "an empty path");
    char here[PATH_MAX];
    if (!getcwd(here, sizeof here)) return Error::from_errno("find the working directory");
    return parse(fmt::format("{}/{}", here, text));
}

HostPath HostPath::operator/(std::string_view below) const {
    std::string joined = text_ == "/" ? "" : text_;
    joined += '/';
    joined += below;
    return HostPath(std::move(joined));
}

HostPath HostPath::parent() const {
    auto const at = text_.rfind('/');
    return HostPath(at == 0 ? "/" : text_.substr(0, at));
}

std::string_view HostPath::name() const { return std::string_view(text_).substr(text_.rfind('/') + 1); }

namespace {
enum class DotDot { refuse, climb };
Result<std::vector<std::string>> split_components(std::string_view text, DotDot dot_dot) {
    if (text.find('\0') != text.npos) return Error::of(EINVAL, "a path with a NUL character in it");
    std::vector<std::string> components;
    components.reserve(std::min<std::size_t>(static_cast<std::size_t>(std::count(text.begin(), text.end(), '/')), 15) + 1);
    auto const whole = text;
    for (auto component = take_component(text); !component.empty(); component = take_component(text)) {
        if (component != "..")
            components.emplace_back(component);
        else if (dot_dot == DotDot::refuse)
            return Error::of(EINVAL, "path '{}' has '..' in it", whole);
        else if (!components.empty())
            components.pop_back();
    }
    return components;
}
} // namespace

Result<RootPath> RootPath::parse(std::string_view text) {
    RootPath path;
    path.components_ = TRY(split_components(text, DotDot::refuse));
    return path;
}

Result<RootPath> RootPath::parse_clamped(std::string_view text) {
    RootPath path;
    path.components_ = TRY(split_components(text, DotDot::climb));
    return path;
}

RootPath RootPath::parent() const {
    RootPath up = *this;
    if (!up.components_.empty()) up.components_.pop_back();
    return up;
}

std::string_view RootPath::name() const { return components_.empty() ? std::string_view() : components_.back(); }

Result<RootPath> RootPath::child(std::string_view component) const {
    if (component.empty() || component == "." || component == ".." || component.find_first_of(std::string_view("/\0", 2)) != component.npos)
        return Error::of(EINVAL, "'{}' is not a file name", component);
    RootPath below = *this;
    below.components_.emplace_back(component);
    return below;
}

std::string RootPath::text() const { return components_.empty() ? "." : join(components_, "/"); }
std::string RootPath::absolute_text() const { return "/" + join(components_, "/"); }

} // namespace bolt
