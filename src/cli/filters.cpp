#include "cli/filters.h"

#include <algorithm>

#include <fnmatch.h>

#include "base/text.h"
#include "cli/command_line.h"
#include "cli/expression.h"
#include "image/reference.h"

namespace bolt::cli {

namespace {

using engine::Container;

constexpr std::string_view container_keys[] = {"id", "name", "label", "status", "exited", "ancestor", "before", "since", "volume", "network"};

// "nginx" is docker.io/library/nginx:latest wherever it is written.
std::string canonical_image(std::string const& text) {
    auto const reference = image::Reference::parse(text);
    return reference ? reference.value().text() : text;
}

bool is_made_from(Container const& container, std::string const& image) {
    if (canonical_image(container.record.image) == canonical_image(image)) return true;
    auto const id = std::string_view(image).starts_with("sha256:") ? image : "sha256:" + image;
    return image.size() >= 4 && container.record.image_id.starts_with(id);
}

bool uses_volume(Container const& container, std::string const& wanted) {
    auto const* const mounts = container.record.mounts.find_array();
    for (auto const& mount : mounts ? *mounts : Json::Array{})
        for (std::string_view const member : {"Name", "Source", "Destination"})
            if (auto const* const text = mount.find(member); text && text->find_string() && *text->find_string() == wanted) return true;
    return false;
}

Result<bool> holds(Container const& container, Filter const& filter, std::vector<Container> const& all) {
    auto const& record = container.record;
    if (filter.key == "id") return matches_expression(filter.value, record.id);
    if (filter.key == "name") return matches_expression(filter.value.starts_with('/') ? filter.value.substr(1) : filter.value, record.name);
    if (filter.key == "label") return has_label(record.labels, filter.value);
    if (filter.key == "status") return monitor::to_text(container.state.status) == filter.value;
    if (filter.key == "ancestor") return is_made_from(container, filter.value);
    if (filter.key == "volume") return uses_volume(container, filter.value);
    if (filter.key == "network") return record.network == filter.value;
    if (filter.key == "exited") {
        auto const code = TRY(parse_integer(filter.value).while_doing("filter 'exited'"));
        return container.state.status == monitor::Status::exited && container.state.exit_code == code;
    }
    // before, since: the others are listed newest first.
    for (auto const& other : all)
        if (other.record.name == filter.value || other.record.id.starts_with(filter.value))
            return filter.key == "before" ? record.created < other.record.created : record.created > other.record.created;
    return Error::of(ENOENT, "filter '{}': there is no container '{}'", filter.key, filter.value);
}

Result<bool> is_let_through(Container const& container, std::vector<Filter> const& filters, std::vector<Container> const& all) {
    for (auto const& filter : filters) {
        if (TRY(holds(container, filter, all))) continue;
        if (filter.key == "label") return false;
        bool alternative = false;
        for (auto const& other : filters)
            if (other.key == filter.key && TRY(holds(container, other, all))) alternative = true;
        if (!alternative) return false;
    }
    return true;
}

} // namespace

Result<Filter> parse_filter(std::string_view text) {
    auto const [key, value, found] = cut(text, '=');
    if (!found || key.empty()) return Error::of(EINVAL, "'{}' is not a filter; write KEY=VALUE such as status=exited", text);
    return Filter{std::string(trim(key)), std::string(trim(value))};
}

Result<void> check_filter_keys(std::vector<Filter> const& filters, std::span<std::string_view const> known) {
    for (auto const& filter : filters)
        if (std::find(known.begin(), known.end(), filter.key) == known.end())
            return Error::of(EINVAL, "there is no filter '{}'{}; there are {}", filter.key, suggestion(filter.key, known),
                             join(std::vector<std::string>(known.begin(), known.end()), ", "));
    return {};
}

bool has_label(std::vector<std::pair<std::string, std::string>> const& labels, std::string_view wanted) {
    auto const [key, value, has_value] = cut(wanted, '=');
    for (auto const& [name, content] : labels)
        if (name == key && (!has_value || content == value)) return true;
    return false;
}

Result<void> check_pattern(std::string_view pattern) {
    auto const open = pattern.rfind('[');
    if (open == pattern.npos || pattern.find(']', open + 1) != pattern.npos) return {};
    return Error::of(EINVAL, "the pattern '{}' has a '[' without its ']'", pattern);
}

bool matches_pattern(std::string_view pattern, std::string_view text) { return fnmatch(std::string(pattern).c_str(), std::string(text).c_str(), FNM_PATHNAME) == 0; }

Result<std::vector<Container>> filter_containers(std::vector<Container> const& all, std::vector<Filter> const& filters) {
    TRY(check_filter_keys(filters, container_keys));
    constexpr std::string_view statuses[] = {"created", "running", "paused", "restarting", "exited"};
    for (auto const& filter : filters)
        if (filter.key == "status" && std::find(std::begin(statuses), std::end(statuses), filter.value) == std::end(statuses))
            return Error::of(EINVAL, "filter 'status': '{}' is none of created, running, paused, restarting, exited", filter.value);
    std::vector<Container> kept;
    for (auto const& container : all)
        if (TRY(is_let_through(container, filters, all))) kept.push_back(container);
    return kept;
}

} // namespace bolt::cli
