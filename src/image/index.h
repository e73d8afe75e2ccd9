// Image indexes in the making: OCI image specification 1.1, image-index.md. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "spec/image_manifest.h"

namespace bolt::image {

using Annotations = std::vector<std::pair<std::string, std::string>>;

// Without any manifest.
std::string empty_index(Annotations const& annotations);
// With one more, or with another descriptor of the same digest in its place. EINVAL for what is no index.
Result<std::string> with_manifest(std::string_view index, spec::Descriptor const& manifest);
// Without this one; ENOENT when it has none of that digest.
Result<std::string> without_manifest(std::string_view index, std::string_view digest);
// The manifests that are there under another digest, size or media type now, by the digest that the index has; in the words of
// OCI's index or of Docker's manifest list. The very same text when nothing changes.
enum class IndexFormat { oci, docker };
Result<std::string> with_other_manifests(std::string_view index, std::map<std::string, spec::Descriptor, std::less<>> const& others, IndexFormat format);

} // namespace bolt::image
