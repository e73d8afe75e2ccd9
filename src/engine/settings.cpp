#include "engine/settings.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/json.h"
#include "base/toml.h"
#include "sys/file.h"
#include "sys/lock.h"

namespace bolt::engine {

namespace {

Result<bool> parse_yes(std::string_view text) {
    if (text == "yes" || text == "true") return true;
    if (text == "no" || text == "false") return false;
    return Error::of(EINVAL, "'{}' is neither yes nor no", text);
}

Result<void> set_keep_blobs(Settings& settings, std::string_view text) {
    settings.keeps_blobs = TRY(parse_yes(text));
    return {};
}
Result<void> set_blob_limit(Settings& settings, std::string_view text) {
    settings.blob_limit = TRY(parse_bytes(text));
    return {};
}
Result<void> set_sync(Settings& settings, std::string_view text) {
    if (text != "fs" && text != "none") return Error::of(EINVAL, "'{}' is no way to sync; there are fs and none", text);
    settings.sync = text == "fs" ? store::Sync::whole_file_system : store::Sync::none;
    return {};
}

struct KnownSetting {
    std::string_view key, usual, help;
    Result<void> (*set)(Settings& settings, std::string_view text);
    // As the file has them.
    std::string_view section() const { return key.substr(0, key.find('.')); }
    std::string_view name() const { return key.substr(key.find('.') + 1); }
};
constexpr KnownSetting known_settings[] = {
    {"store.blob_limit", "4GiB", "How much room all layers take that are kept packed", set_blob_limit},
    {"store.keep_blobs", "yes", "Whether layers are kept packed, as they came, for a later push", set_keep_blobs},
    {"store.sync", "fs", "What an image waits for before it is known: fs, that its file system has written all, or none", set_sync},
};

Result<KnownSetting const*> find_known(std::string_view key) {
    std::string names;
    for (auto const& known : known_settings) {
        if (known.key == key) return &known;
        names += (names.empty() ? "" : ", ") + std::string(known.key);
    }
    return Error::of(EINVAL, "'{}' is no setting; there are {}", key, names);
}

// $BOLT_CONFIG; none when it is unset or empty.
Result<std::optional<HostPath>> chosen_file() {
    auto const* const chosen = getenv("BOLT_CONFIG");
    if (!chosen || !*chosen) return std::optional<HostPath>();
    return std::optional(TRY(HostPath::parse(chosen).while_doing("environment variable BOLT_CONFIG")));
}

Result<HostPath> own_file() {
    if (auto chosen = TRY(chosen_file())) return std::move(*chosen);
    auto const* const config_home = getenv("XDG_CONFIG_HOME");
    if (config_home && *config_home == '/') return TRY(HostPath::parse(config_home)) / "bolt/config.toml";
    auto const* const home = getenv("HOME");
    return TRY(HostPath::parse(home ? home : "").while_doing("find the home directory (set HOME or BOLT_CONFIG)")) / ".config/bolt/config.toml";
}

// As it is written on a command line.
Result<std::string> text_of(Json const& value) {
    if (auto const* text = value.find_string()) return *text;
    if (auto const* flag = value.find_bool()) return std::string(*flag ? "yes" : "no");
    if (auto const* number = value.find_integer()) return fmt::format("{}", *number);
    return Error::of(EINVAL, "{} is no value for a setting", value.kind());
}

struct WrittenSetting {
    KnownSetting const* known;
    std::string value, file;
};

// What one file says; nothing when it is not there.
Result<std::vector<WrittenSetting>> read_settings(HostPath const& file) {
    std::vector<WrittenSetting> said;
    auto const text = TRY(find_file(file));
    auto const document = text ? TRY(parse_toml(*text, file.text())) : Json::object();
    for (auto const& [section, settings] : *document.find_object()) {
        if (!settings.find_object()) return Error::of(EINVAL, "'{}': '{}' stands in no section; there is [store]", file, section);
        for (auto const& [name, value] : *settings.find_object()) {
            auto const* const known = TRY(find_known(fmt::format("{}.{}", section, name)).while_doing("'{}'", file));
            auto written = TRY(text_of(value).while_doing("'{}': {}", file, known->key));
            Settings checked;
            TRY(known->set(checked, written).while_doing("'{}': {}", file, known->key));
            said.push_back({known, std::move(written), file.text()});
        }
    }
    return said;
}

// What comes later counts.
Result<std::vector<WrittenSetting>> read_all_settings() {
    std::vector<WrittenSetting> all;
    bool const is_chosen = TRY(chosen_file()).has_value();
    if (!is_chosen) all = TRY(read_settings(TRY(HostPath::parse("/etc/bolt/config.toml"))));
    auto const own = own_file();
    if (!own && !is_chosen) return all; // nobody's home
    for (auto& said : TRY(read_settings(TRY(Result(own))))) all.push_back(std::move(said));
    return all;
}

std::string toml_value(std::string_view text) {
    if (text == "yes" || text == "true") return "true";
    if (text == "no" || text == "false") return "false";
    return fmt::format("\"{}\"", text);
}

// Where a setting stands among a file's lines, and where one of its section would: npos where there is none.
struct Position {
    std::size_t line = std::string::npos, section = std::string::npos;
};
Position find_position(std::vector<std::string> const& lines, KnownSetting const& known) {
    Position found;
    bool inside = false;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        auto const line = trim(lines[i]);
        if (line.starts_with('[')) inside = trim(cut(line.substr(1), ']').before) == known.section();
        if (inside && line.starts_with('[')) found.section = i;
        if (inside && trim(cut(line, '=').before) == known.name()) found.line = i;
    }
    return found;
}

// Held against others who change it, until it is written.
struct OwnFile {
    HostPath path;
    FileLock lock;
    std::vector<std::string> lines;
};
Result<OwnFile> open_own_file() {
    auto const named = TRY(own_file());
    auto const real = real_path(named); // people keep such files elsewhere and link them
    auto path = real ? real.value() : named;
    TRY(make_directories(path.parent(), 0700));
    auto lock = TRY(FileLock::acquire_directory(path.parent(), std::chrono::seconds(10)));
    OwnFile file{std::move(path), std::move(lock), {}};
    auto const text = TRY(find_file(file.path));
    if (text && !text->empty())
        for (auto const line : split(std::string_view(*text).substr(0, text->size() - (text->ends_with('\n') ? 1 : 0)), '\n')) file.lines.emplace_back(line);
    return file;
}
// `expected`: what the changed lines must say about the setting; a table that is written in another way is not ours to take apart.
Result<void> write_own_file(OwnFile const& file, KnownSetting const& known, std::optional<std::string_view> expected) {
    auto const text = file.lines.empty() ? std::string() : join(file.lines, "\n") + "\n";
    auto const document = parse_toml(text, file.path.text());
    auto const* const section = document ? document.value().find(known.section()) : nullptr;
    auto const* const value = section ? section->find(known.name()) : nullptr;
    auto const said = value ? text_of(*value) : Result<std::string>(Error(ENOENT, ""));
    bool const is_right = document && (expected ? said && said.value() == *expected : !value);
    if (!is_right) return Error::of(EINVAL, "'{}' has '{}' in a way that is not changed from here; edit the file", file.path, known.key);
    auto const there = stat_file(file.path);
    return write_named_file(file.path, text, there ? there.value().st_mode & 0777 : 0644, Durability::synced);
}

} // namespace

Result<Settings> load_settings() {
    Settings settings;
    for (auto const& said : TRY(read_all_settings())) TRY(said.known->set(settings, said.value));
    return settings;
}

Result<std::vector<ShownSetting>> list_settings() {
    std::vector<ShownSetting> shown;
    auto const all = TRY(read_all_settings());
    for (auto const& known : known_settings) {
        shown.push_back({known.key, known.help, std::string(known.usual), "default"});
        for (auto const& said : all)
            if (said.known == &known) {
                shown.back().value = said.value;
                shown.back().origin = said.file;
            }
    }
    return shown;
}

Result<void> set_setting(std::string_view key, std::string_view value) {
    auto const* const known = TRY(find_known(key));
    Settings checked;
    TRY(known->set(checked, value).while_doing("{}", key));
    auto file = TRY(open_own_file());
    TRY(read_settings(file.path)); // one that cannot be understood is not made worse
    auto const line = fmt::format("{} = {}", known->name(), toml_value(value));
    auto const at = find_position(file.lines, *known);
    if (at.line != std::string::npos) file.lines[at.line] = line;
    else if (at.section != std::string::npos) file.lines.insert(file.lines.begin() + static_cast<std::ptrdiff_t>(at.section) + 1, line);
    else file.lines.insert(file.lines.end(), {fmt::format("[{}]", known->section()), line});
    return write_own_file(file, *known, value == "true" ? "yes" : value == "false" ? "no" : value);
}

Result<void> unset_setting(std::string_view key) {
    auto const* const known = TRY(find_known(key));
    auto file = TRY(open_own_file());
    TRY(read_settings(file.path));
    auto const at = find_position(file.lines, *known);
    if (at.line == std::string::npos) return Error::of(ENOENT, "'{}' does not set '{}'", file.path, key);
    file.lines.erase(file.lines.begin() + static_cast<std::ptrdiff_t>(at.line));
    return write_own_file(file, *known, std::nullopt);
}

} // namespace bolt::engine
