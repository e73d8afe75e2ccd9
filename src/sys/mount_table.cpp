#include "sys/mount_table.h"

#include <algorithm>

#include "base/text.h"
#include "sys/file.h"

namespace bolt {

namespace {

// Blanks, line ends and backslashes of a name are written as "\040".
Result<std::string> unescaped(std::string_view text) {
    std::string plain;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '\\') {
            plain += text[at];
            continue;
        }
        plain += static_cast<char>(TRY(parse_octal(text.substr(at + 1, 3))));
        at += 3;
    }
    return plain;
}

// ID parent device root place options tag… - type source file-system-options
Result<MountEntry> parse_entry(std::string_view line) {
    auto const words = split(line, ' ');
    auto const dash = std::ranges::find(words, "-");
    if (dash - words.begin() < 6 || words.end() - dash < 4) return Error::of(EINVAL, "'{}' is no line of mountinfo", line);
    MountEntry entry;
    entry.id = TRY(parse_unsigned(words[0]));
    entry.parent = TRY(parse_unsigned(words[1]));
    entry.place = TRY(unescaped(words[4]));
    entry.type = dash[1];
    entry.file_system_options = dash[3];
    return entry;
}

} // namespace

Result<std::vector<MountEntry>> parse_mount_table(std::string_view text) {
    std::vector<MountEntry> entries;
    for (auto const line : split(text, '\n'))
        if (!line.empty()) entries.push_back(TRY(parse_entry(line)));
    return entries;
}

Result<std::vector<MountEntry>> read_mount_table() { return parse_mount_table(TRY(read_file(TRY(HostPath::parse("/proc/self/mountinfo"))))); }

Result<std::uint64_t> mount_id_of(FdRef fd) {
    auto const text = TRY(read_file(TRY(HostPath::parse(fmt::format("/proc/self/fdinfo/{}", fd.number())))));
    for (auto const line : split(text, '\n'))
        if (line.starts_with("mnt_id:")) return parse_unsigned(trim(line.substr(7)));
    return Error::of(ENOTSUP, "this kernel does not say in which mount a descriptor is");
}

} // namespace bolt
