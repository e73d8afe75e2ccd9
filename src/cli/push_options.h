// What `bolt push` takes: read by bolt, which tells wrong usage, and by bolt-transfer, which does it.
#pragma once

#include <optional>

#include "cli/command.h"
#include "cli/registry_words.h"
#include "sys/path.h"
#include "transfer/push.h"

namespace bolt::cli {

struct PushWords : RegistryWords {
    std::optional<HostPath> digest_file, signing_key, passphrase_file;
    bool quiet = false, all_tags = false, repacks = false;
    spec::LayerCompression compression = spec::LayerCompression::gzip;
    std::optional<int> level;
    transfer::ManifestFormat format = transfer::ManifestFormat::as_it_is;
};

Result<spec::LayerCompression> parse_compression(std::string_view value);
Result<int> parse_compression_level(std::string_view value);
Result<transfer::Credentials> parse_credentials(std::string_view value);
Result<transfer::ManifestFormat> parse_manifest_format(std::string_view value);

inline constexpr Option push_options[] = {
    {"all-tags", 'a', "", "Push all tags of the repository", Set<PushWords>::flag<&PushWords::all_tags>},
    {"authfile", 0, "file", "Read the registry's login from this file", Set<PushWords>::parsed<&PushWords::credentials_file, HostPath::absolute>, offers_files},
    {"compression-format", 0, "string", "How layers are packed that are not kept packed: gzip (default) or zstd", Set<PushWords>::parsed<&PushWords::compression, parse_compression>, "gzip zstd"},
    {"compression-level", 0, "number", "How thoroughly: 1 to 9 for gzip, 1 to 19 for zstd", Set<PushWords>::parsed<&PushWords::level, parse_compression_level>},
    {"creds", 0, "user:password", "Log in so, for this once", Set<PushWords>::parsed<&PushWords::credentials, parse_credentials>},
    {"digestfile", 0, "file", "Write the manifest's digest to this file", Set<PushWords>::parsed<&PushWords::digest_file, HostPath::absolute>, offers_files},
    {"force-compression", 0, "", "Pack layers of another compression anew", Set<PushWords>::flag<&PushWords::repacks>},
    {"format", 'f', "string", "Manifest's format: oci or docker (default: as it is)", Set<PushWords>::parsed<&PushWords::format, parse_manifest_format>, "oci docker"},
    {"quiet", 'q', "", "Suppress verbose output", Set<PushWords>::flag<&PushWords::quiet>},
    {"sign-by-sigstore-private-key", 0, "file", "Sign the image there with this key, as `bolt image sign` does", Set<PushWords>::parsed<&PushWords::signing_key, HostPath::absolute>, offers_files},
    {"sign-passphrase-file", 0, "file", "The key's passphrase; without this it is $COSIGN_PASSWORD, or asked for", Set<PushWords>::parsed<&PushWords::passphrase_file, HostPath::absolute>, offers_files},
    {"tls-verify", 0, "", "Require HTTPS and verify the registry's certificate (default true)", Set<PushWords>::flag<&PushWords::verifies_tls>},
};

} // namespace bolt::cli
