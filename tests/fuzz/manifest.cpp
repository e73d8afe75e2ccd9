// Everything that a registry's documents go through: manifests, indexes, configurations, names.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "image/platform.h"
#include "image/reference.h"
#include "spec/image.h"
#include "spec/image_manifest.h"
#include "store/image_record.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
    using namespace bolt;
    std::string_view const text(reinterpret_cast<char const*>(bytes), size);
    auto const parsed = spec::parse_manifest_or_index(text, "");
    if (parsed)
        if (auto const* index = std::get_if<spec::ImageIndex>(&parsed.value())) (void)image::choose(*index, {"linux", "amd64", ""}).ok();
    // What was read and written again reads the same.
    auto document = spec::parse_image_document(text);
    if (document) {
        document.value().config.healthcheck = {}; // kept as it is, and 1e2 is written as 100
        auto const again = spec::parse_image_config(spec::to_json(document.value().config));
        if (!again || !(again.value() == document.value().config)) abort();
    }
    auto const reference = image::Reference::parse(text, {"docker.io"});
    if (reference) {
        auto const again = image::Reference::parse(reference.value().text(), {"docker.io"});
        if (!again || again.value().text() != reference.value().text()) abort();
    }
    (void)store::parse_image_record(text).ok();
    (void)store::parse_reference_record(text).ok();
    (void)image::parse_platform(text).ok();
    return 0;
}
