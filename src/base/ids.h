// Identifiers that are made, not chosen.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bolt {

// Lowercase hex of bytes, two digits each.
std::string to_hex(std::span<unsigned char const> bytes);

// A container's identity: 64 lowercase hex digits, random. Parsed once at the edge.
class ContainerId {
public:
    // EINVAL unless it is 64 lowercase hex digits.
    static Result<ContainerId> parse(std::string_view text);
    // From 32 random bytes.
    static ContainerId from_bytes(std::span<unsigned char const, 32> bytes);

    std::string const& text() const { return text_; }
    // The first twelve digits, as lists show them.
    std::string brief() const { return text_.substr(0, 12); }
    auto operator<=>(ContainerId const&) const = default;

private:
    explicit ContainerId(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

// Whether a text may name a container or volume: docker's rule, [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 253 long.
Result<void> check_object_name(std::string_view name);

} // namespace bolt
