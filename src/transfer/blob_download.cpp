#include "transfer/blob_download.h"

#include <optional>

#include <unistd.h>

#include "image/hasher.h"

namespace bolt::transfer {

namespace {

constexpr auto one_wait = std::chrono::milliseconds(1000);

class Download {
public:
    Download(Registry& registry, image::Digest const& digest, std::uint64_t size, FdRef file)
        : registry_(registry), digest_(digest), size_(size), file_(file), hasher_(digest.algorithm()) {}

    Result<void> run() {
        bool authenticated = false;
        for (int tries = 1;; ++tries) {
            auto const outcome = TRY(try_once());
            if (outcome && is_good(outcome.value().status)) break;
            if (outcome && outcome.value().status == 401 && !authenticated) {
                authenticated = true;
                TRY(registry_.authenticate(outcome.value()));
                continue;
            }
            if (!is_worth_it(outcome) || tries >= most_tries) return outcome ? registry_.explain(outcome.value().status, "", fmt::format("blob {}", digest_)) : outcome.error();
            TRY(registry_.wait(pause_before_retry(outcome ? &outcome.value() : nullptr, tries)));
        }
        auto const found = hasher_.finish();
        if (received_ == size_ && found == digest_) return {};
        return Error::of(EBADMSG, "registry '{}' answered with the wrong contents for blob {}: {} bytes with digest {}; try again, or tell whoever runs it", registry_.host(), digest_, received_, found);
    }

private:
    static bool is_good(long status) { return status == 200 || status == 206; }
    static bool is_worth_it(Result<HttpHead> const& outcome) { return outcome ? is_worth_retrying(outcome.value().status) : is_worth_retrying(outcome.error()); }

    // Errors of ours are the outer Result, the connection's the inner one.
    Result<Result<HttpHead>> try_once() {
        std::optional<Result<HttpHead>> outcome;
        std::optional<Error> own;
        in_whole_ = false;
        auto const id = registry_.client().start({registry_.blob_request(digest_, received_, validator_),
            [&](HttpHead const& head, std::span<char const> piece) -> Result<void> {
                auto const taken = take(head, piece);
                if (!taken) own = taken.error();
                return taken;
            },
            [&](Result<HttpHead> end) { outcome = std::move(end); }});
        while (!outcome) {
            auto waited = registry_.client().run(one_wait);
            if (waited) waited = registry_.wait(std::chrono::milliseconds(1)); // asks whether to go on
            if (!waited) {
                registry_.client().cancel(id);
                return waited.error();
            }
        }
        if (own) return *own;
        return std::move(*outcome);
    }

    Result<void> take(HttpHead const& head, std::span<char const> piece) {
        if (!is_good(head.status)) return {};
        // A server that does not know ranges begins anew.
        if (head.status == 200 && received_ > 0 && !in_whole_) begin_anew();
        in_whole_ = head.status == 200;
        validator_ = head.header("etag");
        if (received_ + piece.size() > size_) return Error::of(EBADMSG, "registry '{}' sends more for blob {} than the {} bytes that the manifest says", registry_.host(), digest_, size_);
        for (std::size_t done = 0; done < piece.size();) {
            auto const written = pwrite(file_.number(), piece.data() + done, piece.size() - done, static_cast<off_t>(received_ + done));
            if (written < 0 && errno != EINTR) return Error::from_errno("write blob {}", digest_);
            if (written > 0) done += static_cast<std::size_t>(written); // a disk that becomes full takes a part
        }
        hasher_.add(piece);
        received_ += piece.size();
        return {};
    }
    void begin_anew() {
        hasher_ = image::Hasher(digest_.algorithm());
        received_ = 0;
    }

    Registry& registry_;
    image::Digest const& digest_;
    std::uint64_t size_, received_ = 0;
    FdRef file_;
    image::Hasher hasher_;
    std::string validator_;
    bool in_whole_ = false; // this answer is the blob from its beginning
};

} // namespace

Result<void> download_blob(Registry& registry, image::Digest const& digest, std::uint64_t size, FdRef file) { return Download(registry, digest, size, file).run(); }

} // namespace bolt::transfer
