// The image configuration: what an image says about the containers made from it, and what its layers are.
// OCI image specification 1.1, config.md; Docker's image specification 1.2 has the same fields.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace bolt::spec {

// What a container gets unless the user says otherwise. Empty fields are what the image does not set.
struct ImageConfig {
    std::string user;                        // "name", "uid", "name:group" …
    std::vector<std::string> exposed_ports;  // "80/tcp", "53/udp", "8000"
    std::vector<std::string> env;            // "NAME=value"
    std::vector<std::string> entrypoint;
    std::vector<std::string> cmd;
    std::vector<std::string> volumes;        // absolute paths inside
    std::string working_dir;
    std::vector<std::pair<std::string, std::string>> labels;
    std::string stop_signal;                 // "SIGQUIT", "3"
    Json healthcheck;                        // as it stands in the document, null when there is none
    Json others;                             // what bolt has no use for and others have: an object with "OnBuild", "Shell", "ArgsEscaped"; or null
    bool operator==(ImageConfig const&) const = default;
};
// From the object under "config"; null is the empty configuration.
Result<ImageConfig> parse_image_config(Json const& config);
Json to_json(ImageConfig const& config);

// Which machine an image is for, in Go's names: "linux", "amd64", "v8".
struct ImagePlatform {
    std::string os, architecture, variant;
    bool operator==(ImagePlatform const&) const = default;
    std::string text() const; // "linux/arm64/v8"
};

// "created" of a configuration or of a step of its history; none also for a year that is not to be had: builders in Go write the
// year 1 for no time.
Result<std::optional<Time>> find_creation_time(Json const& document);

// The whole configuration document.
struct ImageDocument {
    ImagePlatform platform;
    std::optional<Time> created;
    ImageConfig config;
    std::vector<std::string> diff_ids;       // digests of the uncompressed layers, lowest first
    Json history;                            // as it stands in the document
};
// EINVAL names the field that is missing or of another type.
Result<ImageDocument> parse_image_document(std::string_view text);

} // namespace bolt::spec
