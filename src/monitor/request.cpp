#include "monitor/request.h"

#include <csignal>
#include <cstdint>

#include "base/ids.h"

namespace bolt::monitor {

namespace {

constexpr std::pair<RestartPolicy, std::string_view> restart_words[] = {
    {RestartPolicy::no, "no"},
    {RestartPolicy::on_failure, "on-failure"},
    {RestartPolicy::always, "always"},
    {RestartPolicy::unless_stopped, "unless-stopped"},
};

Result<Json const*> need(Json const& document, std::string_view key) {
    auto const* const member = document.find(key);
    if (!member) return Error::of(EINVAL, "field '{}' is missing", key);
    return member;
}

Result<HostPath> path_of(std::string_view key, std::string_view text) { return HostPath::parse(text).while_doing("field '{}'", key); }

Result<HostPath> need_path(Json const& document, std::string_view key) {
    auto const text = TRY(document.find_string(key));
    if (!text) return Error::of(EINVAL, "field '{}' is missing", key);
    return path_of(key, *text);
}

Result<std::vector<HostPath>> paths_of(Json const& document, std::string_view key) {
    std::vector<HostPath> paths;
    for (auto const& text : TRY(document.strings(key))) paths.push_back(TRY(path_of(key, text)));
    return paths;
}

Json texts_of(std::vector<HostPath> const& paths) {
    auto texts = Json::array();
    for (auto const& path : paths) texts.push(path.text());
    return texts;
}

// Within the limits of the type that holds it.
template <typename Number>
Result<Number> number_or(Json const& document, std::string_view key, Number fallback, std::int64_t least, std::int64_t most) {
    auto const number = TRY(document.integer_or(key, static_cast<std::int64_t>(fallback)));
    if (number < least || number > most) return Error::of(ERANGE, "field '{}' is {}, not between {} and {}", key, number, least, most);
    return static_cast<Number>(number);
}

// JSON has no bytes: a BPF program travels as hex digits.
std::string hex_of(std::string const& bytes) { return to_hex({reinterpret_cast<unsigned char const*>(bytes.data()), bytes.size()}); }

Result<std::string> bytes_of_hex(std::string_view key, std::string_view hex) {
    std::string bytes;
    auto const digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
    for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
        int const high = digit(hex[at]), low = digit(hex[at + 1]);
        if (high < 0 || low < 0) return Error::of(EINVAL, "field '{}' is not made of hex digits", key);
        bytes += static_cast<char>(high * 16 + low);
    }
    if (hex.size() % 2 != 0) return Error::of(EINVAL, "field '{}' has half a byte at its end", key);
    return bytes;
}

Json to_json(net::PublishedPort const& port) {
    Json document;
    document.set_unless_empty("address", port.address);
    document.set("host_port", int{port.host_port}).set("container_port", int{port.container_port}).set("protocol", net::protocol_name(port.protocol));
    return document;
}

Result<net::PublishedPort> parse_port(Json const& document) {
    net::PublishedPort port;
    port.address = TRY(document.string_or("address", ""));
    port.host_port = TRY(number_or<std::uint16_t>(document, "host_port", 0, 0, 65535));
    port.container_port = TRY(number_or<std::uint16_t>(document, "container_port", 0, 1, 65535));
    auto const protocol = TRY(document.string_or("protocol", "tcp"));
    if (protocol != "tcp" && protocol != "udp") return Error::of(EINVAL, "field 'protocol' is '{}', not tcp or udp", protocol);
    port.protocol = protocol == "tcp" ? net::Protocol::tcp : net::Protocol::udp;
    return port;
}

Result<std::vector<net::PublishedPort>> parse_ports(Json const& document) {
    std::vector<net::PublishedPort> ports;
    auto const* const member = document.find("ports");
    if (!member) return ports;
    auto const* const array = member->find_array();
    if (!array) return Error::of(EINVAL, "field 'ports' is {}, not an array", member->kind());
    for (auto const& entry : *array) ports.push_back(TRY(parse_port(entry).while_doing("field 'ports'")));
    return ports;
}

Json to_json(oci::OverlayRoot const& overlay) {
    Json document;
    document.set("lowers", texts_of(overlay.lowers));
    document.set("upper", overlay.upper.text()).set("work", overlay.work.text());
    document.set("volatile", overlay.is_volatile).set("in_user_namespace", overlay.in_user_namespace);
    return document;
}

Result<std::optional<oci::OverlayRoot>> parse_overlay(Json const& document) {
    auto const* const member = document.find("overlay");
    if (!member) return std::optional<oci::OverlayRoot>();
    oci::OverlayRoot overlay;
    overlay.lowers = TRY(paths_of(*member, "lowers"));
    if (overlay.lowers.empty()) return Error::of(EINVAL, "field 'lowers' is missing or empty");
    overlay.upper = TRY(need_path(*member, "upper"));
    overlay.work = TRY(need_path(*member, "work"));
    overlay.is_volatile = TRY(member->bool_or("volatile", false));
    overlay.in_user_namespace = TRY(member->bool_or("in_user_namespace", false));
    return std::optional(std::move(overlay));
}

Result<RestartPolicy> parse_policy(Json const& document) {
    auto const text = TRY(document.string_or("restart", "no"));
    for (auto const& [policy, word] : restart_words)
        if (word == text) return policy;
    return Error::of(EINVAL, "field 'restart' is '{}', not one of no, on-failure, always, unless-stopped", text);
}

std::string_view to_text(RestartPolicy wanted) {
    for (auto const& [policy, word] : restart_words)
        if (policy == wanted) return word;
    return "no";
}

Result<void> parse_log(Json const& document, Request& request) {
    auto const* const log = TRY(need(document, "log"));
    request.log.file = TRY(need_path(*log, "file"));
    request.log.largest_file.count = TRY(number_or<std::uint64_t>(*log, "largest_file", request.log.largest_file.count, 0, INT64_MAX));
    request.log.files = TRY(number_or<int>(*log, "files", request.log.files, 1, 1000));
    return {};
}

Result<void> parse_life(Json const& document, Request& request) {
    request.restart = TRY(parse_policy(document));
    request.most_restarts = TRY(number_or<int>(document, "most_restarts", 0, 0, INT32_MAX));
    request.stop_signal = TRY(number_or<int>(document, "stop_signal", SIGTERM, 1, NSIG - 1));
    request.stop_timeout = std::chrono::milliseconds(TRY(document.integer_or("stop_timeout_ms", 10'000)));
    request.limits_requested = TRY(document.bool_or("limits_requested", false));
    request.remove_at_exit = TRY(paths_of(document, "remove_at_exit"));
    if (auto const trash = TRY(document.find_string("trash"))) request.trash = TRY(HostPath::parse(*trash).while_doing("field 'trash'"));
    return {};
}

} // namespace

Json to_json(Request const& request) {
    Json document;
    document.set("id", request.id).set("name", request.name);
    document.set("run_directory", request.run_directory.text()).set("container_directory", request.container_directory.text());
    document.set("user_namespace_holders", request.user_namespace_holders.text());
    document.set("spec", request.spec);
    if (request.overlay) document.set("overlay", to_json(*request.overlay));
    if (request.seccomp_program) document.set("seccomp_program", hex_of(*request.seccomp_program));
    if (request.runtime) document.set("runtime", request.runtime->text());
    document.set("network", net::mode_name(request.network));
    auto ports = Json::array();
    for (auto const& port : request.ports) ports.push(to_json(port));
    document.set_unless_empty("ports", std::move(ports));
    Json log;
    log.set("file", request.log.file.text()).set("largest_file", request.log.largest_file.count).set("files", request.log.files);
    document.set("log", std::move(log));
    document.set("terminal", request.terminal).set("input_open", request.input_open);
    document.set("input_closes_with_client", request.input_closes_with_client);
    document.set("restart", to_text(request.restart)).set("most_restarts", request.most_restarts);
    document.set("stop_signal", request.stop_signal).set("stop_timeout_ms", std::int64_t{request.stop_timeout.count()});
    document.set("limits_requested", request.limits_requested);
    document.set_unless_empty("remove_at_exit", texts_of(request.remove_at_exit));
    if (request.trash) document.set("trash", request.trash->text());
    return document;
}

Result<Request> parse_request(Json const& document) {
    Request request;
    request.id = TRY(document.string_or("id", ""));
    if (request.id.empty()) return Error::of(EINVAL, "field 'id' is missing");
    request.name = TRY(document.string_or("name", ""));
    request.run_directory = TRY(need_path(document, "run_directory"));
    request.container_directory = TRY(need_path(document, "container_directory"));
    request.user_namespace_holders = TRY(need_path(document, "user_namespace_holders"));
    request.spec = *TRY(need(document, "spec"));
    request.overlay = TRY(parse_overlay(document).while_doing("field 'overlay'"));
    if (auto const hex = TRY(document.find_string("seccomp_program"))) request.seccomp_program = TRY(bytes_of_hex("seccomp_program", *hex));
    if (auto const program = TRY(document.find_string("runtime"))) request.runtime = TRY(path_of("runtime", *program));
    request.network = TRY(net::parse_mode(TRY(document.string_or("network", "pasta"))).while_doing("field 'network'"));
    request.ports = TRY(parse_ports(document));
    TRY(parse_log(document, request).while_doing("field 'log'"));
    request.terminal = TRY(document.bool_or("terminal", false));
    request.input_open = TRY(document.bool_or("input_open", false));
    request.input_closes_with_client = TRY(document.bool_or("input_closes_with_client", false));
    TRY(parse_life(document, request));
    return request;
}

Json to_json(ExecRequest const& request) {
    Json document;
    document.set("arguments", request.arguments);
    document.set_unless_empty("environment", request.environment);
    if (request.user) document.set("user", *request.user);
    if (request.working_directory) document.set("working_directory", *request.working_directory);
    document.set("terminal", request.terminal).set("privileged", request.privileged).set("detached", request.detached);
    document.set("rows", int{request.rows}).set("columns", int{request.columns});
    return document;
}

Result<ExecRequest> parse_exec_request(Json const& document) {
    ExecRequest request;
    request.arguments = TRY(document.strings("arguments"));
    if (request.arguments.empty()) return Error::of(EINVAL, "field 'arguments' is missing: a command to run");
    request.environment = TRY(document.strings("environment"));
    request.user = TRY(document.find_string("user"));
    request.working_directory = TRY(document.find_string("working_directory"));
    request.terminal = TRY(document.bool_or("terminal", false));
    request.privileged = TRY(document.bool_or("privileged", false));
    request.detached = TRY(document.bool_or("detached", false));
    request.rows = TRY(number_or<unsigned short>(document, "rows", 0, 0, 65535));
    request.columns = TRY(number_or<unsigned short>(document, "columns", 0, 0, 65535));
    return request;
}

} // namespace bolt::monitor
