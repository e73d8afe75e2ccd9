#include "engine/container_image.h"

#include "image/platform.h"
#include "base/text.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/process.h"

namespace bolt::engine {

namespace {

Result<bool> has_wanted_platform(store::Image const& image, std::optional<std::string> const& wanted) {
    if (!wanted) return true;
    return image::distance(image::normalised(TRY(image::parse_platform(*wanted))), image::normalised(image.platform)).has_value();
}

// The image's name in the store: a name without a registry may be an alias, or have been searched for.
Result<std::string> pull(Installation const& here, ContainerOptions const& options) {
    SpawnOptions spawned;
    spawned.arguments = {"bolt-transfer", "pull"};
    if (options.platform) spawned.arguments.insert(spawned.arguments.end(), {"--platform", *options.platform});
    if (options.pull != PullPolicy::always) spawned.arguments.insert(spawned.arguments.end(), {"--policy", options.pull == PullPolicy::newer ? "newer" : "missing"});
    constexpr int report_number = 3;
    spawned.arguments.insert(spawned.arguments.end(), {"--report-fd", fmt::format("{}", report_number), "--", options.image});
    auto reports = TRY(make_pipe());
    spawned.inherited = {{reports.write_end.number(), report_number}};
    spawned.output = FdRef(2); // the container's output has stdout for itself
    spawned.dies_with_parent = true; // nobody is left who wants the image; what has come can be resumed
    auto transfer = TRY(spawn(here.transfer, spawned));
    reports.write_end.close();
    auto const report = TRY(read_to_end(reports.read_end));
    auto const ended = TRY(transfer.wait());
    if (ended.shell_code() == 0) return report;
    if (!report.empty()) return Error::of(EINVAL, "{}", trim(report));
    return Error::of(EINVAL, "image '{}' could not be pulled: bolt-transfer {}", options.image, ended.text());
}

} // namespace

Result<store::Image> get_image(Installation const& here, ContainerOptions const& options) {
    if (options.pull != PullPolicy::always && options.pull != PullPolicy::newer) {
        if (auto found = TRY(store::find_image_by_text(here.layout, options.image)); found && TRY(has_wanted_platform(*found, options.platform)))
            return std::move(*found);
        if (options.pull == PullPolicy::never)
            return Error::of(ENOENT, "image '{}' is not in the local store, and --pull=never forbids to get it; pull it (bolt pull {})", options.image, options.image);
    }
    (void)TRY(image::Reference::parse(options.image)); // a bad name is told before a program is started for it
    auto const pulled = pull(here, options);
    // An image that is here and goes by its id has no name to ask for.
    if (!pulled && options.pull == PullPolicy::newer)
        if (auto found = TRY(store::find_image_by_text(here.layout, options.image)); found && TRY(has_wanted_platform(*found, options.platform))) return std::move(*found);
    auto const name = TRY(pulled);
    if (auto found = TRY(store::find_image_by_text(here.layout, name))) return std::move(*found);
    return Error::of(ENOENT, "image '{}' was pulled, but is not in the local store; it may have been removed at the same time: try again", options.image);
}

std::vector<std::string> warn_of_platform(store::Image const& image, std::string_view name) {
    auto const ours = image::platform_of_host();
    if (image.platform.architecture.empty() || image::normalised(image.platform).architecture == ours.architecture) return {};
    return {fmt::format("image '{}' is for {} and this machine is {}: its programs may not run here (--platform {} says that it is meant)", name, image.platform.text(), ours.text(), image.platform.text())};
}

} // namespace bolt::engine
