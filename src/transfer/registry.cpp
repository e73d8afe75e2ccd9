#include "transfer/registry.h"

#include <algorithm>
#include <thread>

#include <curl/curl.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/text.h"
#include "image/hasher.h"
#include "spec/image_manifest.h"
#include "transfer/challenge.h"
#include "transfer/credential_programs.h"

namespace bolt::transfer {

namespace {

// Registries need not take longer ones (distribution specification, "Pushing Manifests").
constexpr std::size_t longest_manifest = 4u << 20, longest_configuration = 16u << 20;
constexpr std::size_t longest_token = 1u << 20;

// The registry's own words: {"errors":[{"code":…,"message":…}]}.
std::string message_in(std::string_view body) {
    auto const document = Json::parse(body);
    auto const* errors = document ? document.value().find("errors") : nullptr;
    if (!errors || !errors->find_array() || errors->find_array()->empty()) return "";
    auto const& first = errors->find_array()->front();
    auto message = first.string_or("message", "");
    if (!message || message.value().empty()) message = first.string_or("code", "");
    if (!message) return "";
    auto text = message.value().substr(0, 200);
    std::ranges::replace(text, '\n', ' ');
    return without_controls(text); // it goes to a terminal
}

} // namespace

bool is_worth_retrying(long status) { return status == 408 || status == 429 || (status >= 500 && status != 501); }
bool is_worth_retrying(Error const& error) { return error.is(ECONNRESET) || error.is(ETIMEDOUT); }

std::chrono::milliseconds pause_before_retry(HttpHead const* head, int tries) {
    using std::chrono::milliseconds;
    auto const asked = head ? head->header("retry-after") : "";
    if (auto const seconds = parse_unsigned(asked)) return milliseconds(1000 * std::min<std::uint64_t>(seconds.value(), 60));
    if (auto const date = asked.empty() ? -1 : curl_getdate(asked.c_str(), nullptr); date > 0)
        return milliseconds(1000 * std::clamp<std::int64_t>(date - time(nullptr), 0, 60));
    return milliseconds(500 << std::min(tries - 1, 5));
}

Registry::Registry(image::Reference const& reference, Access access, RegistryOptions options)
    : reference_(reference), access_(access), options_(std::move(options)) {
    HttpOptions http;
    http.verify = options_.verify;
    http.plain_allowed = options_.verify == TlsVerify::no || is_loopback(host());
    http.stall_timeout = options_.stall_timeout;
    http.cancelled = options_.cancelled;
    client_ = std::make_unique<HttpClient>(http);
}

std::string Registry::base_url() const {
    // Docker's registry answers to another name than its images carry.
    auto const host = reference_.domain() == "docker.io" ? std::string("registry-1.docker.io") : reference_.domain();
    auto const below = access_ == Access::login ? std::string("/") : access_ == Access::catalog ? std::string() : "/" + reference_.repository();
    return fmt::format("{}://{}/v2{}", scheme_.empty() ? "https" : scheme_, host, below);
}

Error Registry::explain(long status, std::string_view body, std::string_view what) const {
    auto const said = message_in(body);
    auto const detail = said.empty() ? fmt::format("{}", status) : fmt::format("{}: {}", status, said);
    if (access_ == Access::login && (status == 401 || status == 403)) return Error::of(EACCES, "registry '{}' does not take this user name and password ({})", host(), detail);
    if (status == 404) return Error::of(ENOENT, "{} does not exist in registry '{}' ({}); check the name and the tag", what, host(), detail);
    if ((status == 401 || status == 403) && credentials_ && !credentials_->user.empty())
        return Error::of(EACCES, "{} does not exist, or the login of user '{}' is wrong or may not see it ({}); check the name, or log in again with `bolt login {}`", what, credentials_->user, detail, host());
    if (status == 401 || status == 403)
        return Error::of(EACCES, "{} does not exist or needs a login ({}); check the name, or log in with `bolt login {}`", what, detail, host());
    if (status == 429) return Error::of(EAGAIN, "registry '{}' takes no more requests for now ({}); try again later, or log in", host(), detail);
    if (status == 413) return Error::of(EFBIG, "registry '{}' takes nothing as large as {} ({}); ask its administrator about the limit", host(), what, detail);
    if (status == 400) return Error::of(EINVAL, "registry '{}' refuses {} ({})", host(), what, detail);
    if (status >= 500) return Error::of(EIO, "registry '{}' failed ({}); try again later", host(), detail);
    return Error::of(EIO, "registry '{}' answered {} for {}", host(), detail, what);
}

Result<void> Registry::load_credentials() {
    if (credentials_loaded_) return {};
    credentials_ = options_.credentials;
    if (!credentials_) credentials_ = TRY(find_credentials(credential_files(options_.credentials_file), host(), reference_.repository(), options_.helpers.get()));
    credentials_loaded_ = true;
    return {};
}

Result<void> Registry::wait(std::chrono::milliseconds pause) {
    auto const end = std::chrono::steady_clock::now() + pause;
    while (std::chrono::steady_clock::now() < end) {
        if (options_.cancelled && options_.cancelled()) return Error::of(ECANCELED, "interrupted");
        std::this_thread::sleep_for(std::min(pause, std::chrono::milliseconds(50)));
    }
    return {};
}

Result<HttpResponse> Registry::ask_for_token(std::string const& realm, std::string const& query) {
    HttpRequest request;
    if (credentials_ && !credentials_->identity_token.empty()) {
        request.url = realm;
        request.form = fmt::format("grant_type=refresh_token&client_id=bolt&refresh_token={}&{}", percent_encode(credentials_->identity_token), query);
    } else {
        request.url = realm + (realm.find('?') == realm.npos ? "?" : "&") + query;
        if (credentials_) request.headers.push_back("Authorization: Basic " + encode_base64(credentials_->user + ":" + credentials_->password));
    }
    for (int tries = 1;; ++tries) {
        auto response = client_->fetch(request, longest_token);
        bool const again = response ? is_worth_retrying(response.value().head.status) : is_worth_retrying(response.error());
        if (!again || tries >= most_tries) return response;
        TRY(wait(pause_before_retry(response ? &response.value().head : nullptr, tries)));
    }
}

Result<void> Registry::fetch_token(std::string const& realm, std::string const& service, std::string scope) {
    bool const plain = realm.starts_with("http://");
    if (!realm.starts_with("https://") && !plain) return Error::of(EPROTO, "registry '{}' sends us to '{}' for a token, which is no address", host(), without_controls(realm));
    // Credentials must not leave in the clear: libcurl refuses too, but does not say why.
    if (plain && scheme_ != "http") return Error::of(EPROTO, "registry '{}' sends us to '{}' for a token, which is not encrypted", host(), without_controls(realm));
    // A registry asks for what one request needs; we want what all need.
    if (access_ == Access::catalog) scope = "registry:catalog:*";
    else if (access_ == Access::push || scope.empty()) scope = fmt::format("repository:{}:{}", reference_.repository(), access_ == Access::pull ? "pull" : "pull,push");
    auto query = access_ == Access::login ? std::string("account=bolt") : fmt::format("scope={}", percent_encode(scope));
    for (auto const& other : options_.also_read) query += fmt::format("&scope={}", percent_encode(fmt::format("repository:{}:pull", other)));
    if (!service.empty()) query += "&service=" + percent_encode(service);
    auto const response = TRY(ask_for_token(realm, query).while_doing("get a token"));
    if (response.head.status == 401 || response.head.status == 403) return explain(response.head.status, response.body, fmt::format("'{}'", reference_.text()));
    if (response.head.status != 200) return explain(response.head.status, response.body, "the token");
    auto const document = TRY(Json::parse(response.body).while_doing("the token of '{}'", without_controls(realm)));
    auto token = TRY(document.string_or("token", ""));
    if (token.empty()) token = TRY(document.string_or("access_token", ""));
    if (token.empty() || token.find_first_of("\r\n") != token.npos) return Error::of(EPROTO, "'{}' gave no token", without_controls(realm));
    authorization_ = "Bearer " + token;
    return {};
}

Result<void> Registry::authenticate(HttpHead const& refusal) {
    TRY(load_credentials());
    auto const challenges = parse_challenges(refusal.header("www-authenticate"));
    for (auto const& challenge : challenges)
        if (challenge.scheme == "bearer") return fetch_token(challenge.parameter("realm"), challenge.parameter("service"), challenge.parameter("scope"));
    for (auto const& challenge : challenges) {
        if (challenge.scheme != "basic") continue;
        if (!credentials_ || credentials_->user.empty()) return explain(401, "", fmt::format("'{}'", reference_.text()));
        authorization_ = "Basic " + encode_base64(credentials_->user + ":" + credentials_->password);
        return {};
    }
    return explain(401, "", fmt::format("'{}'", reference_.text()));
}

namespace {
bool has_port_of_its_own(std::string_view host) {
    auto const colon = host.rfind(':');
    return colon != host.npos && host.find(']', colon) == host.npos && host.substr(colon + 1) != "443";
}
} // namespace

Result<HttpResponse> Registry::find_scheme(std::function<Result<HttpResponse>()> const& ask) {
    auto const by = [&](char const* scheme) {
        scheme_ = scheme;
        auto response = ask();
        if (!response) scheme_.clear();
        return response;
    };
    auto const may_be_the_other = [](Result<HttpResponse> const& response) {
        return !response && (response.error().is(EPROTO) || response.error().is(ECONNRESET) || response.error().is(ECONNREFUSED));
    };
    if (!is_loopback(host()) || !has_port_of_its_own(host())) {
        auto encrypted = by("https");
        // A registry without TLS breaks the handshake off at once.
        bool const plain_allowed = options_.verify == TlsVerify::no || is_loopback(host());
        return plain_allowed && may_be_the_other(encrypted) ? by("http") : std::move(encrypted);
    }
    // Nobody listens in there and most registries go without TLS: to read the certificates would take longer than the answer. One
    // with TLS says 400, hangs up, or sends us on. Without a port the two would be different servers.
    auto plain = by("http");
    if (!may_be_the_other(plain) && (!plain || (plain.value().head.status != 400 && !plain.value().head.was_encrypted))) return plain;
    auto encrypted = by("https");
    if (!may_be_the_other(encrypted)) return encrypted;
    if (plain) scheme_ = "http";
    return plain;
}

Result<HttpResponse> Registry::get_once(std::string const& path, std::vector<std::string> const& accept, std::size_t limit, std::string const& method) {
    HttpRequest request;
    request.method = method;
    for (auto const& type : accept) request.headers.push_back("Accept: " + type);
    if (!authorization_.empty()) request.headers.push_back("Authorization: " + authorization_);
    // The first answer tells the scheme.
    auto const ask = [&] {
        request.url = base_url() + path;
        return client_->fetch(request, limit);
    };
    return scheme_.empty() ? find_scheme(ask) : ask();
}

Result<HttpResponse> Registry::get(std::string const& path, std::vector<std::string> const& accept, std::size_t limit, std::string const& what) {
    bool authenticated = false;
    for (int tries = 1;; ++tries) {
        if (options_.cancelled && options_.cancelled()) return Error::of(ECANCELED, "interrupted");
        auto response = get_once(path, accept, limit);
        if (response && response.value().head.status == 401 && !authenticated) {
            authenticated = true;
            TRY(authenticate(response.value().head));
            --tries;
            continue;
        }
        if (response && response.value().head.status == 200) return response;
        bool const again = response ? is_worth_retrying(response.value().head.status) : is_worth_retrying(response.error());
        if (!again || tries >= most_tries) return response ? Result<HttpResponse>(explain(response.value().head.status, response.value().body, what)) : response;
        auto const pause = pause_before_retry(response ? &response.value().head : nullptr, tries);
        if (options_.say)
            options_.say(fmt::format("{}; trying again in {} ms", response ? explain(response.value().head.status, response.value().body, what).text() : response.error().text(), pause.count()));
        TRY(wait(pause));
    }
}

Result<void> Registry::greet() {
    for (int tries = 1;; ++tries) {
        auto const response = get_once(access_ == Access::catalog ? "/" : "/tags/list?n=1", {}, longest_manifest);
        auto const status = response ? response.value().head.status : 0;
        if (status == 401) return authenticate(response.value().head);
        bool const again = response ? is_worth_retrying(status) : is_worth_retrying(response.error());
        if (response && !again) return {};
        if (!again || tries >= most_tries) return response ? explain(status, response.value().body, fmt::format("'{}'", reference_.text())) : response.error();
        TRY(wait(pause_before_retry(response ? &response.value().head : nullptr, tries)));
    }
}

Result<void> Registry::check_login() {
    auto response = TRY(get_once("", {}, longest_manifest));
    if (response.head.status == 401) {
        TRY(authenticate(response.head));
        response = TRY(get_once("", {}, longest_manifest));
    }
    auto const status = response.head.status;
    if (status == 200) return {};
    return status == 404 ? Error::of(EPROTO, "'{}' is no registry: it has no '/v2/'", host()) : explain(status, response.body, "a login");
}

std::unique_ptr<Registry> Registry::clone() const {
    auto other = std::make_unique<Registry>(reference_, access_, options_);
    other->scheme_ = scheme_;
    other->authorization_ = authorization_;
    other->credentials_ = credentials_;
    other->credentials_loaded_ = credentials_loaded_;
    return other;
}

namespace {
// "https://host:port" of an address.
std::string_view origin_of(std::string_view url) {
    auto const start = url.find("://");
    return start == url.npos ? std::string_view() : url.substr(0, url.find('/', start + 3));
}
} // namespace

Result<std::string> Registry::locate(std::string const& location, std::string const& url) const {
    if (location.starts_with("https://") || location.starts_with("http://")) return location;
    if (!location.starts_with('/')) return Error::of(EPROTO, "registry '{}' sends us to '{}', which is no address", host(), without_controls(location));
    return std::string(origin_of(url.starts_with('/') ? base_url() : url)) + location;
}

Result<std::string> Registry::next_page(HttpHead const& head, std::string const& url) const {
    auto const link = head.header("link");
    auto const end = link.find('>');
    bool const is_there = link.starts_with('<') && end != link.npos && link.find("next", end) != link.npos;
    return is_there ? locate(link.substr(1, end - 1), url) : Result<std::string>("");
}

std::string Registry::search_origin() const { return host() == "docker.io" ? "https://index.docker.io" : std::string(origin_of(base_url())); }

Result<HttpResponse> Registry::send(HttpRequest request) {
    if (request.url.starts_with('/')) request.url = base_url() + request.url;
    bool const is_ours = origin_of(request.url) == origin_of(base_url());
    auto const headers = request.headers;
    for (bool again = false;; again = true) {
        request.headers = headers;
        if (is_ours && !authorization_.empty()) request.headers.push_back("Authorization: " + authorization_);
        auto response = client_->fetch(request, longest_token);
        if (!response || response.value().head.status != 401 || !is_ours || again) return response;
        TRY(authenticate(response.value().head));
    }
}

namespace {
std::vector<std::string> accepted_manifests() {
    std::vector<std::string> accept;
    for (auto const type : {spec::media_type::oci_index, spec::media_type::oci_manifest, spec::media_type::docker_list, spec::media_type::docker_manifest})
        accept.emplace_back(type);
    return accept;
}
} // namespace

Result<std::optional<image::Digest>> Registry::manifest_digest(std::string const& tag_or_digest) {
    auto const ask = [&] { return get_once("/manifests/" + tag_or_digest, accepted_manifests(), longest_manifest, "HEAD"); };
    auto response = TRY(ask());
    if (response.head.status == 401) {
        TRY(authenticate(response.head));
        response = TRY(ask());
    }
    if (response.head.status != 200) return explain(response.head.status, response.body, fmt::format("'{}'", reference_.text()));
    auto digest = image::Digest::parse(response.head.header("docker-content-digest"));
    return digest ? std::optional(std::move(digest).value()) : std::nullopt;
}

Result<Registry::Document> Registry::manifest(std::string const& tag_or_digest) {
    auto answer = get("/manifests/" + tag_or_digest, accepted_manifests(), longest_manifest, fmt::format("'{}'", reference_.text()));
    if (!answer && answer.error().is(EFBIG)) return Error::of(EFBIG, "the manifest of '{}' has more than the {} bytes that one may have", reference_.text(), longest_manifest);
    auto response = TRY(std::move(answer));
    auto const stated = image::Digest::parse(response.head.header("docker-content-digest"));
    auto const wanted = image::Digest::parse(tag_or_digest);
    auto digest = image::Hasher::of(response.body, wanted ? wanted.value().algorithm() : stated ? stated.value().algorithm() : image::Digest::Algorithm::sha256);
    if (wanted && digest != wanted.value())
        return Error::of(EBADMSG, "registry '{}' answered with the wrong contents for manifest {}: they have digest {}; try again, or tell whoever runs it", host(), wanted.value(), digest);
    if (!wanted && stated && digest != stated.value())
        return Error::of(EBADMSG, "registry '{}' says that '{}' is {}, but its contents have digest {}; try again, or tell whoever runs it", host(), reference_.text(), stated.value(), digest);
    return Document{std::move(response.body), response.head.header("content-type"), std::move(digest)};
}

Result<HttpHead> Registry::put_manifest(std::string const& tag_or_digest, std::string const& media_type, std::string const& manifest) {
    HttpRequest request;
    request.method = "PUT";
    request.url = "/manifests/" + tag_or_digest;
    request.headers = {"Content-Type: " + media_type};
    request.body = manifest;
    for (int tries = 1;; ++tries) {
        auto const response = send(request);
        if (response && response.value().head.status / 100 == 2) return response.value().head;
        bool const again = response ? is_worth_retrying(response.value().head.status) : is_worth_retrying(response.error());
        if (!again || tries >= most_tries) return response ? explain(response.value().head.status, response.value().body, fmt::format("'{}/{}'", reference_.domain(), reference_.repository())) : response.error();
        TRY(wait(pause_before_retry(response ? &response.value().head : nullptr, tries)));
    }
}

Result<std::optional<Registry::Referrers>> Registry::referrers(image::Digest const& subject, std::string const& address) {
    HttpRequest request;
    request.url = address.empty() ? "/referrers/" + subject.text() : address;
    request.headers = {fmt::format("Accept: {}", spec::media_type::oci_index)};
    auto const response = TRY(send(request));
    // A registry that knows nothing of this kind of address may answer it with anything.
    auto const status = response.head.status;
    if (status == 400 || status == 403 || status == 404 || status == 405 || (status == 200 && !response.head.header("content-type").starts_with(spec::media_type::oci_index))) return std::optional<Referrers>();
    if (response.head.status != 200) return explain(response.head.status, response.body, fmt::format("what is about {}", subject));
    Referrers page{response.body, {}};
    page.next = TRY(next_page(response.head, request.url));
    return std::optional(std::move(page));
}

Result<std::string> Registry::blob(image::Digest const& digest, std::uint64_t size) {
    if (size > longest_configuration) return Error::of(EFBIG, "blob {} is said to have {} bytes, which is too much for a configuration", digest, size);
    auto response = TRY(get("/blobs/" + digest.text(), {}, longest_configuration, fmt::format("blob {}", digest)));
    auto const found = image::Hasher::of(response.body, digest.algorithm());
    if (found != digest)
        return Error::of(EBADMSG, "registry '{}' answered with the wrong contents for blob {}: they have digest {}; try again, or tell whoever runs it", host(), digest, found);
    return std::move(response.body);
}

HttpRequest Registry::blob_request(image::Digest const& digest, std::uint64_t offset, std::string const& validator) const {
    HttpRequest request{fmt::format("{}/blobs/{}", base_url(), digest.text()), {}, {}};
    if (!authorization_.empty()) request.headers.push_back("Authorization: " + authorization_);
    if (offset > 0) {
        request.headers.push_back(fmt::format("Range: bytes={}-", offset));
        // Weak validators are not allowed there.
        if (!validator.empty() && !validator.starts_with("W/")) request.headers.push_back("If-Range: " + validator);
    }
    return request;
}

} // namespace bolt::transfer
