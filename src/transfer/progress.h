// What is shown of a pull or a push while it goes on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace bolt::transfer {

// All calls come from the calling thread.
class Progress {
public:
    virtual ~Progress() = default;
    enum class LayerState { waiting, downloading, unpacking, packing, uploading, mounted, done, there_already, elsewhere };
    struct Layer {
        std::string name;           // twelve hex digits of the blob's digest
        LayerState state = LayerState::waiting;
        std::uint64_t moved = 0, total = 0; // bytes of the blob
        std::optional<pid_t> holder; // elsewhere: the process that downloads it
    };
    // A sentence about the whole.
    virtual void note(std::string const& text) = 0;
    virtual void warn(std::string const& text) = 0;
    // Several times a second, and whenever a state changes. Lowest layer first.
    virtual void layers(std::vector<Layer> const& layers) = 0;
};

} // namespace bolt::transfer
