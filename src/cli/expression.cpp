#include "cli/expression.h"

#include <regex.h>

namespace bolt::cli {

Result<bool> matches_expression(std::string const& expression, std::string const& text) {
    regex_t compiled;
    if (regcomp(&compiled, expression.c_str(), REG_EXTENDED | REG_NOSUB) != 0) return Error::of(EINVAL, "'{}' is not a regular expression", expression);
    bool const matches = regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
    regfree(&compiled);
    return matches;
}

} // namespace bolt::cli
