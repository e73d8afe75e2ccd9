// bolt-transfer artifact ls, pull, push.
#include <algorithm>

#include "cli/artifact_options.h"
#include "cli/list_format.h"
#include "cli/output.h"
#include "cli/push_words.h"
#include "cli/registry_access.h"
#include "cli/transfer_command.h"
#include "transfer/artifact.h"

namespace bolt::cli {

namespace {

constexpr std::string_view unknown_type = "application/vnd.unknown.artifact.v1", unknown_file_type = "application/octet-stream";

// ---- push

// "sbom.json:application/spdx+json"; a ':' that no media type follows is part of the name.
Result<transfer::ArtifactFile> parse_file(std::string const& word) {
    auto const colon = word.rfind(':');
    auto const type = colon == word.npos ? Result<std::string>(Error(EINVAL, "")) : parse_media_type(word.substr(colon + 1));
    auto path = TRY(HostPath::absolute(type ? word.substr(0, colon) : word));
    auto title = std::string(path.name());
    return transfer::ArtifactFile{std::move(path), std::move(title), type ? type.value() : std::string(unknown_file_type)};
}

Result<void> push_files(ArtifactWords const& words, Words const& names) {
    bool const is_about_image = !words.subject.empty();
    if (!is_about_image && names.size() < 2) return Error::of(EINVAL, "name the files too, or with --subject the image that they are about");
    auto const target = TRY(parse_destination(is_about_image ? words.subject : names[0]));
    if (!is_about_image && target.digest()) return Error::of(EINVAL, "'{}' is no place for an artifact; name HOST/REPOSITORY[:TAG]", target.text());
    transfer::ArtifactToPush artifact{words.type.empty() ? std::string(unknown_type) : words.type, {}, words.annotations, {}};
    for (std::size_t i = is_about_image ? 0 : 1; i < names.size(); ++i) {
        artifact.files.push_back(TRY(parse_file(names[i])));
        for (std::size_t other = 0; other + 1 < artifact.files.size(); ++other)
            if (artifact.files[other].title == artifact.files.back().title) return Error::of(EINVAL, "two files are called '{}'", artifact.files.back().title);
    }
    if (is_about_image) artifact.subject = tag_or_digest(target);
    auto registry = TRY(transfer::open_target(target, TRY(registry_options(words))));
    auto const lock = is_about_image ? std::optional(TRY(hold_lists())) : std::nullopt;
    auto const digest = TRY(transfer::push_artifact(registry, artifact, is_about_image ? std::nullopt : std::optional(target.tag())));
    auto const repository = target.domain() + "/" + target.repository();
    auto const name = is_about_image ? fmt::format("{}@{}", repository, digest) : target.text();
    return print(words.quiet ? name + "\n" : fmt::format("Digest: {}\n{}\n", digest, name));
}

// ---- ls

constexpr ListColumn artifact_columns[] = {{"Digest", "DIGEST"}, {"Type", "TYPE"}, {"Size", "SIZE"}, {"Annotations", "ANNOTATIONS"}};

ListRow row_of_artifact(spec::Descriptor const& artifact) {
    ListRow row;
    row.fields.set("Digest", on_one_line(artifact.digest)).set("Type", on_one_line(artifact.artifact_type)).set("MediaType", on_one_line(artifact.media_type)).set("Size", artifact.size);
    row.fields.set("Annotations", on_one_line(joined_labels(artifact.annotations)));
    row.labels = artifact.annotations;
    return row;
}

Result<void> list_artifacts(ArtifactWords const& words, Words const& names) {
    auto const name = TRY(parse_destination(names[0]));
    auto const found = TRY(ask_places<std::vector<spec::Descriptor>>(name, TRY(registry_options(words)), [&](transfer::Registry& registry) { return transfer::list_referrers(registry, tag_or_digest(name), words.type); }));
    std::vector<ListRow> rows;
    for (auto const& artifact : found) rows.push_back(row_of_artifact(artifact));
    return print(TRY(format_list(words.quiet ? "{{.Digest}}" : words.format, "{{.Digest}}\t{{.Type}}\t{{.Annotations}}", artifact_columns, rows)));
}

// ---- pull

Result<void> pull_files(ArtifactWords const& words, Words const& names) {
    auto const name = TRY(parse_destination(names[0]));
    auto const directory = TRY(HostPath::absolute(words.directory));
    auto const written = TRY(ask_places<std::vector<std::string>>(name, TRY(registry_options(words)), [&](transfer::Registry& registry) { return transfer::pull_artifact(registry, tag_or_digest(name), directory); }));
    std::string text;
    for (auto const& file : written) text += on_one_line(file) + "\n";
    return words.quiet ? Result<void>() : print(text);
}

} // namespace

constexpr Command transfer_artifact_ls_command{"artifact ls", "IMAGE", "List what a registry has about an image", artifact_ls_options, 1, 1, OptionsEnd::nowhere, Names::nothing, perform_transfer<ArtifactWords, list_artifacts>};
constexpr Command transfer_artifact_pull_command{"artifact pull", "NAME[:TAG|@DIGEST]", "Download an artifact's files", artifact_pull_options, 1, 1, OptionsEnd::nowhere, Names::nothing, perform_transfer<ArtifactWords, pull_files>};
constexpr Command transfer_artifact_push_command{"artifact push", "[NAME] FILE[:TYPE] [FILE[:TYPE]...]", "Upload files as an artifact", artifact_push_options, 1, -1, OptionsEnd::nowhere, Names::nothing, perform_transfer<ArtifactWords, push_files>};

} // namespace bolt::cli
