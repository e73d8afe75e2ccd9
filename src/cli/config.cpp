// bolt config get, list, set, unset.
#include <algorithm>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/list_format.h"
#include "cli/output.h"
#include "cli/perform.h"
#include "engine/settings.h"

namespace bolt::cli {

namespace {

struct ConfigListOptions {
    bool as_json = false;
};

Result<int> get_config(NoOptions&, Words const& words) {
    auto const settings = TRY(engine::list_settings());
    auto const found = std::ranges::find(settings, words[0], &engine::ShownSetting::key);
    if (found == settings.end()) return Error::of(EINVAL, "'{}' is no setting; `bolt config list` shows all", words[0]);
    TRY(print(found->value + "\n"));
    return 0;
}

Result<int> list_config(ConfigListOptions& options, Words const&) {
    std::vector<std::string> lines{"SETTING\tVALUE\tFROM"};
    auto document = Json::array();
    for (auto const& setting : TRY(engine::list_settings())) {
        lines.push_back(fmt::format("{}\t{}\t{}", setting.key, setting.value, setting.origin));
        document.push(Json::object().set("key", setting.key).set("value", setting.value).set("from", setting.origin).set("help", setting.help));
    }
    TRY(print(options.as_json ? document.dump(Json::Layout::pretty) : lay_out_columns(lines)));
    return 0;
}

Result<int> set_config(NoOptions&, Words const& words) {
    TRY(engine::set_setting(words[0], words[1]));
    return 0;
}

Result<int> unset_config(NoOptions&, Words const& words) {
    TRY(engine::unset_setting(words[0]));
    return 0;
}

constexpr Option config_list_table[] = {
    {"format", 0, "string", "Format: json", Set<ConfigListOptions>::parsed<&ConfigListOptions::as_json, parse_json_format>, "json"},
};

} // namespace

constexpr Command config_get_command{.name = "config get", .arguments = "SETTING", .summary = "Print a setting's value", .least = 1, .most = 1, .perform = perform<NoOptions, get_config>};
constexpr Command config_list_command{.name = "config list", .arguments = "", .summary = "List all settings, and where their values come from", .options = config_list_table,
                                      .perform = perform<ConfigListOptions, list_config>};
constexpr Command config_set_command{.name = "config set", .arguments = "SETTING VALUE", .summary = "Give a setting a value in the user's own file", .least = 2, .most = 2,
                                     .perform = perform<NoOptions, set_config>};
constexpr Command config_unset_command{.name = "config unset", .arguments = "SETTING", .summary = "Take a setting out of the user's own file", .least = 1, .most = 1,
                                       .perform = perform<NoOptions, unset_config>};

} // namespace bolt::cli
