// What a registry asks for with 401: RFC 9110's WWW-Authenticate, and Docker's token protocol on top of it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bolt::transfer {

struct Challenge {
    std::string scheme;                                          // in lower case: "bearer", "basic"
    std::map<std::string, std::string, std::less<>> parameters;  // names in lower case
    std::string parameter(std::string_view name) const;
};
// All challenges of a header; what is malformed is passed over.
std::vector<Challenge> parse_challenges(std::string_view header);

// For a query or a form: everything but unreserved characters becomes %XX.
std::string percent_encode(std::string_view text);

} // namespace bolt::transfer
