// Which of an index's images this machine runs: OCI image specification 1.1, image-index.md.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "spec/image_manifest.h"

namespace bolt::image {

// This machine, in Go's names: linux/amd64, linux/arm64/v8 …
spec::ImagePlatform platform_of_host();
// "os/arch[/variant]" or "arch"; also the names of uname(2) (x86_64, aarch64). EINVAL names the text.
Result<spec::ImagePlatform> parse_platform(std::string_view text);
// With the names and variants that mean the same made one: x86_64 is amd64, arm64 is arm64/v8, arm is arm/v7.
spec::ImagePlatform normalised(spec::ImagePlatform const& platform);

// How well `offered` runs where `wanted` was asked for: none when it does not, else smaller is better. Lower variants of arm
// and amd64 run on higher ones.
std::optional<int> distance(spec::ImagePlatform const& wanted, spec::ImagePlatform const& offered);

// The best image manifest or nested index of an index; attestations and other artifacts are passed over. ENOENT lists what
// platforms there are and names --platform.
Result<spec::Descriptor> choose(spec::ImageIndex const& index, spec::ImagePlatform const& wanted);

} // namespace bolt::image
