// bolt save, bolt load.
#include "cli/archive_options.h"
#include "cli/commands.h"
#include "cli/transfer_program.h"

namespace bolt::cli {

Result<ArchiveFormat> parse_archive_format(std::string_view value) {
    if (value == "docker-archive") return ArchiveFormat::docker_archive;
    if (value == "oci-archive") return ArchiveFormat::oci_archive;
    if (value == "oci-dir") return ArchiveFormat::oci_directory;
    return Error::of(EINVAL, "'{}' is no format of archives; there are docker-archive, oci-archive and oci-dir", value);
}

constexpr Command save_command{.name = "save", .arguments = "IMAGE [IMAGE...]", .summary = "Write images to an archive", .options = save_options, .least = 1, .most = -1,
                               .names = Names::images, .perform = perform_by_transfer<SaveWords>};
constexpr Command load_command{.name = "load", .arguments = "", .summary = "Take images from an archive", .options = load_options, .least = 0, .most = 0,
                               .names = Names::nothing, .perform = perform_by_transfer<LoadWords>};

} // namespace bolt::cli
