// HTTP and HTTPS through libcurl: many requests at once on one thread, connections kept and used again.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "sys/fd.h"

namespace bolt::transfer {

enum class TlsVerify { yes, no };

struct HttpOptions {
    TlsVerify verify = TlsVerify::yes;
    bool plain_allowed = false;                     // http:// too; redirects included, but then only to loopback when verified
    std::function<bool()> cancelled;                // asked about once a second while fetch() waits; may be empty
    std::chrono::seconds connect_timeout{15};
    std::chrono::seconds stall_timeout{30};         // without a byte
};

struct HttpRequest {
    std::string url;
    std::vector<std::string> headers;               // "Name: value"
    std::optional<std::string> form;                // a POST of application/x-www-form-urlencoded
    std::string method;                             // "" is GET, or POST with a form
    std::string body;                               // of another method than GET and HEAD, unless `file` is given
    // A part of a file as the body; the descriptor must stay open. `sent` hears how much of it has gone.
    struct File {
        FdRef file;
        std::uint64_t offset, length;
        std::function<void(std::uint64_t)> sent;
    };
    std::optional<File> file;
};

struct HttpHead {
    long status = 0;
    std::map<std::string, std::string, std::less<>> headers; // names in lower case; of the last response, after redirects
    bool was_encrypted = false; // after redirects
    std::string header(std::string_view lowercase_name) const;
};
struct HttpResponse {
    HttpHead head;
    std::string body;
};

class HttpClient {
public:
    explicit HttpClient(HttpOptions options);
    HttpClient(HttpClient&&) = delete;
    ~HttpClient();

    // Waits for the whole answer, whatever its status; downloads go on meanwhile. EFBIG over `limit` bytes. Errors of the
    // connection, and ECANCELED: ECONNREFUSED, EHOSTUNREACH (the name is unknown), ETIMEDOUT, ECONNRESET (it broke off), EPROTO (TLS).
    Result<HttpResponse> fetch(HttpRequest const& request, std::size_t limit);

    // A download in the background. Both callbacks are called from run() and fetch(). An error that `take` returns ends it.
    struct Download {
        HttpRequest request;
        std::function<Result<void>(HttpHead const&, std::span<char const>)> take;
        std::function<void(Result<HttpHead>)> end;
    };
    using DownloadId = std::uint64_t;
    DownloadId start(Download download);
    // Its callbacks are not called any more.
    void cancel(DownloadId id);
    // Waits for something to happen at most so long, and deals with it.
    Result<void> run(std::chrono::milliseconds at_most);
    // Ends a wait in run(); from any thread.
    void wake();

private:
    struct Transfer;
    struct State;
    bool collect_finished(); // whether there was any
    std::unique_ptr<State> state_;
};

// Whether "HOST[:PORT]" is this machine itself: then plain HTTP may be used, and no proxy is.
bool is_loopback(std::string_view host_and_port);

} // namespace bolt::transfer
