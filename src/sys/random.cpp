#include "sys/random.h"

#include <sys/random.h>

namespace bolt {

Result<void> fill_random(std::span<unsigned char> bytes) {
    while (!bytes.empty()) {
        auto const count = getrandom(bytes.data(), bytes.size(), 0);
        if (count > 0)
            bytes = bytes.subspan(static_cast<std::size_t>(count));
        else if (errno != EINTR)
            return Error::from_errno("get random bytes");
    }
    return {};
}

Result<std::string> random_name() {
    std::array<unsigned char, 8> bytes{};
    TRY(fill_random(bytes));
    return to_hex(bytes);
}

Result<ContainerId> random_container_id() {
    std::array<unsigned char, 32> bytes{};
    TRY(fill_random(bytes));
    return ContainerId::from_bytes(bytes);
}

} // namespace bolt
