#include "engine/shown_options.h"

#include <algorithm>
#include <csignal>

#include "sys/process.h"

namespace bolt::engine {

namespace {

Json texts(std::vector<std::string> const& values) { return values.empty() ? Json::array() : Json(values); }

Json empty_objects(std::vector<std::string> const& keys) {
    Json::Object members;
    for (auto const& key : keys)
        if (std::ranges::find(members, key, &Json::Member::first) == members.end()) members.emplace_back(key, Json::object());
    return members;
}

std::string port_key(net::PublishedPort const& port) { return fmt::format("{}/{}", port.container_port, net::protocol_name(port.protocol)); }

Json port_bindings(std::vector<net::PublishedPort> const& ports) {
    Json::Object members;
    for (auto const& port : ports) {
        Json binding;
        binding.set("HostIp", port.address).set("HostPort", port.host_port == 0 ? "" : fmt::format("{}", port.host_port));
        auto const key = port_key(port);
        auto place = std::ranges::find(members, key, &Json::Member::first);
        if (place == members.end()) place = members.insert(members.end(), {key, Json::array()});
        place->second.push(std::move(binding));
    }
    return members;
}

std::string_view policy_name(monitor::RestartPolicy policy) {
    switch (policy) {
    case monitor::RestartPolicy::no: return "no";
    case monitor::RestartPolicy::on_failure: return "on-failure";
    case monitor::RestartPolicy::always: return "always";
    case monitor::RestartPolicy::unless_stopped: return "unless-stopped";
    }
    return "no";
}

std::string_view user_namespace_name(UserNamespaceMode mode) {
    return mode == UserNamespaceMode::keep_id ? "keep-id" : mode == UserNamespaceMode::automatic ? "auto" : "";
}

std::vector<std::string> binds(std::vector<MountOption> const& mounts) {
    std::vector<std::string> list;
    for (auto const& mount : mounts)
        if (mount.kind != MountKind::tmpfs && !mount.source.empty())
            list.push_back(fmt::format("{}:{}{}", mount.source, mount.target, mount.read_only ? ":ro" : ""));
    return list;
}

Json tmpfs(std::vector<MountOption> const& mounts) {
    Json::Object members;
    for (auto const& mount : mounts)
        if (mount.kind == MountKind::tmpfs) members.emplace_back(mount.target, join(mount.tmpfs_options, ","));
    return members;
}

Json host_config(ContainerOptions const& options, SpecPlan const& plan) {
    Json document;
    document.set("Binds", texts(binds(options.mounts))).set("NetworkMode", net::mode_name(options.network)).set("PortBindings", port_bindings(options.ports));
    document.set("RestartPolicy", Json().set("Name", policy_name(options.restart.policy)).set("MaximumRetryCount", options.restart.most));
    document.set("AutoRemove", options.remove).set("CapAdd", texts(options.add_capabilities)).set("CapDrop", texts(options.drop_capabilities));
    document.set("Privileged", false).set("ReadonlyRootfs", options.read_only).set("SecurityOpt", texts(options.security_options));
    document.set("UsernsMode", user_namespace_name(options.user_namespace)).set("ShmSize", 64 << 20).set("Runtime", options.runtime.value_or("bolt"));
    document.set("Memory", options.limits.memory ? options.limits.memory->count : 0);
    document.set("MemorySwap", plan.limits.memory_and_swap ? plan.limits.memory_and_swap->count : 0);
    document.set("NanoCpus", static_cast<std::int64_t>(options.limits.cpus.value_or(0) * 1e9));
    document.set("PidsLimit", options.limits.processes ? Json(*options.limits.processes) : Json());
    document.set("Init", options.init).set("Tmpfs", tmpfs(options.mounts));
    document.set("MaskedPaths", texts(plan.hidden.masked)).set("ReadonlyPaths", texts(plan.hidden.read_only));
    document.set("LogConfig", Json().set("Type", "k8s-file").set("Config", Json::object()));
    return document;
}

Json labels_json(spec::ImageConfig const& image, ContainerOptions const& options) {
    Json::Object members;
    for (auto const* const labels : {&image.labels, &options.labels})
        for (auto const& [key, value] : *labels) {
            auto const place = std::ranges::find(members, key, &Json::Member::first);
            if (place != members.end()) place->second = value;
            else members.emplace_back(key, value);
        }
    return members;
}

Json config(ContainerOptions const& options, spec::ImageConfig const& image, SpecPlan const& plan) {
    auto exposed = image.exposed_ports;
    for (auto& port : exposed)
        if (port.find('/') == port.npos) port += "/tcp";
    for (auto const& port : options.ports) exposed.push_back(port_key(port));
    std::vector<std::string> entrypoint = image.entrypoint;
    if (options.entrypoint) entrypoint = options.entrypoint->empty() ? std::vector<std::string>() : std::vector{*options.entrypoint};
    Json document;
    document.set("Hostname", plan.hostname).set("User", options.user.value_or(image.user)).set("Tty", options.terminal).set("OpenStdin", options.interactive);
    document.set("StdinOnce", options.interactive && !options.detached);
    for (auto const stream : {"AttachStdout", "AttachStderr"}) document.set(stream, !options.detached);
    document.set("AttachStdin", options.interactive && !options.detached);
    document.set("ExposedPorts", empty_objects(exposed)).set("Env", plan.environment);
    document.set("Cmd", texts(options.command.empty() && !options.entrypoint ? image.cmd : options.command));
    document.set("Entrypoint", entrypoint.empty() ? Json() : Json(entrypoint)).set("Image", options.image).set("WorkingDir", plan.working_directory);
    document.set("Volumes", empty_objects(image.volumes)).set("Labels", labels_json(image, options));
    document.set("StopSignal", options.stop_signal ? signal_name(*options.stop_signal) : image.stop_signal.empty() ? "SIGTERM" : image.stop_signal);
    if (options.stop_timeout) document.set("StopTimeout", std::int64_t{options.stop_timeout->count()});
    return document;
}

} // namespace

Json shown_options(ContainerOptions const& options, spec::ImageConfig const& image, SpecPlan const& plan) {
    Json document;
    document.set("HostConfig", host_config(options, plan)).set("Config", config(options, image, plan));
    return document;
}

} // namespace bolt::engine
