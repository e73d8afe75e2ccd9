#include "cli/output.h"

#include <algorithm>
#include <csignal>

#include "base/text.h"
#include "sys/fd.h"
#include "sys/signal_queue.h"

namespace bolt::cli {

Result<void> print(std::string_view text) {
    auto written = write_all(FdRef(1), text);
    // Where SIGPIPE is ignored, as in systemd's services, the end is the same.
    if (!written && written.error().is(EPIPE)) die_of(SIGPIPE);
    return std::move(written).while_doing("standard output");
}

void say(std::string_view text) {
    // Names and texts of images, registries and files are in it: none of them may drive the terminal.
    (void)write_all(FdRef(2), fmt::format("bolt: {}\n", without_controls(text))).ok(); // nobody is left to tell, ignoring
}

void warn(std::string_view text) { say(fmt::format("warning: {}", text)); }

void warn_all(std::vector<std::string> const& texts) {
    for (auto const& text : texts) warn(text);
}

std::size_t width_of(std::string_view text) {
    std::size_t width = 0;
    for (char const c : text) width += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    return width;
}

std::string shortened(std::string_view text, std::size_t width) {
    if (width_of(text) <= width) return std::string(text);
    std::size_t at = 0;
    for (std::size_t seen = 0; at < text.size(); ++at)
        if ((static_cast<unsigned char>(text[at]) & 0xc0) != 0x80 && ++seen == width) break;
    return std::string(text.substr(0, at)) + "…";
}

namespace {

constexpr std::size_t narrowest = 10, gap = 3;

using Rows = std::vector<std::vector<std::string_view>>;

// Pads column `column` of the rows from `first` up to the first that has no such column or ends in it.
std::size_t pad_block(Rows const& rows, std::vector<std::vector<std::size_t>>& widths, std::size_t first, std::size_t column) {
    std::size_t end = first, width = narrowest;
    for (; end < rows.size() && column + 1 < rows[end].size(); ++end) width = std::max(width, width_of(rows[end][column]) + gap);
    for (std::size_t row = first; row < end; ++row) widths[row][column] = width;
    return end;
}

} // namespace

std::string lay_out_columns(std::vector<std::string> const& lines) {
    Rows rows;
    std::vector<std::vector<std::size_t>> widths;
    std::size_t columns = 0;
    for (auto const& line : lines) {
        rows.push_back(line.empty() ? std::vector<std::string_view>{""} : split(line, '\t'));
        widths.emplace_back(rows.back().size());
        columns = std::max(columns, rows.back().size());
    }
    for (std::size_t column = 0; column < columns; ++column)
        for (std::size_t row = 0; row < rows.size();) row = std::max(row + 1, pad_block(rows, widths, row, column));
    std::string text;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        for (std::size_t column = 0; column < rows[row].size(); ++column) {
            auto const cell = rows[row][column];
            text += cell;
            if (column + 1 < rows[row].size()) text.append(widths[row][column] - width_of(cell), ' ');
        }
        text += '\n';
    }
    return text;
}

} // namespace bolt::cli
