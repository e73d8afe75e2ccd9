#include "transfer/blob_upload.h"

#include "base/text.h"
#include "transfer/challenge.h"

namespace bolt::transfer {

namespace {

bool is_good(long status) { return status >= 200 && status < 300; }

Error refused(Registry const& registry, HttpResponse const& response, image::Digest const& digest) {
    return registry.explain(response.head.status, response.body, fmt::format("blob {}", digest));
}

// Asks until the registry answers otherwise than with a failure that may pass.
Result<HttpResponse> ask(Registry& registry, HttpRequest const& request) {
    for (int tries = 1;; ++tries) {
        auto response = registry.send(request);
        bool const again = response ? is_worth_retrying(response.value().head.status) : is_worth_retrying(response.error());
        if (!again || tries >= most_tries) return response;
        TRY(registry.wait(pause_before_retry(response ? &response.value().head : nullptr, tries)));
    }
}

HttpRequest empty_request(std::string method, std::string url) {
    HttpRequest request;
    request.method = std::move(method);
    request.url = std::move(url);
    return request;
}

class Upload {
public:
    Upload(Registry& registry, BlobFile const& blob) : registry_(registry), blob_(blob) {}

    Result<void> run() {
        for (int tries = 1;; ++tries) {
            auto const had = offset_;
            if (location_.empty()) TRY(begin());
            auto const sent = send_rest();
            if (sent && sent.value()) return {};
            if (!sent && (!is_worth_retrying(sent.error()) && !sent.error().is(EIO))) return sent.error();
            if (tries >= most_tries) return sent ? Error::of(EIO, "registry '{}' does not take blob {}", registry_.host(), blob_.digest) : sent.error();
            TRY(registry_.wait(pause_before_retry(nullptr, tries)));
            TRY(find_position());
            if (offset_ > had) tries = 0;
        }
    }

private:
    Result<void> begin() {
        offset_ = 0;
        location_ = "/blobs/uploads/";
        auto const response = TRY(ask(registry_, empty_request("POST", location_)));
        if (response.head.status != 202) return refused(registry_, response, blob_.digest);
        return move_to(response);
    }

    Result<void> move_to(HttpResponse const& response) {
        auto const location = response.head.header("location");
        if (!location.empty()) location_ = TRY(registry_.locate(location, location_));
        if (location.empty() && location_.starts_with('/')) return Error::of(EPROTO, "registry '{}' does not say where to send blob {}", registry_.host(), blob_.digest);
        return {};
    }

    // True when the registry has all of it and found it right.
    Result<bool> send_rest() {
        if (offset_ < blob_.size) {
            auto const response = TRY(registry_.send(chunk()).while_doing("upload blob {}", blob_.digest));
            if (!is_good(response.head.status)) return refused(registry_, response, blob_.digest);
            TRY(move_to(response));
            offset_ = position_in(response).value_or(blob_.size);
            if (offset_ < blob_.size) return false;
        }
        auto const separator = location_.find('?') == location_.npos ? "?" : "&";
        auto const response = TRY(registry_.send(empty_request("PUT", fmt::format("{}{}digest={}", location_, separator, percent_encode(blob_.digest.text())))));
        return is_good(response.head.status) ? Result<bool>(true) : refused(registry_, response, blob_.digest);
    }

    HttpRequest chunk() const {
        auto request = empty_request("PATCH", location_);
        // Servers that do not answer "Expect: 100-continue" would cost a second.
        request.headers = {"Content-Type: application/octet-stream", fmt::format("Content-Range: {}-{}", offset_, blob_.size - 1), "Expect:"};
        request.file = HttpRequest::File{blob_.file, offset_, blob_.size - offset_, {}};
        if (blob_.sent) request.file->sent = [this](std::uint64_t count) { blob_.sent(offset_ + count); };
        return request;
    }

    // "Range: 0-1023": the last byte that is there.
    std::optional<std::uint64_t> position_in(HttpResponse const& response) const {
        auto const range = response.head.header("range");
        auto const [first, last, found] = cut(std::string_view(range).substr(range.find('=') == range.npos ? 0 : range.find('=') + 1), '-');
        auto const position = found ? parse_unsigned(last) : Result<std::uint64_t>(Error(EINVAL, ""));
        if (!position) return std::nullopt;
        bool const is_nothing = position.value() == 0 && blob_.size > 1; // for which registries say "0-0"
        return is_nothing ? 0 : position.value() + 1;
    }

    // Where the registry has got to; an upload that it has forgotten begins anew.
    Result<void> find_position() {
        auto const response = TRY(ask(registry_, empty_request("GET", location_)));
        auto const position = is_good(response.head.status) ? position_in(response) : std::nullopt;
        if (!position || *position > blob_.size) {
            location_.clear();
            return {};
        }
        offset_ = *position;
        return move_to(response);
    }

    Registry& registry_;
    BlobFile const& blob_;
    std::string location_;
    std::uint64_t offset_ = 0;
};

} // namespace

Result<bool> has_blob(Registry& registry, image::Digest const& digest) {
    auto const response = TRY(ask(registry, empty_request("HEAD", "/blobs/" + digest.text())));
    if (response.head.status == 404) return false;
    return response.head.status == 200 ? Result<bool>(true) : refused(registry, response, digest);
}

Result<bool> mount_blob(Registry& registry, image::Digest const& digest, std::string const& from_repository) {
    auto const response = TRY(ask(registry, empty_request("POST", fmt::format("/blobs/uploads/?mount={}&from={}", percent_encode(digest.text()), percent_encode(from_repository)))));
    if (response.head.status == 201) return true;
    // An upload was begun instead, which nobody will use.
    auto const location = response.head.header("location");
    if (response.head.status == 202 && !location.empty()) (void)registry.send(empty_request("DELETE", TRY(registry.locate(location, "/")))).ok(); // it ends by itself: ignoring
    return false;
}

Result<void> upload_blob(Registry& registry, BlobFile const& blob) { return Upload(registry, blob).run(); }

} // namespace bolt::transfer
