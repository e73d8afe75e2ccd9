// What bolt-transfer's two kinds of push have in common.
#pragma once

#include "cli/push_options.h"
#include "image/reference.h"
#include "store/layout.h"

namespace bolt::cli {

// HOST/REPOSITORY[:TAG], also after docker://. EINVAL for other programs' transports, which would be taken for hosts.
Result<image::Reference> parse_destination(std::string_view text);
// As the words say; from then on inside the user's user namespace. Before any threads.
Result<transfer::PushOptions> prepare_push(store::Layout const& layout, PushWords const& words);
Result<void> print_pushed(transfer::Pushed const& pushed, PushWords const& words);

} // namespace bolt::cli
