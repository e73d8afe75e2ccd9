#include "transfer/http.h"

#include <algorithm>

#include <arpa/inet.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/text.h"

namespace bolt::transfer {

std::string HttpHead::header(std::string_view lowercase_name) const {
    auto const at = headers.find(lowercase_name);
    return at == headers.end() ? "" : at->second;
}

struct HttpClient::Transfer {
    DownloadId id = 0;
    CURL* handle = nullptr;
    curl_slist* header_list = nullptr;
    Download download;
    HttpHead head;
    std::optional<Error> refused;   // by `take`
    std::uint64_t sent = 0;         // of the file
    char error_text[CURL_ERROR_SIZE]{};

    Transfer() = default;
    Transfer(Transfer&&) = delete;
    ~Transfer() {
        curl_slist_free_all(header_list);
        if (handle) curl_easy_cleanup(handle);
    }

    void take_header(std::string_view line) {
        line = trim(line);
        // A response after a redirect begins anew.
        if (line.starts_with("HTTP/")) {
            head.headers.clear();
            return;
        }
        auto const [name, value, found] = cut(line, ':');
        if (!found) return;
        auto& held = head.headers[in_lower_case(name)];
        if (!held.empty()) held += ", ";
        held += trim(value);
    }

    std::size_t give_body(std::span<char> room) {
        auto const& from = *download.request.file;
        auto const wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), from.length - sent));
        ssize_t count = 0;
        while ((count = pread(from.file.number(), room.data(), wanted, static_cast<off_t>(from.offset + sent))) < 0 && errno == EINTR) {}
        if (count < 0 || (count == 0 && wanted > 0)) return CURL_READFUNC_ABORT;
        sent += static_cast<std::uint64_t>(count);
        if (from.sent) from.sent(sent);
        return static_cast<std::size_t>(count);
    }

    bool take_body(std::span<char const> bytes) {
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &head.status);
        auto outcome = download.take(head, bytes);
        if (!outcome) refused = outcome.error();
        return outcome.ok();
    }
};

struct HttpClient::State {
    HttpOptions options;
    CURLM* multi = nullptr;
    std::map<DownloadId, std::unique_ptr<Transfer>> transfers;
    DownloadId next_id = 1;
};

namespace {

int errno_of(CURLcode code) {
    switch (code) {
    case CURLE_COULDNT_CONNECT: return ECONNREFUSED;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return EHOSTUNREACH;
    case CURLE_OPERATION_TIMEDOUT: return ETIMEDOUT;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return ECONNRESET;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE: return EKEYREJECTED;
    case CURLE_SSL_CONNECT_ERROR: return EPROTO;
    case CURLE_ABORTED_BY_CALLBACK: // refuse_plain_elsewhere
    case CURLE_UNSUPPORTED_PROTOCOL: return EPROTONOSUPPORT;
    case CURLE_OUT_OF_MEMORY: return ENOMEM;
    default: return EIO;
    }
}

std::string host_of(std::string const& url) {
    auto const start = url.find("://");
    auto const from = start == url.npos ? 0 : start + 3;
    return url.substr(from, url.find('/', from) - from);
}

// "host", "host:port", "[v6]:port" without the port.
std::string without_port(std::string_view host) {
    if (host.starts_with('[')) return std::string(host.substr(1, host.find(']') - 1));
    return std::string(host.substr(0, host.find(':')));
}

struct Proxy {
    std::string variable, host; // "HOST:PORT", without a password
};

// As curl(1) chooses it; no_proxy is curl's own affair.
std::optional<Proxy> find_proxy(std::string_view url) {
    auto const names = url.starts_with("https:") ? std::vector{"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"} : std::vector{"http_proxy", "all_proxy", "ALL_PROXY"};
    for (auto const* const name : names)
        if (auto const* const value = getenv(name); value && *value) {
            auto const host = host_of(value);
            return Proxy{name, host.substr(host.rfind('@') == host.npos ? 0 : host.rfind('@') + 1)};
        }
    return std::nullopt;
}

// Whether it was the proxy that could not be reached: curl names what it tried.
bool blames(std::string_view said, CURLcode code, Proxy const& proxy, std::string_view host) {
    if (code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_PROXY) return true;
    return code == CURLE_COULDNT_CONNECT && said.find(without_port(proxy.host)) != said.npos && said.find(without_port(host)) == said.npos;
}

Error describe(CURLcode code, std::string const& url, char const* detail) {
    auto const host = host_of(url);
    auto const said = *detail ? std::string(detail) : std::string(curl_easy_strerror(code));
    if (auto const proxy = find_proxy(url); proxy && !is_loopback(host) && blames(said, code, *proxy, host))
        return Error::of(ECONNREFUSED, "the way to '{}' is the proxy '{}', and it cannot be used ({}); correct the environment variable {}, or unset it", host, proxy->host, said, proxy->variable);
    if (said.find("HTTP/0.9") != said.npos) return Error::of(EPROTO, "what '{}' answers is not HTTP; is a registry there, and is the port right?", host);
    switch (errno_of(code)) {
    case ECONNREFUSED: return Error::of(ECONNREFUSED, "cannot connect to '{}' ({}); is it running, and is the host right?", host, said);
    case EHOSTUNREACH: return Error::of(EHOSTUNREACH, "host '{}' is not known ({}); check the name and the network", host, said);
    case ETIMEDOUT: return Error::of(ETIMEDOUT, "'{}' stopped answering ({}); run the same command again to go on", host, said);
    case ECONNRESET: return Error::of(ECONNRESET, "'{}' broke the connection off ({}); run the same command again to go on", host, said);
    case EKEYREJECTED: return Error::of(EKEYREJECTED, "the certificate of '{}' is not trusted ({}); install its authority, or use --tls-verify=false", host, said);
    case EPROTO: return Error::of(EPROTO, "no TLS with '{}' ({}); for plain HTTP use --tls-verify=false", host, said);
    case EPROTONOSUPPORT: return Error::of(EPROTONOSUPPORT, "'{}' sends us on to plain HTTP or to another protocol; --tls-verify=false allows plain HTTP", host);
    default: return Error::of(errno_of(code), "talk to '{}': {}", host, said);
    }
}

} // namespace

bool is_loopback(std::string_view host_and_port) {
    auto const host = without_port(host_and_port);
    if (host == "localhost" || host.ends_with(".localhost")) return true;
    in_addr v4{};
    if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
    in6_addr v6{};
    return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

HttpClient::HttpClient(HttpOptions options) : state_(std::make_unique<State>()) {
    // Once a process; there is no other user of libcurl in it.
    static auto const initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    (void)initialised;
    state_->options = options;
    state_->multi = curl_multi_init();
    curl_multi_setopt(state_->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(state_->multi, CURLMOPT_MAX_HOST_CONNECTIONS, 16L);
}

HttpClient::~HttpClient() {
    for (auto& [id, transfer] : state_->transfers) curl_multi_remove_handle(state_->multi, transfer->handle);
    state_->transfers.clear();
    curl_multi_cleanup(state_->multi);
}

namespace {

void set_protocols(CURL* handle, bool plain_allowed) {
#if LIBCURL_VERSION_NUM >= 0x075500
    char const* const allowed = plain_allowed ? "http,https" : "https";
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, allowed);
    curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, allowed);
#else
    long const allowed = plain_allowed ? CURLPROTO_HTTP | CURLPROTO_HTTPS : CURLPROTO_HTTPS;
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS, allowed);
    curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS, allowed);
#endif
}

void set_options(CURL* handle, HttpOptions const& options, HttpRequest const& request) {
    curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    if (is_loopback(host_of(request.url))) curl_easy_setopt(handle, CURLOPT_PROXY, ""); // no proxy has another way there
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "bolt/" BOLT_VERSION);
    // libcurl sends an Authorization header on to the same host and port only.
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(handle, CURLOPT_MAXREDIRS, 10L);
    set_protocols(handle, options.plain_allowed);
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    curl_easy_setopt(handle, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, 512L * 1024);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.connect_timeout.count()));
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.stall_timeout.count()));
    if (options.verify == TlsVerify::no) {
        curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (request.form) curl_easy_setopt(handle, CURLOPT_COPYPOSTFIELDS, request.form->c_str());
    if (request.method == "HEAD") curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    if (request.method.empty() || request.method == "GET" || request.method == "HEAD" || request.file) return;
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(handle, CURLOPT_COPYPOSTFIELDS, request.body.c_str());
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

template <typename Transfer> void send_file(Transfer& transfer) {
    auto* const handle = transfer.handle;
    auto const& request = transfer.download.request;
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.file->length));
    curl_easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
    curl_easy_setopt(handle, CURLOPT_READDATA, &transfer);
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, +[](char* room, size_t, size_t count, void* held) -> size_t { return static_cast<Transfer*>(held)->give_body({room, count}); });
    // A connection that was kept and turns out to be closed: from the beginning, on another.
    curl_easy_setopt(handle, CURLOPT_SEEKDATA, &transfer);
    curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, +[](void* held, curl_off_t offset, int origin) -> int {
        if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
        static_cast<Transfer*>(held)->sent = static_cast<std::uint64_t>(offset);
        return CURL_SEEKFUNC_OK;
    });
}

} // namespace

namespace {

bool is_encrypted(CURL* handle) {
    char const* url = nullptr;
    curl_easy_getinfo(handle, CURLINFO_EFFECTIVE_URL, &url);
    return url && std::string_view(url).starts_with("https://");
}

// A registry on loopback may speak plain HTTP; what it redirects to may not be anywhere else.
int refuse_plain_elsewhere(void* handle, char* address, char*, int, int) {
    char const* url = nullptr;
    curl_easy_getinfo(static_cast<CURL*>(handle), CURLINFO_EFFECTIVE_URL, &url);
    bool const is_plain = url && std::string_view(url).starts_with("http://");
    bool const is_near = std::string_view(address).starts_with("127.") || std::string_view(address) == "::1" || std::string_view(address).starts_with("::ffff:127.");
    return is_plain && !is_near ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

} // namespace

HttpClient::DownloadId HttpClient::start(Download download) {
    auto transfer = std::make_unique<Transfer>();
    auto* const raw = transfer.get();
    transfer->id = state_->next_id++;
    transfer->download = std::move(download);
    transfer->handle = curl_easy_init();
    set_options(transfer->handle, state_->options, transfer->download.request);
    if (transfer->download.request.file) send_file(*transfer);
    for (auto const& header : transfer->download.request.headers) transfer->header_list = curl_slist_append(transfer->header_list, header.c_str());
    if (state_->options.verify == TlsVerify::yes) {
        curl_easy_setopt(transfer->handle, CURLOPT_PREREQFUNCTION, refuse_plain_elsewhere);
        curl_easy_setopt(transfer->handle, CURLOPT_PREREQDATA, transfer->handle);
    }
    curl_easy_setopt(transfer->handle, CURLOPT_HTTPHEADER, transfer->header_list);
    curl_easy_setopt(transfer->handle, CURLOPT_ERRORBUFFER, transfer->error_text);
    curl_easy_setopt(transfer->handle, CURLOPT_PRIVATE, raw);
    curl_easy_setopt(transfer->handle, CURLOPT_HEADERDATA, raw);
    curl_easy_setopt(transfer->handle, CURLOPT_HEADERFUNCTION, +[](char* text, size_t, size_t count, void* held) -> size_t {
        static_cast<Transfer*>(held)->take_header({text, count});
        return count;
    });
    curl_easy_setopt(transfer->handle, CURLOPT_WRITEDATA, raw);
    curl_easy_setopt(transfer->handle, CURLOPT_WRITEFUNCTION, +[](char* bytes, size_t, size_t count, void* held) -> size_t {
        return static_cast<Transfer*>(held)->take_body({bytes, count}) ? count : 0;
    });
    auto const id = transfer->id;
    curl_multi_add_handle(state_->multi, transfer->handle);
    state_->transfers.emplace(id, std::move(transfer));
    return id;
}

void HttpClient::cancel(DownloadId id) {
    auto const at = state_->transfers.find(id);
    if (at == state_->transfers.end()) return;
    curl_multi_remove_handle(state_->multi, at->second->handle);
    state_->transfers.erase(at);
}

bool HttpClient::collect_finished() {
    int left = 0;
    bool found = false;
    while (auto const* message = curl_multi_info_read(state_->multi, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        found = true;
        auto const code = message->data.result;
        Transfer* raw = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &raw);
        curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &raw->head.status);
        raw->head.was_encrypted = is_encrypted(message->easy_handle);
        // Another host, to which we were sent, may not ask for this one's login.
        char const* last = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_EFFECTIVE_URL, &last);
        if (last && host_of(last) != host_of(raw->download.request.url)) raw->head.headers.erase("www-authenticate");
        auto const at = state_->transfers.find(raw->id);
        auto transfer = std::move(at->second);
        state_->transfers.erase(at);
        curl_multi_remove_handle(state_->multi, transfer->handle);
        auto& end = transfer->download.end;
        if (transfer->refused)
            end(*transfer->refused);
        else if (code != CURLE_OK)
            end(describe(code, code == CURLE_ABORTED_BY_CALLBACK || code == CURLE_UNSUPPORTED_PROTOCOL || !last ? transfer->download.request.url : last, transfer->error_text));
        else
            end(std::move(transfer->head));
    }
    return found;
}

Result<void> HttpClient::run(std::chrono::milliseconds at_most) {
    int running = 0;
    auto status = curl_multi_perform(state_->multi, &running);
    // What is over already would not end the wait.
    if (status == CURLM_OK && collect_finished()) return {};
    if (status == CURLM_OK && at_most.count() > 0) status = curl_multi_poll(state_->multi, nullptr, 0, static_cast<int>(at_most.count()), nullptr);
    if (status == CURLM_OK) status = curl_multi_perform(state_->multi, &running);
    if (status != CURLM_OK) return Error::of(EIO, "libcurl: {}", curl_multi_strerror(status));
    collect_finished();
    return {};
}

void HttpClient::wake() { curl_multi_wakeup(state_->multi); }

Result<HttpResponse> HttpClient::fetch(HttpRequest const& request, std::size_t limit) {
    HttpResponse response;
    std::optional<Result<HttpHead>> ended;
    Download download;
    download.request = request;
    download.take = [&](HttpHead const&, std::span<char const> bytes) -> Result<void> {
        if (response.body.size() + bytes.size() > limit) return Error::of(EFBIG, "'{}' answered with more than {} bytes", host_of(request.url), limit);
        response.body.append(bytes.data(), bytes.size());
        return {};
    };
    download.end = [&](Result<HttpHead> head) { ended = std::move(head); };
    auto const id = start(std::move(download));
    while (!ended) {
        auto ran = run(std::chrono::milliseconds(500));
        if (ran && state_->options.cancelled && state_->options.cancelled()) ran = Error::of(ECANCELED, "interrupted");
        if (ran) continue;
        cancel(id);
        return std::move(ran).error();
    }
    response.head = TRY(std::move(*ended));
    return response;
}

} // namespace bolt::transfer
