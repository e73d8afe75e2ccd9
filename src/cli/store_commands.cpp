// bolt store check, bolt store df, bolt store gc.
#include "base/json.h"
#include "cli/commands.h"
#include "cli/list_format.h"
#include "cli/output.h"
#include "cli/perform.h"
#include "cli/store_options.h"
#include "cli/transfer_program.h"
#include "engine/installation.h"
#include "store/usage.h"
#include "sys/user_namespace.h"

namespace bolt::cli {

namespace {

struct UsageOptions {
    bool as_json = false;
};

std::string table_of(std::vector<store::Usage> const& usages) {
    std::vector<std::string> lines{"TYPE\tTOTAL\tACTIVE\tSIZE\tRECLAIMABLE"};
    for (auto const& usage : usages) {
        auto const share = usage.size.count == 0 ? 0 : usage.reclaimable.count * 100 / usage.size.count;
        lines.push_back(fmt::format("{}\t{}\t{}\t{}\t{} ({}%)", usage.kind, usage.count, usage.in_use, format_bytes(usage.size), format_bytes(usage.reclaimable), share));
    }
    return lay_out_columns(lines);
}

Json document_of(std::vector<store::Usage> const& usages) {
    auto document = Json::array();
    for (auto const& usage : usages)
        document.push(Json::object().set("Type", usage.kind).set("TotalCount", usage.count).set("Active", usage.in_use).set("Size", usage.size.count).set("Reclaimable", usage.reclaimable.count));
    return document;
}

Result<int> show_usage(UsageOptions& options, Words const&) {
    auto const here = TRY(engine::open_installation());
    TRY(here.layout.prepare());
    // Files of the user's subordinate ids are only counted from inside.
    TRY(enter_user_namespace_of_caller(here.user_namespace_holders));
    auto const usages = TRY(store::usage_of(here.layout));
    TRY(print(options.as_json ? document_of(usages).dump(Json::Layout::pretty) : table_of(usages)));
    return 0;
}

Result<int> collect(NoOptions&, Words const&) {
    auto const here = TRY(engine::open_installation());
    TRY(here.layout.prepare());
    TRY(enter_user_namespace_of_caller(here.user_namespace_holders));
    auto const collected = TRY(store::collect_garbage(here.layout));
    for (auto const& error : collected.errors) warn(fmt::format("{}, ignoring", error.text()));
    for (auto const& digest : collected.documents) TRY(print(fmt::format("deleted: {}\n", digest)));
    TRY(print(fmt::format("Total reclaimed space: {}\n", format_bytes(collected.freed))));
    return 0;
}

constexpr Option usage_table[] = {
    {"format", 0, "string", "Format: json", Set<UsageOptions>::parsed<&UsageOptions::as_json, parse_json_format>, "json"},
};

} // namespace

constexpr Command store_check_command{.name = "store check", .arguments = "", .summary = "Verify that images are what was pulled", .options = store_check_options,
                                      .perform = perform_by_transfer<StoreCheckWords>};
constexpr Command store_df_command{.name = "store df", .arguments = "", .summary = "Show what the store's room is used for", .options = usage_table, .perform = perform<UsageOptions, show_usage>};
constexpr Command store_gc_command{.name = "store gc", .arguments = "", .summary = "Remove what killed commands left in the store", .options = {}, .perform = perform<NoOptions, collect>};

} // namespace bolt::cli
