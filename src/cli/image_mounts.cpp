// bolt image mount, bolt image unmount.
#include <algorithm>

#include "cli/commands.h"
#include "cli/image_document.h"
#include "cli/list_format.h"
#include "cli/output.h"
#include "cli/perform.h"
#include "engine/image_mount.h"

namespace bolt::cli {

namespace {

struct MountOptions {
    bool all = false, as_json = false;
};
struct UnmountOptions {
    bool all = false, force = false;
};

struct MountedImage {
    std::string name; // as a list shows it
    std::vector<std::string> references;
    store::ImageMount mount;
};

MountedImage mounted_image(store::Image const& image, store::ImageMount mount) {
    auto name = image.references.empty() ? std::string(image.id.hex().substr(0, 12)) : familiar_text(image.references.front());
    return {std::move(name), image.references, std::move(mount)};
}

Result<store::Image> find_named_image(engine::Installation const& here, std::string const& text) {
    auto image = TRY(store::find_known_image(here.layout, text));
    return image ? Result<store::Image>(std::move(*image)) : Error::of(ENOENT, "there is no image '{}' here; `bolt pull` fetches one", text);
}

Result<std::vector<store::Image>> every_image(engine::Installation const& here) {
    auto list = TRY(store::list_images(here.layout));
    for (auto const& warning : list.warnings) warn(warning);
    return std::move(list.images);
}

Result<std::vector<MountedImage>> mounted_images(engine::Installation const& here) {
    std::vector<MountedImage> mounted;
    auto const images = TRY(every_image(here));
    for (auto& mount : TRY(store::list_image_mounts(here.layout))) {
        auto const image = std::ranges::find(images, mount.image, &store::Image::id);
        mounted.push_back(image == images.end() ? MountedImage{mount.image.brief(), {}, mount} : mounted_image(*image, mount));
    }
    return mounted;
}

std::string text_of(std::vector<MountedImage> const& mounted) {
    std::vector<std::string> lines;
    for (auto const& each : mounted) lines.push_back(fmt::format("{}\t{}", each.name, each.mount.path()));
    return lines.empty() ? std::string() : lay_out_columns(lines);
}

std::string json_of(std::vector<MountedImage> const& mounted) {
    auto document = Json::array();
    for (auto const& each : mounted) {
        auto names = Json::array();
        for (auto const& name : each.references) names.push(name);
        document.push(Json::object().set("id", each.mount.image.hex()).set("Repositories", std::move(names)).set("mountpoint", each.mount.path().text()));
    }
    return document.dump(Json::Layout::pretty);
}

Result<std::vector<store::Image>> chosen_images(engine::Installation const& here, bool all, Words const& words) {
    if (all && !words.empty()) return Error::of(EINVAL, "--all means every image; leave out '{}'", words[0]);
    if (all) return every_image(here);
    std::vector<store::Image> images;
    for (auto const& word : words) images.push_back(TRY(find_named_image(here, word)));
    return images;
}

// Without a word it tells what is mounted, as mount(8) does.
Result<int> mount(MountOptions& options, Words const& words) {
    auto const here = TRY(engine::open_installation());
    std::vector<MountedImage> mounted;
    int code = 0;
    for (auto const& image : TRY(chosen_images(here, options.all, words))) {
        auto mount = engine::mount_image(here, image).while_doing("mount image {}", image.id.brief());
        if (mount) {
            mounted.push_back(mounted_image(image, std::move(mount).value()));
            continue;
        }
        say(mount.error().text());
        code = 1;
    }
    if (words.empty() && !options.all) mounted = TRY(mounted_images(here));
    bool const is_one = words.size() == 1 && mounted.size() == 1; // for path=$(bolt image mount IMAGE)
    TRY(print(options.as_json ? json_of(mounted) : is_one ? mounted[0].mount.path().text() + "\n" : text_of(mounted)));
    return code;
}

Result<int> unmount(UnmountOptions& options, Words const& words) {
    if (options.all != words.empty()) return Error::of(EINVAL, "name the images to unmount, or give --all without a name");
    auto const here = TRY(engine::open_installation());
    auto const all = TRY(mounted_images(here));
    auto meant = options.all ? all : std::vector<MountedImage>();
    int code = 0;
    for (auto const& word : words) {
        auto const image = find_named_image(here, word);
        // One whose image is gone is known by its id alone.
        auto const mounted = std::ranges::find_if(all, [&](MountedImage const& each) { return image ? each.mount.image == image.value().id : each.mount.image.hex().starts_with(word); });
        if (mounted != all.end()) {
            meant.push_back(*mounted);
            continue;
        }
        say(image ? fmt::format("image '{}' is not mounted; `bolt image mount` lists those that are", word) : image.error().text());
        code = 1;
    }
    for (auto const& mounted : meant) {
        if (auto const done = engine::unmount_image(here, mounted.mount).while_doing("unmount image '{}'", mounted.name); !done) {
            say(done.error().text());
            code = 1;
            continue;
        }
        TRY(print(mounted.name + "\n"));
    }
    return code;
}

using set_mounts = Set<MountOptions>;
constexpr Option image_mount_table[] = {
    {"all", 'a', "", "Mount all images", set_mounts::flag<&MountOptions::all>},
    {"format", 0, "string", "Format: json", set_mounts::parsed<&MountOptions::as_json, parse_json_format>, "json"},
};
using set_unmounts = Set<UnmountOptions>;
constexpr Option image_unmount_table[] = {
    {"all", 'a', "", "Unmount all images", set_unmounts::flag<&UnmountOptions::all>},
    {"force", 'f', "", "Changes nothing: files that are being read never keep an image mounted", set_unmounts::flag<&UnmountOptions::force>},
};

} // namespace

constexpr Command image_mount_command{.name = "image mount", .arguments = "[IMAGE...]", .summary = "Show an image's files as a directory, or list those shown", .options = image_mount_table,
                                      .most = -1, .names = Names::images, .perform = perform<MountOptions, mount>};
constexpr Command image_unmount_command{.name = "image unmount", .arguments = "[IMAGE...]", .summary = "End what image mount began", .options = image_unmount_table, .most = -1,
                                        .names = Names::images, .perform = perform<UnmountOptions, unmount>};

} // namespace bolt::cli
