// bolt inspect.
#include "cli/commands.h"
#include "cli/image_document.h"
#include "cli/list_format.h"
#include "cli/output.h"
#include "cli/perform.h"
#include "engine/containers.h"
#include "store/images.h"

namespace bolt::cli {

namespace {

enum class ObjectType { any, container, image };

struct InspectOptions {
    std::string format;
    ObjectType type = ObjectType::any;
};

Result<ObjectType> parse_type(std::string_view text) {
    if (text == "container") return ObjectType::container;
    if (text == "image") return ObjectType::image;
    return Error::of(EINVAL, "'{}' is none of container, image", text);
}

Result<store::Image> with_all_names(store::Layout const& layout, store::Image image) {
    for (auto& listed : TRY(store::list_images(layout)).images)
        if (listed.id == image.id) image.references = std::move(listed.references);
    return image;
}

Result<Json> inspect_one(engine::Installation const& here, std::string const& name, ObjectType type) {
    if (type != ObjectType::image) {
        auto const container = engine::find_container(here, name);
        if (container) return engine::inspect_container(here, container.value());
        if (type == ObjectType::container || !container.error().is(ENOENT)) return container.error();
    }
    auto const image = store::find_known_image(here.layout, name);
    if (image && image.value()) return image_document(here.layout, TRY(with_all_names(here.layout, *image.value())));
    // A text that cannot be an image's name is no image either.
    if (!image && !image.error().is(EINVAL)) return image.error();
    if (type == ObjectType::image) return Error::of(ENOENT, "there is no image '{}'; `bolt images` lists them", name);
    return Error::of(ENOENT, "there is no container and no image '{}'; `bolt ps -a` and `bolt images` list them", name);
}

Result<int> inspect(InspectOptions& options, Words const& words) {
    auto const here = TRY(engine::open_installation());
    auto found = Json::array();
    int code = 0;
    for (auto const& name : words) {
        auto document = inspect_one(here, name, options.type);
        if (!document) {
            say(document.error().text());
            code = 1;
        } else if (options.format.empty()) {
            found.push(std::move(document).value());
        } else {
            TRY(print(TRY(format_document(options.format, document.value(), Json::Layout::compact))));
        }
    }
    if (options.format.empty()) TRY(print(found.find_array()->empty() ? "[]\n" : found.dump(Json::Layout::pretty)));
    return code;
}

constexpr Option inspect_table[] = {
    {"format", 'f', "string", "Format output: 'json', or a Go template such as '{{.State.Status}}'", Set<InspectOptions>::text<&InspectOptions::format>, "json"},
    {"type", 0, "string", "Only inspect objects of the given type: container or image", Set<InspectOptions>::parsed<&InspectOptions::type, parse_type>, "container image"},
};

} // namespace

constexpr Command inspect_command{.name = "inspect", .arguments = "NAME|ID [NAME|ID...]", .summary = "Return low-level information on containers and images", .options = inspect_table,
                                  .least = 1, .most = -1, .names = Names::containers_and_images, .perform = perform<InspectOptions, inspect>};

} // namespace bolt::cli
