// The command's own words on standard output and standard error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bolt::cli {

// To standard output. An output that cannot be written (a full disk) is an error; a closed pipe ends the process by SIGPIPE.
Result<void> print(std::string_view text);
// "bolt: TEXT" on standard error.
void say(std::string_view text);
// "bolt: warning: TEXT".
void warn(std::string_view text);
void warn_all(std::vector<std::string> const& texts);

// Widths in characters, not bytes, of UTF-8 text.
std::size_t width_of(std::string_view text);
// The first `width` characters, the last of them '…' when something was left out: docker's shortening.
std::string shortened(std::string_view text, std::size_t width);

// Lines whose cells are separated by '\t', laid out as Go's tabwriter does for docker: a column is at least ten wide, three
// blanks lie between columns, and the last cell of a line is not padded.
std::string lay_out_columns(std::vector<std::string> const& lines);

} // namespace bolt::cli
