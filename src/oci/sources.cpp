#include "oci/sources.h"

#include <algorithm>

#include <fcntl.h>

#include "sys/file.h"

namespace bolt::oci {

void Sources::open(HostPath const& path) {
    // What is missing now may be made by a hook; what cannot be opened is told when it is needed.
    if (auto file = open_file(path, O_PATH)) opened_.emplace_back(path.text(), std::move(file).value());
}

Sources Sources::open_all(CreateRequest const& request, std::vector<MountStep> const& mounts) {
    Sources sources;
    if (request.overlay) {
        for (auto const& lower : request.overlay->lowers) sources.open(lower);
        sources.open(request.overlay->upper);
        sources.open(request.overlay->work);
    } else if (auto const root = root_directory(request)) {
        sources.open(root.value());
    }
    for (auto const& step : mounts)
        if (auto const* const bind = std::get_if<BindMount>(&step))
            if (auto const path = HostPath::parse(bind->source)) sources.open(path.value());
    return sources;
}

HostPath Sources::reachable(HostPath const& path) const {
    auto const found = std::ranges::find(opened_, path.text(), &std::pair<std::string, UniqueFd>::first);
    return found == opened_.end() ? path : HostPath() / "proc/self/fd" / fmt::format("{}", found->second.number());
}

Result<HostPath> root_directory(CreateRequest const& request) {
    auto const& text = request.spec->root_path;
    if (text.starts_with('/')) return HostPath::parse(text);
    return request.bundle / text;
}

} // namespace bolt::oci
