#include "cli/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/random.h"

namespace bolt::cli {

Result<void> refuse_terminal(std::optional<HostPath> const& output) {
    if (output || !isatty(STDOUT_FILENO)) return {};
    return Error::of(EINVAL, "an archive is nothing for a terminal; use --output FILE, or redirect standard output");
}

Result<void> write_whole(std::optional<HostPath> const& output, std::function<Result<void>(FdRef)> const& write) {
    if (!output) return write(FdRef(STDOUT_FILENO));
    auto const look = stat_file(*output);
    bool const is_special = look && !S_ISREG(look.value().st_mode);
    // What a link leads to is written, not the link.
    auto const place = look ? TRY(real_path(*output)) : *output;
    auto const beside = is_special ? place : TRY(HostPath::parse(fmt::format("{}.{}", place, TRY(random_name()))));
    auto const file = TRY(open_file(beside, is_special ? O_WRONLY : O_WRONLY | O_CREAT | O_EXCL, 0644));
    auto written = write(file);
    if (is_special) return written;
    if (written) written = rename_file(beside, place);
    if (!written) unlink(beside.c_str());
    return written;
}

} // namespace bolt::cli
