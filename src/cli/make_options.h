// What `bolt commit` and `bolt import` take: read by bolt, which tells wrong usage, and by bolt-transfer, which does it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "image/platform.h"
#include "sys/path.h"

namespace bolt::cli {

struct CommitWords {
    std::string author, message;
    std::vector<std::string> changes;
    std::optional<HostPath> id_file;
    bool quiet = false, pauses = false;
};
inline constexpr Option commit_options[] = {
    {"author", 'a', "string", "Who made it", Set<CommitWords>::text<&CommitWords::author>},
    {"change", 'c', "instruction", "Apply an instruction of a Dockerfile: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME or WORKDIR", Set<CommitWords>::list<&CommitWords::changes>},
    {"iidfile", 0, "file", "Write the image's id to this file", Set<CommitWords>::parsed<&CommitWords::id_file, HostPath::absolute>, offers_files},
    {"message", 'm', "string", "A comment for the history", Set<CommitWords>::text<&CommitWords::message>},
    {"pause", 'p', "", "Pause the container meanwhile (refused: containers cannot be paused yet)", Set<CommitWords>::flag<&CommitWords::pauses>},
    {"quiet", 'q', "", "", Set<CommitWords>::flag<&CommitWords::quiet>}, // only the id is said anyway
};

struct ImportWords {
    std::string message;
    std::vector<std::string> changes;
    std::optional<spec::ImagePlatform> platform;
    bool quiet = false;
};
inline constexpr Option import_options[] = {
    {"change", 'c', "instruction", "Apply an instruction of a Dockerfile: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME or WORKDIR", Set<ImportWords>::list<&ImportWords::changes>},
    {"message", 'm', "string", "A comment for the history", Set<ImportWords>::text<&ImportWords::message>},
    {"platform", 0, "string", "The files are for this platform, such as linux/arm64", Set<ImportWords>::parsed<&ImportWords::platform, image::parse_platform>},
    {"quiet", 'q', "", "", Set<ImportWords>::flag<&ImportWords::quiet>}, // as above
};

} // namespace bolt::cli
