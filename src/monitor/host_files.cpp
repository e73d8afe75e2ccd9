#include "monitor/host_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "net/network.h"
#include "sys/file.h"

namespace bolt::monitor {

namespace {

// In place: a running container has the file mounted, and a rename would leave it with the old one.
Result<void> write_in_place(HostPath const& file, std::string_view text) {
    auto const fd = TRY(open_file(file, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    if (fchmod(fd.number(), 0644) < 0) return Error::from_errno("set the mode of '{}'", file);
    return write_all(fd, text).while_doing("write '{}'", file);
}

} // namespace

Result<void> prepare_run_directory(HostPath const& run_directory, net::Mode network, std::string_view hostname) {
    TRY(make_directories(run_directory, 0700));
    net::HostsFile hosts{.mode = network, .hostname = std::string(hostname)};
    if (network == net::Mode::host) hosts.host_text = TRY(find_file(TRY(HostPath::parse("/etc/hosts")))).value_or("");
    // pasta gives the container the host's own address.
    if (network == net::Mode::pasta) hosts.address = TRY(net::find_own_address()).value_or("");
    TRY(write_in_place(run_directory / "hosts", net::hosts_file(hosts)));
    TRY(write_in_place(run_directory / "hostname", fmt::format("{}\n", hostname)));
    return write_in_place(run_directory / "resolv.conf", net::resolv_conf(TRY(net::host_resolv_conf()), network, {}));
}

namespace {
Result<std::string> hostname_in(Json const& spec) { return spec.string_or("hostname", ""); }
} // namespace

Result<void> prepare_run_directory(Request const& request) { return prepare_run_directory(request.run_directory, request.network, TRY(hostname_in(request.spec))); }

Result<void> prepare_run_directory(HostPath const& run_directory, Json const& request) {
    auto const mode = TRY(net::parse_mode(TRY(request.string_or("network", ""))));
    auto const* const spec = request.find("spec");
    return prepare_run_directory(run_directory, mode, spec ? TRY(hostname_in(*spec)) : std::string());
}

} // namespace bolt::monitor
