// bolt push.
#include "cli/commands.h"
#include "cli/push_options.h"
#include "cli/transfer_program.h"

namespace bolt::cli {

Result<spec::LayerCompression> parse_compression(std::string_view value) {
    if (value == "gzip") return spec::LayerCompression::gzip;
    if (value == "zstd") return spec::LayerCompression::zstd;
    return Error::of(EINVAL, "'{}' is no compression of layers; there are gzip and zstd", value);
}

Result<int> parse_compression_level(std::string_view value) {
    auto const level = TRY(parse_unsigned(value));
    if (level < 1 || level > 19) return Error::of(EINVAL, "'{}' is not between 1 and 19", value);
    return static_cast<int>(level);
}

// The password is not repeated.
Result<transfer::Credentials> parse_credentials(std::string_view value) {
    auto const [user, password, found] = cut(value, ':');
    if (user.empty() || !found) return Error::of(EINVAL, "it is not USER:PASSWORD");
    return transfer::Credentials{std::string(user), std::string(password), ""};
}

Result<transfer::ManifestFormat> parse_manifest_format(std::string_view value) {
    if (value == "oci") return transfer::ManifestFormat::oci;
    if (value == "docker" || value == "v2s2") return transfer::ManifestFormat::docker;
    return Error::of(EINVAL, "'{}' is no format of manifests; there are oci and docker", value);
}

constexpr Command push_command{.name = "push", .arguments = "IMAGE [DESTINATION]", .summary = "Upload an image to a registry", .options = push_options, .least = 1, .most = 2,
                               .names = Names::images, .perform = perform_by_transfer<PushWords>};

} // namespace bolt::cli
