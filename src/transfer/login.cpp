#include "transfer/login.h"

#include <cstdlib>

#include "sys/file.h"
#include "sys/lock.h"

namespace bolt::transfer {

namespace {

std::string host_of_key(std::string const& key) { return key.substr(0, key.find('/')); }

Result<HostPath> default_file(std::optional<HostPath> const& chosen) {
    if (chosen) return *chosen;
    if (auto const* const variable = getenv("REGISTRY_AUTH_FILE"); variable && *variable) return HostPath::absolute(variable).while_doing("$REGISTRY_AUTH_FILE");
    auto const* const home = getenv("HOME");
    if (!home || !*home) return Error::of(ENOENT, "$HOME is not set; name a file with --authfile");
    return TRY(HostPath::parse(home)) / ".config/containers/auth.json";
}

// Another login to another registry at the same time must not be lost: the directory is locked while the file is changed.
class OpenDocument {
public:
    // None when it is not there and is not to be made.
    static Result<std::optional<OpenDocument>> open(HostPath const& named) {
        auto const real = real_path(named); // people keep such files elsewhere and link them
        auto file = real ? real.value() : named;
        if (!exists(file)) return std::optional<OpenDocument>();
        return std::optional(TRY(make(file)));
    }
    static Result<OpenDocument> make(HostPath const& file) {
        auto lock = TRY(FileLock::acquire_directory(file.parent(), std::chrono::seconds(10)));
        auto const text = TRY(find_file(file));
        auto document = TRY(CredentialDocument::parse(text.value_or(""), file));
        return OpenDocument(file, std::move(lock), std::move(document));
    }

    CredentialDocument& document() { return document_; }
    HostPath const& file() const { return file_; }
    Result<void> write() const { return write_named_file(file_, document_.text(), 0600, Durability::synced); }

private:
    OpenDocument(HostPath file, FileLock lock, CredentialDocument document) : file_(std::move(file)), lock_(std::move(lock)), document_(std::move(document)) {}
    HostPath file_;
    FileLock lock_;
    CredentialDocument document_;
};

// Where registries.conf says who keeps logins: a program that is asked before the files, "" for the files. One that is asked after them
// gets no login, which the files would hide.
std::string first_helper(CredentialHelpers const* helpers) {
    bool const names_one = helpers && !helpers->order().empty() && helpers->order().front() != credential_files_word;
    return names_one ? helpers->order().front() : std::string();
}

LoginPlace place_of(std::string const& helper) { return "credential helper '" + helper + "'"; }
LoginPlace place_of(HostPath const& file) { return "'" + file.text() + "'"; }

} // namespace

Result<LoginPlace> store_login(std::optional<HostPath> const& chosen, std::string const& key, Credentials const& credentials, CredentialHelpers* helpers) {
    if (auto const helper = first_helper(helpers); !helper.empty()) {
        TRY(helpers->store(helper, host_of_key(key), credentials));
        return place_of(helper);
    }
    for (auto const& file : credential_files(chosen).paths) {
        auto opened = OpenDocument::open(file);
        if (!opened && opened.error().is(EACCES)) continue; // another user's
        if (!opened) return opened.error();
        if (!opened.value()) continue;
        auto& document = opened.value()->document();
        if (auto const helper = document.helper_of(host_of_key(key)); !helper.empty() && helpers) {
            TRY(helpers->store(helper, document.server_of(host_of_key(key)), credentials));
            return place_of(helper);
        }
        if (!document.has(key)) continue;
        document.set(key, credentials);
        TRY(opened.value()->write());
        return place_of(opened.value()->file());
    }
    auto const file = TRY(default_file(chosen));
    TRY(make_directories(file.parent(), 0700));
    auto opened = TRY(OpenDocument::make(file));
    opened.document().set(key, credentials);
    TRY(opened.write());
    return place_of(file);
}

Result<std::vector<LoginPlace>> remove_login(std::optional<HostPath> const& chosen, std::string const& key, CredentialHelpers* helpers) {
    std::vector<LoginPlace> places;
    auto const host = host_of_key(key);
    for (auto const& helper : helpers ? helpers->order() : std::vector<std::string>()) {
        if (helper == credential_files_word || !TRY(helpers->get(helper, host))) continue;
        TRY(helpers->erase(helper, host));
        places.push_back(place_of(helper));
    }
    for (auto const& file : credential_files(chosen).paths) {
        auto opened = OpenDocument::open(file);
        if (!opened && opened.error().is(EACCES)) continue;
        if (!opened) return opened.error();
        auto& found = opened.value();
        if (!found) continue;
        auto& document = found->document();
        auto const helper = helpers ? document.helper_of(host) : std::string();
        if (!helper.empty() && TRY(helpers->get(helper, document.server_of(host)))) {
            TRY(helpers->erase(helper, document.server_of(host)));
            places.push_back(place_of(helper));
        }
        if (!document.has(key)) continue;
        document.remove(key);
        TRY(found->write());
        places.push_back(place_of(found->file()));
    }
    return places;
}

Result<std::set<std::string>> logged_in(std::optional<HostPath> const& chosen) {
    std::set<std::string> keys;
    for (auto const& file : credential_files(chosen).paths) {
        auto const text = find_file(file);
        if (!text || !text.value()) continue;
        auto const document = TRY(CredentialDocument::parse(*text.value(), file));
        for (auto const& key : document.keys()) keys.insert(key);
    }
    return keys;
}

} // namespace bolt::transfer
