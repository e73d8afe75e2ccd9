// What `bolt save` and `bolt load` take: read by bolt, which tells wrong usage, and by bolt-transfer, which does it.
#pragma once

#include <optional>

#include "cli/command.h"
#include "image/platform.h"
#include "sys/path.h"

namespace bolt::cli {

enum class ArchiveFormat { docker_archive, oci_archive, oci_directory };
Result<ArchiveFormat> parse_archive_format(std::string_view value);

struct SaveWords {
    std::optional<HostPath> output;
    ArchiveFormat format = ArchiveFormat::docker_archive;
    bool quiet = false, several = false;
};
inline constexpr Option save_options[] = {
    {"format", 0, "string", "Format: docker-archive (default), oci-archive or oci-dir", Set<SaveWords>::parsed<&SaveWords::format, parse_archive_format>, "docker-archive oci-archive oci-dir"},
    {"multi-image-archive", 'm', "", "", Set<SaveWords>::flag<&SaveWords::several>}, // podman's word for what is always so
    {"output", 'o', "path", "Write to this file, or with oci-dir to this directory, instead of standard output", Set<SaveWords>::parsed<&SaveWords::output, HostPath::absolute>, offers_files},
    {"quiet", 'q', "", "", Set<SaveWords>::flag<&SaveWords::quiet>}, // nothing is said anyway
};

struct LoadWords {
    std::optional<HostPath> input;
    std::optional<spec::ImagePlatform> platform;
    std::optional<HostPath> policy_file;
    bool quiet = false;
};
inline constexpr Option load_options[] = {
    {"input", 'i', "path", "Read this archive or directory instead of standard input", Set<LoadWords>::parsed<&LoadWords::input, HostPath::absolute>, offers_files},
    {"platform", 0, "string", "Load the images for this platform, such as linux/arm64", Set<LoadWords>::parsed<&LoadWords::platform, image::parse_platform>},
    {"quiet", 'q', "", "Suppress progress", Set<LoadWords>::flag<&LoadWords::quiet>},
    {"signature-policy", 0, "file", "The policy that says what is taken, instead of policy.json", Set<LoadWords>::parsed<&LoadWords::policy_file, HostPath::absolute>, offers_files},
};

} // namespace bolt::cli
