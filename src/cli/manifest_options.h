// What `bolt manifest push` and `bolt manifest inspect` take: read by bolt, which tells wrong usage, and by bolt-transfer, which does it.
#pragma once

#include "cli/push_options.h"

namespace bolt::cli {

struct ManifestPushWords : PushWords {
    bool removes = false;
};

inline Result<void> set_all_images(ManifestPushWords&, std::string_view value) {
    return value == "true" ? Result<void>() : Error::of(ENOTSUP, "an index is pushed with all of its images; `bolt push` pushes one");
}

inline constexpr Option manifest_push_options[] = {
    {"all", 0, "", "Push the images too (always)", Set<ManifestPushWords>::by<set_all_images>},
    {"authfile", 0, "file", "Read the registry's login from this file", Set<ManifestPushWords>::parsed<&ManifestPushWords::credentials_file, HostPath::absolute>, offers_files},
    {"compression-format", 0, "string", "How layers are packed that are not kept packed: gzip (default) or zstd", Set<ManifestPushWords>::parsed<&ManifestPushWords::compression, parse_compression>, "gzip zstd"},
    {"creds", 0, "user:password", "Log in so, for this once", Set<ManifestPushWords>::parsed<&ManifestPushWords::credentials, parse_credentials>},
    {"digestfile", 0, "file", "Write the index's digest to this file", Set<ManifestPushWords>::parsed<&ManifestPushWords::digest_file, HostPath::absolute>, offers_files},
    {"format", 'f', "string", "Index's and manifests' format: oci or docker (default: an index of OCI's, manifests as they are)", Set<ManifestPushWords>::parsed<&ManifestPushWords::format, parse_manifest_format>, "oci docker"},
    {"quiet", 'q', "", "Suppress verbose output", Set<ManifestPushWords>::flag<&ManifestPushWords::quiet>},
    {"rm", 0, "", "Remove the index here when it was pushed", Set<ManifestPushWords>::flag<&ManifestPushWords::removes>},
    {"tls-verify", 0, "", "Require HTTPS and verify the registry's certificate (default true)", Set<ManifestPushWords>::flag<&ManifestPushWords::verifies_tls>},
};

using ManifestInspectWords = RegistryWords;
inline constexpr Option manifest_inspect_options[] = {
    {"authfile", 0, "file", "Read the registry's login from this file", Set<ManifestInspectWords>::parsed<&ManifestInspectWords::credentials_file, HostPath::absolute>, offers_files},
    {"creds", 0, "user:password", "Log in so, for this once", Set<ManifestInspectWords>::parsed<&ManifestInspectWords::credentials, parse_credentials>},
    {"tls-verify", 0, "", "Require HTTPS and verify the registry's certificate (default true)", Set<ManifestInspectWords>::flag<&ManifestInspectWords::verifies_tls>},
};

} // namespace bolt::cli
