// Whether the store's images are what was pulled: every document, every layer's files, every packed layer, by their digests, and whether
// the records say what these do.
//
// Situation: inside the user's user namespace (or root). Others go on working meanwhile.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "store/layout.h"
#include "transfer/pull.h"

namespace bolt::transfer {

struct Damage {
    std::string text;      // one sentence: what, and the next step
    bool is_mended = false;
};
struct Checked {
    std::size_t images = 0, layers = 0, packed = 0;
    std::vector<Damage> damages;
    ErrorList errors; // what could not be looked at (is_shortage()), of which nothing is known
};
// Of a layer's files all that image::find_difference() compares. With Repair::no nothing is changed.
// With Repair::yes a packed layer that is damaged is removed when its files make it again; a layer whose files are damaged is unpacked
// anew from any of its packed forms, unless somebody uses it; records are written anew from the documents and files that they are about.
// ECANCELED when `options.cancelled` said so.
enum class Repair { no, yes };
// `owners`: how the layers may have been unpacked, when this user may have had fewer ids than now.
Result<Checked> check_store(store::Layout const& layout, Repair repair, image::UnmappedIds owners, PullOptions const& options, Progress& progress);

} // namespace bolt::transfer
