// bolt-transfer save, bolt-transfer load.
#include <algorithm>

#include <fcntl.h>
#include <unistd.h>

#include "cli/archive_options.h"
#include "cli/output_file.h"
#include "cli/output.h"
#include "cli/transfer_command.h"
#include "cli/transfer_progress.h"
#include "store/images.h"
#include "sys/file.h"
#include "sys/random.h"
#include "transfer/load.h"
#include "transfer/policy.h"
#include "transfer/save_target.h"

namespace bolt::cli {

namespace {

// Two names of one image are two names in the archive.
Result<std::vector<transfer::ImageToSave>> find_images(store::Layout const& layout, Words const& words, std::vector<std::string>& warnings) {
    std::vector<transfer::ImageToSave> images;
    for (auto const& word : words) {
        auto image = TRY(store::find_known_image(layout, word));
        if (!image) return Error::of(ENOENT, "there is no image '{}'; `bolt images` lists them", word);
        std::vector<image::Reference> names;
        for (auto const& text : image->references)
            if (auto name = image::Reference::parse(text); name && !name.value().tag().empty()) names.push_back(std::move(name).value());
        std::erase_if(names, [&](auto const& name) {
            if (name.is_shipped()) warnings.push_back(fmt::format("the archive has the image without the name '{}', which only bolt knows; `bolt tag` gives it another", name.text()));
            return name.is_shipped();
        });
        auto const same = std::find_if(images.begin(), images.end(), [&](auto const& other) { return other.image.id == image->id && other.image.manifest == image->manifest; });
        if (same == images.end())
            images.push_back({std::move(*image), std::move(names)});
        else
            same->names.insert(same->names.end(), names.begin(), names.end());
    }
    return images;
}

Result<void> save_to_directory(store::Layout const& layout, std::vector<transfer::ImageToSave> const& images, HostPath const& directory) {
    auto const there = list_directory(directory);
    if (there && !there.value().empty()) return Error::of(ENOTEMPTY, "'{}' is not empty; name a directory that is, or none yet", directory);
    if (!there && !there.error().is(ENOENT)) return there.error();
    if (!there) TRY(make_directories(directory, 0755));
    transfer::DirectoryTarget target(directory, is_interrupted);
    auto saved = transfer::save(layout, images, transfer::SaveFormat::oci, target);
    if (saved) return saved;
    // What was begun is of no use: ignoring what cannot be removed.
    (void)remove_tree(directory).ok();
    if (there) (void)make_directories(directory, 0755).ok();
    return saved;
}

Result<void> save(SaveWords const& words, Words const& names) {
    bool const is_directory = words.format == ArchiveFormat::oci_directory;
    auto const format = words.format == ArchiveFormat::docker_archive ? transfer::SaveFormat::docker_archive : transfer::SaveFormat::oci;
    if (is_directory && !words.output) return Error::of(EINVAL, "--format oci-dir needs --output DIRECTORY");
    TRY(refuse_terminal(words.output));
    auto const layout = TRY(store::Layout::of_calling_user());
    TRY(layout.prepare());
    TRY(prepare_transfer(layout));
    std::vector<std::string> warnings;
    auto const images = TRY(find_images(layout, names, warnings));
    if (is_directory) TRY(save_to_directory(layout, images, *words.output));
    else
        TRY(write_whole(words.output, [&](FdRef file) {
            transfer::ArchiveTarget target(file, is_interrupted);
            return transfer::save(layout, images, format, target);
        }));
    for (auto const& warning : warnings) warn(warning);
    return {};
}

// Where what is read lies, by no links, for the policy; "/" for what comes through a pipe, which may lie anywhere.
std::string place_of(FdRef input) {
    auto const own = HostPath::parse(fmt::format("/proc/self/fd/{}", input.number()));
    auto const place = own ? read_symlink(own.value()) : Result<std::string>("/");
    return place && place.value().starts_with('/') ? place.value() : "/";
}

Result<void> load(LoadWords const& words, Words const&) {
    if (!words.input && isatty(STDIN_FILENO)) return Error::of(EINVAL, "there is no archive on standard input; use --input FILE, or redirect it");
    auto input = words.input ? TRY(open_file(*words.input, O_RDONLY)) : TRY(duplicate(FdRef(STDIN_FILENO)));
    auto const layout = TRY(store::Layout::of_calling_user());
    TRY(layout.prepare());
    // Before signals only ask for the end: what comes through a pipe may never come.
    auto const place = place_of(input);
    auto const what = words.input ? fmt::format("'{}'", *words.input) : std::string("standard input");
    auto opened = transfer::open_image_files(std::move(input), layout.tmp());
    if (!opened && opened.error().is(EINVAL)) return Error::of(EINVAL, "{} is no archive of images ({})", what, opened.error().text());
    auto files = TRY(std::move(opened).while_doing("read {}", what));
    auto options = TRY(options_from_settings());
    options.policy_file = words.policy_file ? words.policy_file : transfer::find_policy_file(); // whose home it is, is known out here
    auto const entry = TRY(prepare_transfer(layout));
    options.platform = words.platform;
    options.unmapped_ids = entry.shortage ? image::UnmappedIds::give_to_user : image::UnmappedIds::refuse;
    options.cancelled = is_interrupted;
    TransferProgress progress(words.quiet ? ProgressForm::none : progress_form_of_terminal());
    for (auto const& loaded : TRY(transfer::load(layout, std::move(files), place, options, progress).while_doing("read {}", what))) {
        if (loaded.names.empty()) TRY(print(fmt::format("Loaded image ID: {}\n", loaded.id)));
        for (auto const& name : loaded.names) TRY(print(fmt::format("Loaded image: {}:{}\n", name.familiar_name(), name.tag())));
    }
    return {};
}

} // namespace

constexpr Command transfer_save_command{"save", "IMAGE [IMAGE...]", "Write images to an archive", save_options, 1, -1, OptionsEnd::nowhere, Names::images, perform_transfer<SaveWords, save>};
constexpr Command transfer_load_command{"load", "", "Take images from an archive", load_options, 0, 0, OptionsEnd::nowhere, Names::nothing, perform_transfer<LoadWords, load>};

} // namespace bolt::cli
