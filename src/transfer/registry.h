// One repository of one registry: OCI distribution specification 1.1, with Docker's token authentication.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "image/digest.h"
#include "image/reference.h"
#include "transfer/credentials.h"
#include "transfer/http.h"

namespace bolt::transfer {

// What one wants to do there, for the token's scope. With `login` and `catalog` the registry alone counts, and no repository.
enum class Access { pull, push, login, catalog };

struct RegistryOptions {
    TlsVerify verify = TlsVerify::yes;
    std::optional<HostPath> credentials_file;
    std::optional<Credentials> credentials;           // instead of any file's
    std::shared_ptr<CredentialHelpers> helpers;       // none: programs that files name are not asked
    std::chrono::seconds stall_timeout{30};
    std::vector<std::string> also_read;               // repositories of the same registry whose blobs may be taken over
    std::function<bool()> cancelled;                  // asked while waiting; may be empty
    std::function<void(std::string const&)> say;      // why something takes long; may be empty
};

class Registry {
public:
    // Nothing is sent yet.
    Registry(image::Reference const& reference, Access access, RegistryOptions options);

    // A manifest or an index, by tag or digest. When asked for by digest, the bytes are verified. The registry's refusals:
    // ENOENT (no such image), EACCES (it needs a login or does not exist), EAGAIN (429), EIO (5xx).
    struct Document {
        std::string bytes;
        std::string content_type;
        image::Digest digest;
    };
    Result<Document> manifest(std::string const& tag_or_digest);
    // Only its digest, as the registry states it, tried once: most registries do not count it as a download. None when it states none.
    Result<std::optional<image::Digest>> manifest_digest(std::string const& tag_or_digest);
    // The first page of what is about a manifest, or the page at `address`; none when the registry does not know referrers.
    struct Referrers {
        std::string index;
        std::string next; // the address of the next page; "" for the last
    };
    Result<std::optional<Referrers>> referrers(image::Digest const& subject, std::string const& address);
    // Puts one under a tag or its digest. Tried again when that is worth it; refusals as above. The answer's head: "oci-subject" there
    // says that the registry has entered it among the referrers of its subject.
    Result<HttpHead> put_manifest(std::string const& tag_or_digest, std::string const& media_type, std::string const& manifest);
    // A small blob, verified.
    Result<std::string> blob(image::Digest const& digest, std::uint64_t size);

    // The request for a blob's bytes from `offset` on, with the authorisation that is valid now.
    HttpRequest blob_request(image::Digest const& digest, std::uint64_t offset, std::string const& validator) const;
    // After a download was answered 401: gets a new token. EACCES when that does not help.
    Result<void> authenticate(HttpHead const& refusal);
    // Before another try: ECANCELED when it was interrupted meanwhile.
    Result<void> wait(std::chrono::milliseconds pause);
    // One sentence for a refused download; the body may hold the registry's own words.
    Error explain(long status, std::string_view body, std::string_view what) const;

    // Makes sure that the registry is there and that we may do what `Access` says, as far as it tells.
    Result<void> greet();
    // Whether the credentials are the registry's: EACCES.
    Result<void> check_login();
    // Another one, with a client of its own (for another thread) and what this one has learned: scheme and authorisation.
    std::unique_ptr<Registry> clone() const;
    // A request to the repository ("/blobs/uploads/") or to an address that it gave; with the authorisation, which goes to no other
    // host, and once more after a 401. Any other answer is the caller's; so is trying again.
    Result<HttpResponse> send(HttpRequest request);
    // The address that a Location header names in the answer to a request to `url` (RFC 9110, 10.2.2).
    Result<std::string> locate(std::string const& location, std::string const& url) const;
    // Of the answer to a request to `url`: the address of the next page, "" for the last (RFC 8288: <address>; rel="next").
    Result<std::string> next_page(HttpHead const& head, std::string const& url) const;
    // "https://host:port" of the registry's search, which docker.io has elsewhere; once the registry was greeted.
    std::string search_origin() const;

    HttpClient& client() { return *client_; }
    std::string const& host() const { return reference_.domain(); }
    // The image that it was made for, for messages.
    std::string name() const { return reference_.text(); }

private:
    Result<HttpResponse> get(std::string const& path, std::vector<std::string> const& accept, std::size_t limit, std::string const& what);
    Result<HttpResponse> get_once(std::string const& path, std::vector<std::string> const& accept, std::size_t limit, std::string const& method = "");
    Result<HttpResponse> find_scheme(std::function<Result<HttpResponse>()> const& ask);
    Result<void> fetch_token(std::string const& realm, std::string const& service, std::string scope);
    Result<HttpResponse> ask_for_token(std::string const& realm, std::string const& query);
    std::string base_url() const;
    Result<void> load_credentials();

    image::Reference reference_;
    Access access_;
    RegistryOptions options_;
    std::string scheme_;                  // "https" or "http" once the registry has answered
    std::unique_ptr<HttpClient> client_;
    std::string authorization_;           // the header's value
    std::optional<Credentials> credentials_;
    bool credentials_loaded_ = false;
};

// 429 and 5xx are worth trying again; so is a connection that broke.
bool is_worth_retrying(long status);
bool is_worth_retrying(Error const& error);
// How long to wait before the try after `tries` failed ones: what Retry-After says (at most a minute), else 0.5 s doubled each time.
std::chrono::milliseconds pause_before_retry(HttpHead const* head, int tries);
inline constexpr int most_tries = 5;

} // namespace bolt::transfer
