// What was decided once and for all: config.toml, TOML 1.0. $BOLT_CONFIG names the only file; else /etc/bolt/config.toml counts for every
// user, and what $XDG_CONFIG_HOME/bolt/config.toml (~/.config/bolt/config.toml) says goes before it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "store/intake.h"
#include "store/layer_archives.h"
#include "sys/path.h"

namespace bolt::engine {

struct Settings {
    bool keeps_blobs = true;                              // store.keep_blobs: layers as they came, for a later push
    Bytes blob_limit = store::default_blob_limit;         // store.blob_limit: for all of them together
    store::Sync sync = store::Sync::whole_file_system;    // store.sync
};
// EINVAL names the file and what is wrong in it, unknown settings too.
Result<Settings> load_settings();

struct ShownSetting {
    std::string_view key, help;
    std::string value;  // "yes", "4GiB"
    std::string origin; // the file that says so, or "default"
};
// In the order of their names.
Result<std::vector<ShownSetting>> list_settings();
// In the user's own file, whose other lines stay as they are. EINVAL for what is no setting, or no value of it.
Result<void> set_setting(std::string_view key, std::string_view value);
// The default, or what the host's file says, counts again. ENOENT when the user's own file does not have it.
Result<void> unset_setting(std::string_view key);

} // namespace bolt::engine
