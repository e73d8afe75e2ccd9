// bolt tag, bolt untag.
#include "cli/commands.h"
#include "cli/image_document.h"
#include "cli/output.h"
#include "cli/perform.h"
#include "engine/installation.h"
#include "store/images.h"

namespace bolt::cli {

namespace {

Result<int> tag(NoOptions&, Words const& words) {
    auto const here = TRY(engine::open_installation());
    // All names are read before the first is given.
    std::vector<image::Reference> names;
    for (std::size_t i = 1; i < words.size(); ++i) names.push_back(TRY(image::Reference::parse(words[i])));
    for (auto const& name : names) TRY(store::tag_image(here.layout, words[0], name));
    return 0;
}

Result<int> untag(NoOptions&, Words const& words) {
    auto const here = TRY(engine::open_installation());
    std::vector<image::Reference> names;
    for (std::size_t i = 1; i < words.size(); ++i) names.push_back(TRY(image::Reference::parse(words[i])));
    for (auto const& name : TRY(store::untag_image(here.layout, words[0], names))) TRY(print(fmt::format("Untagged: {}\n", familiar_text(name))));
    return 0;
}

} // namespace

constexpr Command tag_command{.name = "tag", .arguments = "IMAGE NAME[:TAG] [NAME[:TAG]...]", .summary = "Give further names to an image", .least = 2, .most = -1,
                              .names = Names::images, .perform = perform<NoOptions, tag>};
constexpr Command untag_command{.name = "untag", .arguments = "IMAGE [NAME[:TAG]...]", .summary = "Take names from an image, which stays", .least = 1, .most = -1,
                                .names = Names::images, .perform = perform<NoOptions, untag>};

} // namespace bolt::cli
