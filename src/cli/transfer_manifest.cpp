// bolt-transfer manifest inspect, bolt-transfer manifest push.
#include "cli/manifest_options.h"
#include "cli/output.h"
#include "cli/push_words.h"
#include "cli/registry_access.h"
#include "cli/transfer_command.h"
#include "cli/transfer_progress.h"
#include "store/indexes.h"
#include "transfer/push_index.h"

namespace bolt::cli {

namespace {

Result<void> push_named_index(ManifestPushWords const& words, Words const& names) {
    auto const layout = TRY(store::Layout::of_calling_user());
    TRY(layout.prepare());
    auto const options = TRY(prepare_push(layout, words));
    auto const name = TRY(image::Reference::parse(names[0]));
    auto const index = TRY(store::find_index(layout, name));
    if (!index) return Error::of(ENOENT, "there is no image index '{}'; `bolt manifest ls` lists them", name.text());
    auto const target = names.size() > 1 ? TRY(parse_destination(names[1])) : name;
    TransferProgress progress(words.quiet ? ProgressForm::none : progress_form_of_terminal());
    if (target.was_short()) progress.note(fmt::format("the name has no registry: pushing to '{}'", target.text()));
    TRY(print_pushed(TRY(transfer::push_index(layout, *index, target, options, progress)), words));
    return words.removes ? store::remove_index(layout, name) : Result<void>();
}

Result<void> inspect_remote(ManifestInspectWords const& words, Words const& names) {
    auto const name = TRY(parse_destination(names[0]));
    auto const document = TRY(ask_places<std::string>(name, TRY(registry_options(words)), [&](transfer::Registry& registry) -> Result<std::string> { return TRY(registry.manifest(tag_or_digest(name))).bytes; }));
    return print(TRY(Json::parse(document)).dump(Json::Layout::pretty));
}

} // namespace

constexpr Command transfer_manifest_push_command{"manifest push", "INDEX [DESTINATION]", "Upload an image index and its images to a registry", manifest_push_options, 1, 2, OptionsEnd::nowhere, Names::nothing, perform_transfer<ManifestPushWords, push_named_index>};
constexpr Command transfer_manifest_inspect_command{"manifest inspect", "NAME", "Show an image index of a registry", manifest_inspect_options, 1, 1, OptionsEnd::nowhere, Names::nothing, perform_transfer<ManifestInspectWords, inspect_remote>};

} // namespace bolt::cli
