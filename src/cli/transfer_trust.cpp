// bolt-transfer image trust.
#include "base/text.h"
#include "cli/list_format.h"
#include "cli/output.h"
#include "cli/signing_options.h"
#include "cli/transfer_command.h"
#include "image/reference.h"
#include "image/signing_key.h"
#include "sys/file.h"
#include "sys/lock.h"
#include "transfer/policy.h"

namespace bolt::cli {

namespace {

constexpr ListColumn trust_columns[] = {{"Transport", "TRANSPORT"}, {"Name", "NAME"}, {"Type", "TYPE"}, {"Keys", "KEYS"}};

std::string accept_all() {
    auto const accept = Json::array().push(Json::object().set("type", "insecureAcceptAnything"));
    return Json::object().set("default", accept).dump(Json::Layout::pretty);
}

Result<std::string> read_policy(TrustWords const& words) {
    auto const file = words.policy_file ? words.policy_file : transfer::find_policy_file();
    auto text = file ? TRY(find_file(*file)) : std::nullopt;
    if (!text) return accept_all();
    TRY(transfer::Policy::parse(*text, file->text()));
    return std::move(*text);
}

// ---- show

std::string type_of(Json const& requirement) {
    auto const type = requirement.string_or("type", "");
    if (!type || type.value() == "insecureAcceptAnything") return "accept";
    return type.value();
}

std::string keys_of(Json const& requirement) {
    std::vector<std::string> keys;
    for (auto const* const field : {"keyPath", "keyPaths"}) {
        auto const* const found = requirement.find(field);
        if (found && found->find_string()) keys.push_back(*found->find_string());
        for (auto const& each : found && found->find_array() ? *found->find_array() : Json::Array())
            if (each.find_string()) keys.push_back(*each.find_string());
    }
    if (requirement.find("keyData") || requirement.find("keyDatas")) keys.emplace_back("in the policy");
    return join(keys, ",");
}

void add_rows(std::vector<ListRow>& rows, std::string_view transport, std::string_view name, Json const& requirements) {
    for (auto const& requirement : requirements.find_array() ? *requirements.find_array() : Json::Array()) {
        ListRow row;
        row.fields.set("Transport", transport).set("Name", name).set("Type", type_of(requirement)).set("Keys", keys_of(requirement));
        rows.push_back(std::move(row));
    }
}

Result<void> show_trust(TrustWords const& words, std::optional<std::string> const& wanted) {
    if (!words.type.empty() || !words.keys.empty()) return Error::of(EINVAL, "show takes neither --type nor --pubkeysfile");
    auto const text = TRY(read_policy(words));
    if (words.raw) return print(text);
    auto const document = TRY(Json::parse(text));
    std::vector<ListRow> rows;
    if (auto const* const fallback = document.find("default"); fallback && !wanted) add_rows(rows, "all", "default", *fallback);
    auto const* const transports = document.find("transports");
    for (auto const& [transport, scopes] : transports && transports->find_object() ? *transports->find_object() : Json::Object())
        for (auto const& [scope, requirements] : scopes.find_object() ? *scopes.find_object() : Json::Object())
            if (!wanted || *wanted == scope) add_rows(rows, transport == "docker" ? "repository" : transport, scope, requirements);
    if (wanted && rows.empty()) return Error::of(ENOENT, "the policy says nothing about '{}' by itself; `bolt image trust show` shows what it says", *wanted);
    return print(TRY(format_list(words.format, "{{.Transport}}\t{{.Name}}\t{{.Type}}\t{{.Keys}}", trust_columns, rows)));
}

// ---- set

Result<Json> requirements_of(TrustWords const& words) {
    auto const& type = words.type.empty() ? std::string("sigstoreSigned") : words.type;
    if (type == "sigstoreSigned" && words.keys.empty()) return Error::of(EINVAL, "name a public key with --pubkeysfile, or --type accept or reject");
    if (type != "sigstoreSigned" && !words.keys.empty()) return Error::of(EINVAL, "--type {} takes no key", type);
    auto requirement = Json::object().set("type", type == "accept" ? "insecureAcceptAnything" : type);
    std::vector<std::string> keys;
    for (auto const& key : words.keys) {
        auto const path = TRY(HostPath::absolute(key));
        TRY(image::PublicKey::parse(TRY(read_file(path))).while_doing("key '{}'", path));
        keys.push_back(path.text());
    }
    if (keys.size() == 1) requirement.set("keyPath", keys.front());
    if (keys.size() > 1) requirement.set("keyPaths", keys);
    return Json::array().push(std::move(requirement));
}

// "default", a host, a repository or a part of one, a name with tag or digest, "*.example.com": what names can begin with, since
// anything else would protect nothing.
Result<void> check_scope(std::string const& scope) {
    auto const [host, below, has_slash] = cut(scope, '/');
    bool const is_domain = host.starts_with("*.") && !has_slash && scope.find('*', 1) == scope.npos && scope.size() > 2;
    bool const is_host = host == "localhost" || host.find_first_of(".:") != host.npos;
    auto const name = image::Reference::parse(has_slash ? scope : scope + "/name");
    bool const is_name = is_host && name && name.value().domain() == host && host == in_lower_case(host) && scope.find("//") == scope.npos && !scope.ends_with('/');
    if (scope == "default" || is_domain || is_name) return {};
    return Error::of(EINVAL, "'{}' is neither 'default' nor what full names begin with, such as docker.io/library or registry.example.com/team", scope);
}

Result<void> set_trust_of(TrustWords const& words, std::string const& scope) {
    if (words.raw || !words.format.empty()) return Error::of(EINVAL, "set takes neither --raw nor --format");
    TRY(check_scope(scope));
    auto requirements = TRY(requirements_of(words));
    auto patch = Json::object();
    if (scope == "default")
        patch.set("default", std::move(requirements));
    else
        patch.set("transports", Json::object().set("docker", Json::object().set(scope, std::move(requirements))));
    auto const file = words.policy_file ? *words.policy_file : TRY(transfer::policy_file_to_write());
    TRY(make_directories(file.parent(), 0755));
    // Rules that others add at the same time must not be lost.
    auto const lock = TRY(FileLock::acquire_directory(file.parent(), std::chrono::seconds(10)));
    auto document = TRY(Json::parse(TRY(read_policy(words))));
    document.merge(patch);
    auto const text = document.dump(Json::Layout::pretty);
    TRY(transfer::Policy::parse(text, file.text()));
    auto const there = stat_file(file);
    return write_named_file(file, text, there ? there.value().st_mode & 0777 : 0644, Durability::synced);
}

Result<void> trust(TrustWords const& words, Words const& names) {
    if (names[0] == "show") return show_trust(words, names.size() > 1 ? std::optional(names[1]) : std::nullopt);
    if (names[0] != "set") return Error::of(EINVAL, "'{}' is neither show nor set", names[0]);
    if (names.size() < 2) return Error::of(EINVAL, "name what it is about: 'default', or the beginning of a name, such as registry.example.com/team");
    return set_trust_of(words, names[1]);
}

} // namespace

constexpr Command transfer_image_trust_command{"image trust", "show [NAME] | set NAME", "Show or change what images are taken", image_trust_options, 1, 2, OptionsEnd::nowhere, Names::nothing, perform_transfer<TrustWords, trust>};

} // namespace bolt::cli
