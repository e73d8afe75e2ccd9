// bolt-transfer push.
#include "cli/output.h"
#include "cli/private_key_file.h"
#include "cli/push_words.h"
#include "cli/registry_access.h"
#include "cli/transfer_command.h"
#include "cli/transfer_progress.h"
#include "store/images.h"
#include "sys/file.h"
#include "transfer/push.h"
#include "transfer/signatures.h"

namespace bolt::cli {

Result<image::Reference> parse_destination(std::string_view text) {
    if (text.starts_with("docker://")) text.remove_prefix(9);
    for (std::string_view const other : {"oci:", "oci-archive:", "docker-archive:", "docker-daemon:", "dir:", "containers-storage:"})
        if (text.starts_with(other)) return Error::of(EINVAL, "'{}' is no registry; `bolt save` writes archives, and `bolt load` reads them", text);
    return image::Reference::parse(text);
}

Result<transfer::PushOptions> prepare_push(store::Layout const& layout, PushWords const& words) {
    transfer::PushOptions options;
    if (words.digest_file) TRY(require_writable(*words.digest_file).while_doing("--digestfile"));
    options.registry = TRY(registry_options(words));
    TRY(prepare_transfer(layout));
    options.compression = words.compression;
    options.level = words.level;
    options.repacks = words.repacks;
    options.format = words.format;
    return options;
}

Result<void> print_pushed(transfer::Pushed const& pushed, PushWords const& words) {
    if (words.digest_file) TRY(write_named_file(*words.digest_file, pushed.manifest.text(), 0644));
    if (words.quiet) return print(pushed.reference.text() + "\n");
    if (pushed.is_other_manifest) say("layers were packed anew, or the format changed: the manifest's digest is another than the local one");
    return print(fmt::format("Digest: {}\nStatus: Pushed {} ({} bytes of manifest)\n{}\n", pushed.manifest, pushed.reference.text(), pushed.size, pushed.reference.text()));
}

namespace {

struct Way {
    store::Image image;
    image::Reference target;
};

Result<store::Image> find_image(store::Layout const& layout, std::string const& text) {
    auto image = TRY(store::find_known_image(layout, text));
    if (!image) return Error::of(ENOENT, "there is no image '{}'; `bolt images` lists them", text);
    return std::move(*image);
}

// Every tag that the repository has here.
Result<std::vector<Way>> find_all_tags(store::Layout const& layout, std::string const& name) {
    auto const wanted = TRY(image::Reference::parse(name));
    if (wanted.digest() || wanted.tag() != "latest" || name.ends_with(":latest")) return Error::of(EINVAL, "with --all-tags the name has no tag");
    std::vector<Way> ways;
    for (auto const& listed : TRY(store::list_images(layout)).images)
        for (auto const& text : listed.references) {
            auto target = TRY(image::Reference::parse(text));
            if (target.domain() != wanted.domain() || target.repository() != wanted.repository() || target.tag().empty()) continue;
            auto image = TRY(find_image(layout, text));
            ways.push_back({std::move(image), std::move(target)});
        }
    if (ways.empty()) return Error::of(ENOENT, "there is no image of repository '{}'; `bolt images` lists them", name);
    return ways;
}

// The only name that is given, or the image's own.
Result<image::Reference> find_target(store::Image const& image, Words const& names) {
    if (names.size() > 1) return parse_destination(names[1]);
    if (image.references.empty()) return Error::of(EINVAL, "an id is no place for an image; name HOST/REPOSITORY[:TAG] as well");
    return image::Reference::parse(image.references.front());
}

Result<std::vector<Way>> find_ways(store::Layout const& layout, PushWords const& words, Words const& names) {
    if (words.all_tags && names.size() > 1) return Error::of(EINVAL, "--all-tags takes one name, of a repository");
    if (words.all_tags) return find_all_tags(layout, names[0]);
    auto image = TRY(find_image(layout, names[0]));
    auto target = TRY(find_target(image, names));
    std::vector<Way> ways;
    ways.push_back({std::move(image), std::move(target)});
    return ways;
}

Result<void> sign_pushed(transfer::Pushed const& pushed, image::PrivateKey const& key, transfer::PushOptions const& options) {
    constexpr transfer::SignatureForm forms[] = {transfer::SignatureForm::tag, transfer::SignatureForm::bundle};
    auto registry = TRY(transfer::open_target(pushed.reference, options.registry));
    auto const lock = TRY(hold_lists());
    return transfer::sign(registry, {pushed.manifest, pushed.reference.text(), {}}, key, forms);
}

Result<void> push(PushWords const& words, Words const& names) {
    auto const layout = TRY(store::Layout::of_calling_user());
    TRY(layout.prepare());
    // Asked for before anything is sent.
    auto const key = words.signing_key ? std::optional(TRY(read_private_key(*words.signing_key, words.passphrase_file))) : std::nullopt;
    auto const options = TRY(prepare_push(layout, words));
    for (auto const& way : TRY(find_ways(layout, words, names))) {
        TransferProgress progress(words.quiet ? ProgressForm::none : progress_form_of_terminal());
        if (way.target.was_short()) progress.note(fmt::format("the name has no registry: pushing to '{}'", way.target.text()));
        auto const pushed = TRY(transfer::push(layout, way.image, way.target, options, progress));
        if (key) TRY(sign_pushed(pushed, *key, options).while_doing("it was pushed, but not signed"));
        TRY(print_pushed(pushed, words));
    }
    return {};
}

} // namespace

constexpr Command transfer_push_command{"push", "IMAGE [DESTINATION]", "Upload an image to a registry", push_options, 1, 2, OptionsEnd::nowhere, Names::images, perform_transfer<PushWords, push>};

} // namespace bolt::cli
