// bolt ps.
#include "cli/commands.h"

#include <algorithm>
#include "cli/container_row.h"
#include "cli/filters.h"
#include "cli/output.h"
#include "cli/perform.h"

namespace bolt::cli {

namespace {

struct PsOptions {
    bool all = false, quiet = false, full = false, latest = false;
    std::int64_t last = -1;
    std::vector<Filter> filters;
    std::string format;
};

constexpr std::string_view ps_format = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";
constexpr ListColumn ps_columns[] = {
    {"Command", "COMMAND"},   {"CreatedAt", "CREATED AT"}, {"ID", "CONTAINER ID"}, {"Image", "IMAGE"},        {"Labels", "LABELS"},
    {"LocalVolumes", "LOCAL VOLUMES"}, {"Mounts", "MOUNTS"}, {"Names", "NAMES"},   {"Networks", "NETWORKS"}, {"Ports", "PORTS"},
    {"RunningFor", "CREATED"}, {"State", "STATE"},         {"Status", "STATUS"},
};

bool is_up(engine::Container const& container) {
    auto const status = container.state.status;
    return status == monitor::Status::running || status == monitor::Status::paused || status == monitor::Status::restarting;
}

std::vector<engine::Container> choose(std::vector<engine::Container> containers, PsOptions const& options) {
    auto const last = options.latest ? 1 : options.last;
    bool const asks_for_status = std::any_of(options.filters.begin(), options.filters.end(), [](Filter const& filter) { return filter.key == "status"; });
    if (last < 0 && !options.all && !asks_for_status) std::erase_if(containers, [](auto const& container) { return !is_up(container); });
    if (last >= 0 && containers.size() > static_cast<std::size_t>(last)) containers.resize(static_cast<std::size_t>(last));
    return containers;
}

Result<int> ps(PsOptions& options, Words const&) {
    auto const here = TRY(engine::open_installation());
    auto const listing = TRY(engine::list_containers(here));
    warn_all(listing.warnings);
    auto const containers = choose(TRY(filter_containers(listing.containers, options.filters)), options);
    auto const now = std::chrono::time_point_cast<Time::duration>(Clock::now());
    std::vector<ListRow> rows;
    for (auto const& container : containers) rows.push_back(container_row(container, options.full ? Width::full : Width::brief, now));
    bool const only_ids = options.quiet && (options.format.empty() || options.format == "table");
    TRY(print(TRY(format_list(only_ids ? "{{.ID}}" : options.format, ps_format, ps_columns, rows))));
    return 0;
}

using set_ps = Set<PsOptions>;
constexpr Option ps_table[] = {
    {"all", 'a', "", "Show all containers (default shows just running)", set_ps::flag<&PsOptions::all>},
    {"filter", 'f', "filter", "Filter output: id, name, label, status, exited, ancestor, before, since, volume or network, as KEY=VALUE", set_ps::parsed_list<&PsOptions::filters, parse_filter>,
     "id= name= label= status= exited= ancestor= before= since= volume= network="},
    {"format", 0, "string", "Format output: 'table', 'table TEMPLATE', 'json', or a Go template such as '{{.Names}}'", set_ps::text<&PsOptions::format>, "table json"},
    {"last", 'n', "int", "Show n last created containers (includes all states)", set_ps::parsed<&PsOptions::last, parse_integer>},
    {"latest", 'l', "", "Show the latest created container (includes all states)", set_ps::flag<&PsOptions::latest>},
    {"no-trunc", 0, "", "Don't truncate output", set_ps::flag<&PsOptions::full>},
    {"quiet", 'q', "", "Only display container IDs", set_ps::flag<&PsOptions::quiet>},
};

} // namespace

constexpr Command ps_command{.name = "ps", .summary = "List containers", .options = ps_table, .perform = perform<PsOptions, ps>};

} // namespace bolt::cli
