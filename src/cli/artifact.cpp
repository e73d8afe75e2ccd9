// bolt artifact ls, pull, push.
#include "cli/artifact_options.h"
#include "cli/commands.h"
#include "cli/transfer_program.h"

namespace bolt::cli {

Result<std::pair<std::string, std::string>> parse_annotation(std::string_view text) {
    auto const [key, value, found] = cut(text, '=');
    if (key.empty() || !found) return Error::of(EINVAL, "it is not KEY=VALUE");
    return std::pair(std::string(key), std::string(value));
}

// RFC 6838, 4.2: "application/spdx+json".
Result<std::string> parse_media_type(std::string_view text) {
    auto const [kind, name, found] = cut(text, '/');
    auto const is_name = [](std::string_view part) { return !part.empty() && part.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&-^_.+") == part.npos; };
    if (!found || !is_name(kind) || !is_name(name)) return Error::of(EINVAL, "'{}' is no media type, such as application/spdx+json", text);
    return std::string(text);
}

constexpr Command artifact_ls_command{.name = "artifact ls", .arguments = "IMAGE", .summary = "List what a registry has about an image: SBOMs, signatures and other artifacts", .options = artifact_ls_options,
                                      .least = 1, .most = 1, .names = Names::images, .perform = perform_by_transfer<ArtifactWords>};
constexpr Command artifact_pull_command{.name = "artifact pull", .arguments = "NAME[:TAG|@DIGEST]", .summary = "Download an artifact's files", .options = artifact_pull_options, .least = 1, .most = 1,
                                        .perform = perform_by_transfer<ArtifactWords>};
constexpr Command artifact_push_command{.name = "artifact push", .arguments = "[NAME] FILE[:TYPE] [FILE[:TYPE]...]", .summary = "Upload files as an artifact, alone or about an image", .options = artifact_push_options,
                                        .least = 1, .most = -1, .names = Names::files, .perform = perform_by_transfer<ArtifactWords>};

} // namespace bolt::cli
