// What `bolt artifact` takes: read by bolt, which tells wrong usage, and by bolt-transfer, which does it.
#pragma once

#include <optional>

#include "cli/command.h"
#include "cli/push_options.h"
#include "sys/path.h"

namespace bolt::cli {

struct ArtifactWords : RegistryWords {
    bool quiet = false;
    // push
    std::vector<std::pair<std::string, std::string>> annotations;
    std::string type, subject;
    // ls
    std::string format;
    // pull
    std::string directory = ".";
};

Result<std::pair<std::string, std::string>> parse_annotation(std::string_view text);
Result<std::string> parse_media_type(std::string_view text);

using set_artifact = Set<ArtifactWords>;
inline constexpr Option artifact_authfile = {"authfile", 0, "file", "Read the registry's login from this file", set_artifact::parsed<&ArtifactWords::credentials_file, HostPath::absolute>, offers_files};
inline constexpr Option artifact_creds = {"creds", 0, "user:password", "Log in so, for this once", set_artifact::parsed<&ArtifactWords::credentials, parse_credentials>};
inline constexpr Option artifact_tls = {"tls-verify", 0, "", "Require HTTPS and verify the registry's certificate (default true)", set_artifact::flag<&ArtifactWords::verifies_tls>};

inline constexpr Option artifact_push_options[] = {
    {"annotation", 0, "key=value", "Give the artifact this annotation", set_artifact::parsed_list<&ArtifactWords::annotations, parse_annotation>},
    artifact_authfile, artifact_creds,
    {"quiet", 'q', "", "Print only the full name", set_artifact::flag<&ArtifactWords::quiet>},
    {"subject", 0, "image", "The image of a registry that the artifact is about: it is found there, and has no name of its own", set_artifact::text<&ArtifactWords::subject>},
    artifact_tls,
    {"type", 0, "string", "What the artifact is, a media type (default application/vnd.unknown.artifact.v1)", set_artifact::parsed<&ArtifactWords::type, parse_media_type>},
};
inline constexpr Option artifact_pull_options[] = {
    artifact_authfile, artifact_creds,
    {"output", 'o', "directory", "Where the files go (default: the working directory)", set_artifact::text<&ArtifactWords::directory>, offers_files},
    {"quiet", 'q', "", "Do not print the files' names", set_artifact::flag<&ArtifactWords::quiet>},
    artifact_tls,
};
inline constexpr Option artifact_ls_options[] = {
    artifact_authfile, artifact_creds,
    {"format", 0, "string", "Format output: 'table', 'table TEMPLATE', 'json', or a Go template such as '{{.Digest}}'", set_artifact::text<&ArtifactWords::format>, "table json"},
    {"quiet", 'q', "", "Only show digests", set_artifact::flag<&ArtifactWords::quiet>},
    artifact_tls,
    {"type", 0, "string", "Only artifacts of this type", set_artifact::parsed<&ArtifactWords::type, parse_media_type>},
};

} // namespace bolt::cli
