// bolt manifest add, create, inspect, ls, push, remove, rm: image indexes, of one image for many platforms.
#include "cli/artifact_options.h"
#include "cli/commands.h"
#include "cli/image_document.h"
#include "cli/manifest_options.h"
#include "cli/output.h"
#include "cli/transfer_program.h"
#include "engine/installation.h"
#include "image/index.h"
#include "store/images.h"
#include "store/indexes.h"
#include "store/intake.h"

namespace bolt::cli {

namespace {

// ---- what is added

struct AddOptions {
    image::Annotations annotations;
    std::string architecture, os, variant;
};

Result<spec::Descriptor> describe_manifest(store::Layout const& layout, std::string const& text, AddOptions const& options) {
    auto const image = TRY(store::find_known_image(layout, text));
    if (!image) return Error::of(ENOENT, "there is no image '{}' here; `bolt pull --platform OS/ARCH {}` gets one for another platform, and `bolt images` lists those that are here", text, text);
    auto const manifest = TRY(store::find_blob(layout, image->manifest));
    if (!manifest) return Error::of(ENOENT, "the manifest of image '{}' is not in the store; pull it again", text);
    auto const type = TRY(TRY(Json::parse(*manifest)).string_or("mediaType", spec::media_type::oci_manifest));
    auto platform = image->platform;
    if (!options.architecture.empty()) platform.architecture = options.architecture;
    if (!options.architecture.empty()) platform.variant.clear();
    if (!options.os.empty()) platform.os = options.os;
    if (!options.variant.empty()) platform.variant = options.variant;
    return spec::Descriptor{type, image->manifest.text(), manifest->size(), {}, options.annotations, platform, {}};
}

Result<void> add_images(store::Layout const& layout, image::Reference const& name, std::vector<spec::Descriptor> const& manifests) {
    return store::change_index(layout, name, [&](std::string const& document) -> Result<std::string> {
        auto changed = document;
        for (auto const& manifest : manifests) changed = TRY(image::with_manifest(changed, manifest));
        return changed;
    });
}

Result<int> add(AddOptions& options, Words const& words) {
    auto const here = TRY(engine::open_installation());
    auto const name = TRY(image::Reference::parse(words[0]));
    std::vector<spec::Descriptor> manifests;
    for (std::size_t i = 1; i < words.size(); ++i) manifests.push_back(TRY(describe_manifest(here.layout, words[i], options)));
    TRY(add_images(here.layout, name, manifests));
    TRY(print(familiar_text(name.text()) + "\n"));
    return 0;
}

// ---- create

struct CreateIndexOptions {
    image::Annotations annotations;
    bool amends = false;
};

Result<int> create_index(CreateIndexOptions& options, Words const& words) {
    auto const here = TRY(engine::open_installation());
    auto const name = TRY(image::Reference::parse(words[0]));
    std::vector<spec::Descriptor> manifests;
    for (std::size_t i = 1; i < words.size(); ++i) manifests.push_back(TRY(describe_manifest(here.layout, words[i], {})));
    auto document = image::empty_index(options.annotations);
    for (auto const& manifest : manifests) document = TRY(image::with_manifest(document, manifest));
    auto const made = store::make_index(here.layout, name, document);
    if (!made && (!made.error().is(EEXIST) || !options.amends)) return made.error();
    if (!made) TRY(add_images(here.layout, name, manifests));
    TRY(print(familiar_text(name.text()) + "\n"));
    return 0;
}

// ---- what is there

Result<int> list(NoOptions&, Words const&) {
    auto const here = TRY(engine::open_installation());
    std::string text;
    for (auto const& index : TRY(store::list_indexes(here.layout))) text += familiar_text(index.name.text()) + "\n";
    TRY(print(text));
    return 0;
}

// One of here, else the registry's.
Result<int> inspect(Words const& words, Words const& arguments) {
    auto const here = TRY(engine::open_installation());
    auto const name = image::Reference::parse(words[0]);
    auto const index = name ? TRY(store::find_index(here.layout, name.value())) : std::nullopt;
    if (!index) return replace_by_transfer("manifest inspect", arguments);
    TRY(print(TRY(Json::parse(index->document)).dump(Json::Layout::pretty)));
    return 0;
}

int perform_inspect(Command const& command, Words const& arguments) {
    ManifestInspectWords options;
    auto const reading = read_arguments(command, arguments, &options);
    return reading.answered ? *reading.answered : finish(command, inspect(reading.words, arguments));
}

Result<int> remove_indexes(NoOptions&, Words const& words) {
    auto const here = TRY(engine::open_installation());
    std::vector<image::Reference> names;
    for (auto const& word : words) names.push_back(TRY(image::Reference::parse(word)));
    for (auto const& name : names) {
        TRY(store::remove_index(here.layout, name));
        TRY(print(familiar_text(name.text()) + "\n"));
    }
    return 0;
}

Result<int> take_out(NoOptions&, Words const& words) {
    auto const here = TRY(engine::open_installation());
    auto const name = TRY(image::Reference::parse(words[0]));
    TRY(store::change_index(here.layout, name, [&](std::string const& document) { return image::without_manifest(document, words[1]); }));
    TRY(print(familiar_text(name.text()) + "\n"));
    return 0;
}

using set_add = Set<AddOptions>;
constexpr Option add_table[] = {
    {"annotation", 0, "key=value", "Set an annotation of the image in the index", set_add::parsed_list<&AddOptions::annotations, parse_annotation>},
    {"arch", 0, "string", "Architecture, in place of the image's own", set_add::text<&AddOptions::architecture>},
    {"os", 0, "string", "Operating system, in place of the image's own", set_add::text<&AddOptions::os>},
    {"variant", 0, "string", "Variant of the architecture, in place of the image's own", set_add::text<&AddOptions::variant>},
};
using set_create_index = Set<CreateIndexOptions>;
constexpr Option create_index_table[] = {
    {"amend", 'a', "", "Add to the index when it is there already", set_create_index::flag<&CreateIndexOptions::amends>},
    {"annotation", 0, "key=value", "Set an annotation of the index", set_create_index::parsed_list<&CreateIndexOptions::annotations, parse_annotation>},
};

} // namespace

constexpr Command manifest_add_command{.name = "manifest add", .arguments = "INDEX IMAGE [IMAGE...]", .summary = "Add images to an image index", .options = add_table, .least = 2, .most = -1,
                                       .names = Names::images, .perform = perform<AddOptions, add>};
constexpr Command manifest_create_command{.name = "manifest create", .arguments = "INDEX [IMAGE...]", .summary = "Make an image index", .options = create_index_table, .least = 1, .most = -1,
                                          .names = Names::images, .perform = perform<CreateIndexOptions, create_index>};
constexpr Command manifest_inspect_command{.name = "manifest inspect", .arguments = "NAME", .summary = "Show an image index, of here or of a registry", .options = manifest_inspect_options, .least = 1, .most = 1,
                                           .perform = perform_inspect};
constexpr Command manifest_ls_command{.name = "manifest ls", .arguments = "", .summary = "List the image indexes that are here", .perform = perform<NoOptions, list>};
constexpr Command manifest_push_command{.name = "manifest push", .arguments = "INDEX [DESTINATION]", .summary = "Upload an image index and its images to a registry", .options = manifest_push_options,
                                        .least = 1, .most = 2, .perform = perform_by_transfer<ManifestPushWords>};
constexpr Command manifest_remove_command{.name = "manifest remove", .arguments = "INDEX DIGEST", .summary = "Take an image out of an image index", .least = 2, .most = 2, .perform = perform<NoOptions, take_out>};
constexpr Command manifest_rm_command{.name = "manifest rm", .arguments = "INDEX [INDEX...]", .summary = "Remove image indexes; their images stay", .least = 1, .most = -1,
                                      .perform = perform<NoOptions, remove_indexes>};

} // namespace bolt::cli
