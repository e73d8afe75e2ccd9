// A container's record on disk: store/containers/ID/config.json, written once, by rename, when everything else is there.
#pragma once

#include <optional>
#include <string_view>

#include "engine/containers.h"
#include "store/layout.h"

namespace bolt::engine {

// Without its options and its request, which are the file's second and third line.
Json to_json(Record const& record);
Result<Record> parse_record(Json const& document);

// Where its state and its monitor's socket are: where they were to be when it was made, whatever the caller's $XDG_RUNTIME_DIR is now.
HostPath run_directory_of(store::Layout const& layout, Record const& record);
// Durable unless it is removed at its end anyway.
Result<void> write_record(store::Layout const& layout, Record const& record);
// All of it, or without the options and the request: for lists of many containers these would be most of what is read and kept.
enum class RecordPart { whole, summary };
// None when there is no such container (any more). EBADMSG for a damaged record, naming the file.
Result<std::optional<Record>> find_record(store::Layout const& layout, std::string_view id, RecordPart part = RecordPart::whole);
// Its options, and what its monitor is told (monitor/request.h). EBADMSG as above.
Result<Json> options_of(Record const& record);
Result<Json> request_of(Record const& record);

} // namespace bolt::engine
