#include "base/result.h"

#include <cstring>

namespace bolt {

Error Error::from_code(int code, std::string message) {
    // Not strerror(3), which looks for a translation each time.
    char const* const words = strerrordesc_np(code);
    message += ": ";
    message += words ? words : fmt::format("error {}", code);
    return Error(code, std::move(message));
}

void Error::prefix(std::string_view context) {
    text_.insert(0, ": ");
    text_.insert(0, context);
}

std::string join_texts(ErrorList const& errors) {
    std::string all;
    for (auto const& error : errors) {
        if (!all.empty()) all += "; ";
        all += error.text();
    }
    return all;
}

} // namespace bolt
