// What a store's room is used for, and what of it nobody needs.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "store/layout.h"

namespace bolt::store {

// One kind of thing. `reclaimable` goes when what is not in use goes: images that no container was made from, packed layers that can be
// made again, whatever killed processes left.
struct Usage {
    std::string kind;
    std::uint64_t count = 0, in_use = 0;
    Bytes size, reclaimable;
};
// Of layers the unpacked sizes that their records say; of everything else what the files take on the disk, shared files once. An
// ordinary user must be inside the user namespace.
Result<std::vector<Usage>> usage_of(Layout const& layout);

// What a sweep takes, and documents of images that are gone: those that nobody has touched for an hour, since an image that is being made
// writes its documents first. Returns what was freed, as far as files tell.
struct Collected {
    Bytes freed;
    std::vector<std::string> documents; // digests
    ErrorList errors;
};
Result<Collected> collect_garbage(Layout const& layout);

} // namespace bolt::store
