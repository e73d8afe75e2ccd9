// bolt-transfer commit, bolt-transfer import.
#include <algorithm>

#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/image_changes.h"
#include "cli/make_options.h"
#include "cli/output.h"
#include "cli/transfer_command.h"
#include "cli/transfer_progress.h"
#include "engine/container_tree.h"
#include "image/decompress.h"
#include "image/file_source.h"
#include "sys/file.h"
#include "transfer/made_image.h"

namespace bolt::cli {

namespace {

// An archive on its way into the store, in its staging area: gone with this.
struct StagedArchive {
    store::StagedLayer place;
    UniqueFd file;
};
Result<StagedArchive> stage_archive(store::Layout const& layout) {
    auto place = TRY(store::StagedLayer::make(layout));
    auto file = TRY(open_file(place.files() / "layer", O_RDWR | O_CREAT | O_EXCL, 0600));
    return StagedArchive{std::move(place), std::move(file)};
}

Result<std::vector<image::Reference>> names_for(Words const& words) {
    std::vector<image::Reference> names;
    if (words.size() < 2) return names;
    auto name = TRY(image::Reference::parse(words[1]));
    if (name.digest() || name.is_shipped()) return Error::of(EINVAL, "'{}' is no name for an image; write NAME[:TAG]", words[1]);
    names.push_back(std::move(name));
    return names;
}

transfer::PullOptions made_here(transfer::PullOptions options, UserNamespaceEntry const& entry) {
    options.unmapped_ids = entry.shortage ? image::UnmappedIds::give_to_user : image::UnmappedIds::refuse;
    options.cancelled = is_interrupted;
    options.keeps_blobs = false; // the layer's files make the same archive again
    return options;
}

// What bolt gives every container whose image does not say otherwise is not its image's.
void drop_own_defaults(spec::ImageConfig& config, spec::ImageConfig const& base) {
    std::erase_if(config.env, [&](std::string const& variable) {
        bool const is_own = variable.starts_with("HOSTNAME=") || variable.starts_with("HOME=") || variable == "container=bolt" || variable == "TERM=xterm";
        return is_own && std::ranges::find(base.env, variable) == base.env.end();
    });
    if (base.working_dir.empty() && config.working_dir == "/") config.working_dir.clear();
    if (base.stop_signal.empty() && config.stop_signal == "SIGTERM") config.stop_signal.clear();
}

Result<transfer::ImageToMake> describe(engine::Installation const& here, engine::Container const& container, CommitWords const& words, Words const& names) {
    transfer::ImageToMake image;
    image.base = TRY(store::find_image_by_id(here.layout, container.record.image_id));
    if (!image.base) return Error::of(ENOENT, "the image of container '{}' is not in the store any more", container.record.name);
    auto const document = TRY(engine::inspect_container(here, container));
    image.config = TRY(spec::parse_image_config(*document.find("Config")));
    drop_own_defaults(image.config, image.base->config);
    image.config.healthcheck = image.base->config.healthcheck;
    image.config.volumes = image.base->config.volumes;
    image.config.others = image.base->config.others;
    for (auto const& change : words.changes) TRY(apply_change(image.config, change));
    image.created_by = join(container.record.command, " ");
    image.author = words.author;
    image.comment = words.message;
    image.names = TRY(names_for(names));
    return image;
}

Result<void> commit(CommitWords const& words, Words const& names) {
    if (words.pauses) return Error::of(ENOTSUP, "--pause: containers cannot be paused yet; leave it out, and stop the container first where that matters");
    if (words.id_file) TRY(require_writable(*words.id_file).while_doing("--iidfile"));
    auto const here = TRY(engine::open_installation());
    TRY(here.layout.prepare());
    auto const container = TRY(engine::find_container(here, names[0]));
    auto image = TRY(describe(here, container, words, names));
    auto const settings = TRY(options_from_settings());
    auto const entry = TRY(prepare_transfer(here.layout));
    auto staged = TRY(store::explain_full(stage_archive(here.layout), here.layout));
    image::TarWriter archive([&](std::span<char const> piece) -> Result<void> {
        if (is_interrupted()) return Error::of(ECANCELED, "interrupted");
        return write_all(staged.file, {piece.data(), piece.size()}).while_doing("write the layer");
    });
    TRY(store::explain_full(engine::write_changes(container, archive), here.layout));
    image.layer = std::move(staged.file);
    TransferProgress progress(ProgressForm::none);
    auto const id = TRY(transfer::make_image(here.layout, std::move(image), made_here(settings, entry), progress));
    if (words.id_file) TRY(write_named_file(*words.id_file, id.text(), 0644));
    return print(fmt::format("{}\n", id));
}

Result<void> copy_plain(UniqueFd input, FdRef output) {
    image::FileSource packed(std::move(input));
    auto const plain = image::decompress(packed);
    for (auto piece = TRY(plain->next()); !piece.empty(); piece = TRY(plain->next())) {
        if (is_interrupted()) return Error::of(ECANCELED, "interrupted");
        TRY(write_all(output, {piece.data(), piece.size()}).while_doing("write the layer"));
    }
    return {};
}

Result<UniqueFd> open_import(std::string const& word) {
    if (word == "-" && isatty(STDIN_FILENO)) return Error::of(EINVAL, "there is no archive on standard input; name a file, or redirect it");
    if (word == "-") return duplicate(FdRef(STDIN_FILENO));
    if (word.starts_with("http://") || word.starts_with("https://")) return Error::of(ENOTSUP, "archives are not downloaded; use `curl -L {} | bolt import -`", word);
    return open_file(TRY(HostPath::absolute(word)), O_RDONLY);
}

Result<void> import(ImportWords const& words, Words const& names) {
    auto input = TRY(open_import(names[0]));
    transfer::ImageToMake image;
    image.platform = words.platform.value_or(image::platform_of_host());
    for (auto const& change : words.changes) TRY(apply_change(image.config, change));
    image.comment = words.message.empty() ? fmt::format("Imported from {}", names[0]) : words.message;
    image.names = TRY(names_for(names));
    auto const layout = TRY(store::Layout::of_calling_user());
    TRY(layout.prepare());
    auto const settings = TRY(options_from_settings());
    auto const entry = TRY(prepare_transfer(layout));
    auto staged = TRY(store::explain_full(stage_archive(layout), layout));
    TRY(store::explain_full(copy_plain(std::move(input), staged.file), layout));
    image.layer = std::move(staged.file);
    TransferProgress progress(ProgressForm::none);
    auto options = made_here(settings, entry);
    options.platform = image.platform;
    auto const made = transfer::make_image(layout, std::move(image), options, progress);
    if (!made && made.error().is(EBADMSG)) return Error::of(EBADMSG, "{} cannot be read as an archive of files: {}", names[0] == "-" ? "standard input" : fmt::format("'{}'", names[0]), made.error().text());
    return print(fmt::format("{}\n", TRY(Result(made))));
}

} // namespace

constexpr Command transfer_commit_command{"commit", "CONTAINER [IMAGE[:TAG]]", "Make an image of a container's changes", commit_options, 1, 2, OptionsEnd::nowhere, Names::containers, perform_transfer<CommitWords, commit>};
constexpr Command transfer_import_command{"import", "FILE|- [IMAGE[:TAG]]", "Make an image of an archive of files", import_options, 1, 2, OptionsEnd::nowhere, Names::files, perform_transfer<ImportWords, import>};

} // namespace bolt::cli
