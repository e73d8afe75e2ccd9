// Base64: RFC 4648, section 4.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bolt {

std::string encode_base64(std::string_view bytes);
// None when it is not base64.
std::optional<std::string> decode_base64(std::string_view text);

} // namespace bolt
