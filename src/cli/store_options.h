// What `bolt store check` takes: read by bolt, which tells wrong usage, and by bolt-transfer, which does it.
#pragma once

#include "cli/command.h"

namespace bolt::cli {

struct StoreCheckWords {
    bool repairs = false;
};
inline constexpr Option store_check_options[] = {
    {"repair", 0, "", "Mend what can be mended without a registry", Set<StoreCheckWords>::flag<&StoreCheckWords::repairs>},
};

} // namespace bolt::cli
