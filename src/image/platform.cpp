#include "image/platform.h"

#include <sys/utsname.h>

#include "base/text.h"

namespace bolt::image {

namespace {

struct Alias {
    std::string_view name, architecture, variant;
};
constexpr Alias aliases[] = {
    {"x86_64", "amd64", ""},   {"x86-64", "amd64", ""},  {"aarch64", "arm64", ""}, {"armhf", "arm", "v7"},      {"armel", "arm", "v6"},
    {"armv8l", "arm", "v8"},   {"armv7l", "arm", "v7"},  {"armv6l", "arm", "v6"},  {"armv5l", "arm", "v5"},     {"i386", "386", ""},
    {"i486", "386", ""},       {"i586", "386", ""},      {"i686", "386", ""},      {"loongarch64", "loong64", ""},
};

// 0 for what is no "vN".
int version_of(std::string_view variant) {
    return variant.size() == 2 && variant[0] == 'v' && variant[1] >= '1' && variant[1] <= '9' ? variant[1] - '0' : 0;
}

} // namespace

spec::ImagePlatform platform_of_host() {
    struct utsname machine {};
    uname(&machine);
    return normalised({"linux", machine.machine, ""});
}

spec::ImagePlatform normalised(spec::ImagePlatform const& platform) {
    auto result = platform;
    for (auto const& alias : aliases) {
        if (alias.name != result.architecture) continue;
        result.architecture = alias.architecture;
        if (result.variant.empty()) result.variant = alias.variant;
        break;
    }
    if (version_of("v" + result.variant) != 0) result.variant.insert(0, "v"); // "8" is "v8"
    if (result.architecture == "arm64" && result.variant.empty()) result.variant = "v8";
    if (result.architecture == "arm" && result.variant.empty()) result.variant = "v7";
    if (result.architecture == "amd64" && result.variant == "v1") result.variant.clear();
    return result;
}

Result<spec::ImagePlatform> parse_platform(std::string_view text) {
    auto const parts = split(text, '/');
    bool valid = !parts.empty() && parts.size() <= 3;
    for (auto const part : parts) valid = valid && !part.empty() && part.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.-") == part.npos;
    if (!valid) return Error::of(EINVAL, "'{}' is not a platform; write OS/ARCHITECTURE[/VARIANT], for example linux/arm64", text);
    spec::ImagePlatform platform;
    if (parts.size() == 1) {
        platform.os = "linux";
        platform.architecture = parts[0];
    } else {
        platform.os = parts[0];
        platform.architecture = parts[1];
        if (parts.size() == 3) platform.variant = parts[2];
    }
    return normalised(platform);
}

std::optional<int> distance(spec::ImagePlatform const& wanted_as_written, spec::ImagePlatform const& offered_as_written) {
    auto const wanted = normalised(wanted_as_written), offered = normalised(offered_as_written);
    if (wanted.os != offered.os || wanted.architecture != offered.architecture) return std::nullopt;
    if (wanted.variant == offered.variant) return 0;
    // amd64 without a variant is v1; a host is taken for v1, the variants beyond must be asked for.
    auto const version = [](spec::ImagePlatform const& platform) { return platform.variant.empty() ? 1 : version_of(platform.variant); };
    int const most = version(wanted), has = version(offered);
    if (most == 0 || has == 0 || has > most) return std::nullopt;
    return most - has;
}

Result<spec::Descriptor> choose(spec::ImageIndex const& index, spec::ImagePlatform const& wanted) {
    spec::Descriptor const* best = nullptr;
    int best_distance = 0;
    std::vector<std::string> offered;
    for (auto const& manifest : index.manifests) {
        bool const is_image = manifest.media_type == spec::media_type::oci_manifest || manifest.media_type == spec::media_type::docker_manifest ||
                              manifest.media_type == spec::media_type::oci_index || manifest.media_type == spec::media_type::docker_list;
        if (!is_image || !manifest.artifact_type.empty()) continue;
        // A lone entry without a platform is for whoever asks; its configuration says the truth.
        if (!manifest.platform) {
            if (!best) {
                best = &manifest;
                best_distance = 1000;
            }
            continue;
        }
        if (manifest.platform->os == "unknown") continue; // build attestations
        offered.push_back(manifest.platform->text());
        auto const how_far = distance(wanted, *manifest.platform);
        if (how_far && (!best || *how_far < best_distance)) {
            best = &manifest;
            best_distance = *how_far;
        }
    }
    if (best) return *best;
    if (offered.empty()) return Error::of(ENOENT, "the index holds no image");
    return Error::of(ENOENT, "there is no image for {}; there is one for {}: choose with --platform", wanted.text(), join(offered, ", "));
}

} // namespace bolt::image
