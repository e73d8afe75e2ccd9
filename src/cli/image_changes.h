// `--change` of commit and import: instructions of a Dockerfile that change what an image says about its containers.
#pragma once

#include <string_view>

#include "base/result.h"
#include "spec/image.h"

namespace bolt::cli {

// CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR. EINVAL names what is wrong, and any other instruction.
Result<void> apply_change(spec::ImageConfig& config, std::string_view instruction);

} // namespace bolt::cli
