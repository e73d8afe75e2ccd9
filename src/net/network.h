// The container's network namespace, its way out, and the three files that name hosts in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "sys/channel.h"
#include "sys/fd.h"
#include "sys/process.h"

namespace bolt::net {

enum class Mode {
    none,  // a namespace with nothing but lo
    host,  // the host's own namespace
    pasta, // a namespace of its own; outbound traffic through passt's pasta(1)
};
// "none", "host", "pasta", and "default", "private", "bridge", "" for pasta (what docker's and podman's users write when
// they mean "the usual"). Other words are EINVAL naming what there is.
Result<Mode> parse_mode(std::string_view text);
std::string_view mode_name(Mode mode);

// Moves the calling process, which must have no threads, into a new network namespace: lo up, every port open to ordinary
// users (ip_unprivileged_port_start 0) and ping without privilege (ping_group_range), as docker and podman give it. Needs
// CAP_SYS_ADMIN in the user namespace, whose ids must be mapped already: the kernel gives files of it to their root for good;
// without privilege in the host's namespace there is no way back.
Result<void> make_network_namespace();

// pasta(1), and the keeper that ends it.
//
//   the caller                          the keeper (host's namespaces)          pasta
//   prepare() ── fork ────────────────► waits
//   enters its namespaces
//   begin ───── "go" + descriptors ───► starts ─────────────────────────────► makes the interface
//   finish    ◄──────────── "ready" or the error text ◄───── pid or its complaint
//   ends, any way ── the channel closes ► kills ───────────────────────────► gone
//
// The keeper exists because pasta must be started from outside the namespaces, and because nothing else ends it: its
// parent-death signal does not survive its change of credentials, and Debian 12's does not notice that its namespace died.
class Pasta {
public:
    // Forks the keeper: to be called in the host's user and network namespaces, before threads exist. ENOENT when pasta is
    // not installed, naming the package.
    static Result<Pasta> prepare();
    Pasta(Pasta&&) noexcept = default;
    Pasta& operator=(Pasta&&) = delete;
    ~Pasta() { stop(); }

    // Starts to attach pasta to the user and network namespaces of that process (mostly the caller itself). None of pasta's own
    // port forwards is used. It takes tens of milliseconds, in which the caller may do other things.
    Result<void> begin_attaching(pid_t owner_of_namespaces);
    // Returns when the interface is up and has its addresses and routes. ENETUNREACH when the host has no default route and
    // pasta is Debian 12's, which cannot start then (Debian 13's gives link-local addresses): the caller may go on with a
    // namespace that has only lo. ECHILD with pasta's own words for all else.
    Result<void> finish_attaching();
    // Readable, or hung up, when pasta ended by itself (or the keeper did): then find_end() says why.
    FdRef poll_fd() const { return channel_.fd(); }
    // Our child, for who reaps children: it is reaped by stop() and find_end() only.
    pid_t keeper_pid() const { return keeper_.pid(); }
    // pasta's, once it is attached.
    pid_t pid() const { return pid_; }
    // None while it runs. After it ended: one sentence.
    std::optional<std::string> find_end();
    // Tells pasta and the keeper to end, without waiting: the kernel takes some 20 ms to remove the interface.
    void begin_stopping();
    // Ends both and waits for them; a second call does nothing.
    void stop();

private:
    Pasta(Channel channel, Process keeper) : channel_(std::move(channel)), keeper_(std::move(keeper)) {}
    Channel channel_;
    Process keeper_;
    pid_t pid_ = 0;
    UniqueFd pasta_; // its pidfd, for the case that the keeper was killed
};

// Where pasta answers DNS queries inside the namespace: it passes them on to the host's first nameserver, a loopback
// one too.
inline constexpr std::string_view dns_forward_address = "169.254.1.1";

// "NAME:ADDRESS" of --add-host.
struct HostEntry {
    std::string name, address;
};
// EINVAL unless it is a name, ':' or '=', and a numeric address.
Result<HostEntry> parse_host_entry(std::string_view text);

// /etc/hosts of the container: localhost, then its own name, then what was added. With Mode::host, `host_text` (the
// host's own /etc/hosts) comes first. Its own name is given the address it has in its namespace; with none, 127.0.1.1.
struct HostsFile {
    Mode mode = Mode::pasta;
    std::string hostname;
    std::string address; // the container's; "" when it has none
    std::vector<HostEntry> added;
    std::string host_text; // only read with Mode::host
};
std::string hosts_file(HostsFile const& wanted);

// --dns, --dns-search, --dns-option: each, when given, replaces what the host has.
struct DnsOptions {
    std::vector<std::string> servers, searches, options;
};
// Which file of the host says its nameservers: /etc/resolv.conf, or systemd-resolved's
// /run/systemd/resolve/resolv.conf when the former names only its stub (127.0.0.53). Missing files are the empty text.
Result<std::string> host_resolv_conf();
// /etc/resolv.conf of the container (resolv.conf(5)) from the host's. A nameserver on the host's loopback cannot be
// reached from another namespace: with pasta it is replaced by dns_forward_address; with none all nameservers are dropped.
std::string resolv_conf(std::string_view host_text, Mode mode, DnsOptions const& options);

// The calling process's namespace: its first global address, IPv4 first; none when there is only loopback.
Result<std::optional<std::string>> find_own_address();

} // namespace bolt::net
