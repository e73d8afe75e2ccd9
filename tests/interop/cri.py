"""A client of Kubernetes' container runtime interface, k8s.io/cri-api/pkg/apis/runtime/v1: as much of it as the tests say.

The messages are protocol buffers, written and read here by the fields' numbers: https://protobuf.dev/programming-guides/encoding.
"""
import grpc

# Name: (number, kind); a kind is text, bytes, number, map (of texts), or another message. Lists are fields that are there often.
MESSAGES = {
    "VersionRequest": {"version": (1, "text")},
    "VersionResponse": {"runtime_name": (2, "text"), "runtime_version": (3, "text"), "runtime_api_version": (4, "text")},
    "StatusRequest": {},
    "StatusResponse": {"status": (1, "RuntimeStatus")},
    "RuntimeStatus": {"conditions": (1, "RuntimeCondition")},
    "RuntimeCondition": {"type": (1, "text"), "status": (2, "number"), "reason": (3, "text"), "message": (4, "text")},
    "NamespaceOption": {"network": (1, "number"), "pid": (2, "number"), "ipc": (3, "number"), "target_id": (4, "text")},
    "PodSandboxMetadata": {"name": (1, "text"), "uid": (2, "text"), "namespace": (3, "text"), "attempt": (4, "number")},
    "LinuxSandboxSecurityContext": {"namespace_options": (1, "NamespaceOption")},
    "LinuxPodSandboxConfig": {"cgroup_parent": (1, "text"), "security_context": (2, "LinuxSandboxSecurityContext")},
    "PodSandboxConfig": {"metadata": (1, "PodSandboxMetadata"), "hostname": (2, "text"), "log_directory": (3, "text"), "labels": (6, "map"), "linux": (8, "LinuxPodSandboxConfig")},
    "RunPodSandboxRequest": {"config": (1, "PodSandboxConfig"), "runtime_handler": (2, "text")},
    "RunPodSandboxResponse": {"pod_sandbox_id": (1, "text")},
    "StopPodSandboxRequest": {"pod_sandbox_id": (1, "text")},
    "StopPodSandboxResponse": {},
    "RemovePodSandboxRequest": {"pod_sandbox_id": (1, "text")},
    "RemovePodSandboxResponse": {},
    "ContainerMetadata": {"name": (1, "text"), "attempt": (2, "number")},
    "ImageSpec": {"image": (1, "text")},
    "KeyValue": {"key": (1, "text"), "value": (2, "text")},
    "Mount": {"container_path": (1, "text"), "host_path": (2, "text"), "readonly": (3, "number")},
    "Capability": {"add_capabilities": (1, "text"), "drop_capabilities": (2, "text")},
    "Int64Value": {"value": (1, "number")},
    "SecurityProfile": {"profile_type": (1, "number"), "localhost_ref": (2, "text")},
    "LinuxContainerSecurityContext": {"capabilities": (1, "Capability"), "namespace_options": (3, "NamespaceOption"), "run_as_user": (5, "Int64Value"), "run_as_group": (12, "Int64Value"),
                                      "readonly_rootfs": (7, "number"), "no_new_privs": (11, "number"), "seccomp": (15, "SecurityProfile")},
    "LinuxContainerResources": {"cpu_period": (1, "number"), "cpu_quota": (2, "number"), "cpu_shares": (3, "number"), "memory_limit_in_bytes": (4, "number")},
    "LinuxContainerConfig": {"resources": (1, "LinuxContainerResources"), "security_context": (2, "LinuxContainerSecurityContext")},
    "ContainerConfig": {"metadata": (1, "ContainerMetadata"), "image": (2, "ImageSpec"), "command": (3, "text"), "args": (4, "text"), "working_dir": (5, "text"), "envs": (6, "KeyValue"),
                        "mounts": (7, "Mount"), "log_path": (11, "text"), "linux": (15, "LinuxContainerConfig")},
    "CreateContainerRequest": {"pod_sandbox_id": (1, "text"), "config": (2, "ContainerConfig"), "sandbox_config": (3, "PodSandboxConfig")},
    "CreateContainerResponse": {"container_id": (1, "text")},
    "StartContainerRequest": {"container_id": (1, "text")},
    "StartContainerResponse": {},
    "StopContainerRequest": {"container_id": (1, "text"), "timeout": (2, "number")},
    "StopContainerResponse": {},
    "RemoveContainerRequest": {"container_id": (1, "text")},
    "RemoveContainerResponse": {},
    "ContainerStatusRequest": {"container_id": (1, "text")},
    "ContainerStatusResponse": {"status": (1, "ContainerStatus")},
    "ContainerStatus": {"id": (1, "text"), "state": (3, "number"), "exit_code": (7, "number"), "reason": (10, "text"), "message": (11, "text")},
    "UpdateContainerResourcesRequest": {"container_id": (1, "text"), "linux": (2, "LinuxContainerResources")},
    "UpdateContainerResourcesResponse": {},
    "ExecSyncRequest": {"container_id": (1, "text"), "cmd": (2, "text"), "timeout": (3, "number")},
    "ExecSyncResponse": {"stdout": (1, "bytes"), "stderr": (2, "bytes"), "exit_code": (3, "number")},
    "ContainerStatsRequest": {"container_id": (1, "text")},
    "ContainerStatsResponse": {"stats": (1, "ContainerStats")},
    "ContainerStats": {"cpu": (2, "CpuUsage"), "memory": (3, "MemoryUsage")},
    "CpuUsage": {"usage_core_nano_seconds": (2, "UInt64Value")},
    "MemoryUsage": {"working_set_bytes": (2, "UInt64Value")},
    "UInt64Value": {"value": (1, "number")},
}
VARINT, LENGTH = 0, 2


def varint(number):
    number &= (1 << 64) - 1  # negative numbers are 64 bits of two's complement
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def field(number, kind, value):
    if kind == "number":
        return varint(number << 3 | VARINT) + varint(int(value))
    body = value.encode() if kind == "text" else value if kind == "bytes" else encode(kind, value)
    return varint(number << 3 | LENGTH) + varint(len(body)) + body


MESSAGES["MapEntry"] = {"key": (1, "text"), "value": (2, "text")}


def encode(message, values):
    parts = []
    for name, value in values.items():
        number, kind = MESSAGES[message][name]
        if kind == "map":
            kind, value = "MapEntry", [{"key": key, "value": one} for key, one in value.items()]
        parts += [field(number, kind, one) for one in (value if isinstance(value, list) else [value])]
    return b"".join(parts)


def read_varint(data, at):
    number = shift = 0
    while True:
        part = data[at]
        number |= (part & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if part < 0x80:
            return number, at


def decode(message, data):
    """What is unknown is passed over; what is there twice is a list."""
    known = {number: (name, kind) for name, (number, kind) in MESSAGES[message].items()}
    found, at = {}, 0
    while at < len(data):
        key, at = read_varint(data, at)
        if key & 7 == VARINT:
            value, at = read_varint(data, at)
        elif key & 7 == LENGTH:
            length, at = read_varint(data, at)
            value, at = data[at:at + length], at + length
        else:
            width = 8 if key & 7 == 1 else 4
            value, at = data[at:at + width], at + width
        if key >> 3 not in known:
            continue
        name, kind = known[key >> 3]
        value = value.decode() if kind == "text" else value if kind in ("number", "bytes") else decode(kind, value)
        found[name] = [*(found[name] if isinstance(found[name], list) else [found[name]]), value] if name in found else value
    return found


class Client:
    def __init__(self, socket):
        self.channel = grpc.insecure_channel(f"unix://{socket}")

    def __call__(self, operation, **request):
        call = self.channel.unary_unary(f"/runtime.v1.RuntimeService/{operation}", request_serializer=lambda values: encode(f"{operation}Request", values),
                                        response_deserializer=lambda data: decode(f"{operation}Response", data))
        return call(request, timeout=60)
