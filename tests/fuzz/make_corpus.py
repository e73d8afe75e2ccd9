#!/usr/bin/env python3
"""Writes the small inputs that fuzzing starts from: one of every kind of archive entry and of every document."""
import gzip
import io
import json
import os
import sys
import tarfile

here = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "corpus")


def write(folder, name, data):
    os.makedirs(os.path.join(here, folder), exist_ok=True)
    with open(os.path.join(here, folder, name), "wb") as file:
        file.write(data)


def archive(form, entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, kind, link, content in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.size = kind, link, len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()[:-8192] + bytes(1024)


every = [("d", b"5", "", b""), ("d/f", b"0", "", b"content"), ("d/h", b"1", "d/f", b""), ("l", b"2", "/d", b""), ("l/g", b"0", "", b"x"), ("p", b"6", "", b""),
         ("d/.wh.gone", b"0", "", b""), ("d/.wh..wh..opq", b"0", "", b""), ("n" * 150, b"0", "", b"long")]
for name, form in (("pax", tarfile.PAX_FORMAT), ("gnu", tarfile.GNU_FORMAT)):
    write("tar", name, archive(form, every))
write("tar", "gzip", gzip.compress(archive(tarfile.PAX_FORMAT, every), mtime=0))
write("tar", "climbs", archive(tarfile.PAX_FORMAT, [("../x", b"0", "", b"e")]))
write("tar", "hard-link-out", archive(tarfile.PAX_FORMAT, [("h", b"1", "/etc/passwd", b"")]))
write("manifest", "image", b'{"schemaVersion":2,"config":{"mediaType":"c","digest":"sha256:1","size":2},"layers":[{"mediaType":"l","digest":"sha256:3","size":4,"urls":["u"]}]}')
write("manifest", "index", b'{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:1","size":1,"platform":{"os":"linux","architecture":"amd64"}}]}')
write("manifest", "config", b'{"architecture":"arm64","os":"linux","created":"2026-01-02T03:04:05Z","config":{"User":"u","ExposedPorts":{"80/tcp":{}},"Env":["A=b"],"Labels":{"k":"v"},"Healthcheck":{}},"rootfs":{"type":"layers","diff_ids":["x"]}}')
write("manifest", "name", b"localhost:5000/a/b_c:tag@sha256:" + b"a" * 64)
write("registry", "bearer", b'Bearer realm="https://auth.example.com/token",service="s",scope="repository:a/b:pull,push", Basic realm="x"')
write("registry", "logins", b'{"auths":{"registry.example.com":{"auth":"dTpw"},"https://registry.example.com/v1/":{"identitytoken":"t"}},"credHelpers":{"registry.example.com":"x"},"credsStore":"y"}')
write("registry", "registries", b'unqualified-search-registries = ["a.example"]\nshort-name-mode = "permissive"\n[[registry]]\nprefix = "*.example.com"\nlocation = "b.example/x"\ninsecure = true\n[[registry.mirror]]\nlocation = "c.example"\npull-from-mirror = "tag-only"\n[aliases]\n"x" = "d.example/y"\n')
write("registry", "policy", b'{"default":[{"type":"reject"}],"transports":{"docker":{"registry.example.com/a":[{"type":"sigstoreSigned","keyPath":"/k","signedIdentity":{"type":"remapIdentity","prefix":"a","signedPrefix":"b"}}],"":[{"type":"insecureAcceptAnything"}]},"oci":{"/a":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"/x"}]}}}')
write("registry", "claim", b'{"critical":{"identity":{"docker-reference":"registry.example.com/a/b:1"},"image":{"docker-manifest-digest":"sha256:' + b"a" * 64 + b'"},"type":"cosign container image signature"},"optional":{"k":"v"}}')
write("registry", "bundle", b'{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"x"}},"dsseEnvelope":{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AAAA"}]}}')
write("registry", "name", b"registry.example.com/a/b:1")
write("registry", "public-key", b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n")
write("registry", "cosign-key", b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\neyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6OCwicCI6MX0sInNhbHQiOiJBQUFBIn0sImNpcGhlciI6eyJuYW1lIjoibmFjbC9zZWNyZXRib3giLCJub25jZSI6IkFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBIn0sImNpcGhlcnRleHQiOiJBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQSJ9\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n")
write("state", "oci", b'{"ociVersion":"1.2.0","id":"x","init_process_pid":7,"init_process_start":8,"boot_id":"b","bundle":"/b","rootfs":"/b/rootfs","created":"2026-01-02T03:04:05Z","owner":"root","cgroup_paths":["/sys/fs/cgroup/x"],"systemd_unit":"x.scope","annotations":{"k":"v"}}')
write("state", "monitor", b'{"status":"running","pid":7,"startTime":8,"monitorPid":9,"monitorStartTime":10,"bootID":"b","startedAt":"2026-01-02T03:04:05Z","exitCode":3,"oomKilled":true,"restartCount":2}')
write("seccomp", "every", b'''{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86","SCMP_ARCH_AARCH64"],
"flags":["SECCOMP_FILTER_FLAG_LOG","SECCOMP_FILTER_FLAG_SPEC_ALLOW"],"listenerPath":"/run/l.sock","listenerMetadata":"m","syscalls":[
{"names":["read","write"],"action":"SCMP_ACT_ALLOW"},{"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":8,"valueTwo":0,"op":"SCMP_CMP_EQ"}]},
{"names":["clone"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":2114060288,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}]},
{"names":["clone3"],"action":"SCMP_ACT_ERRNO","errnoRet":38},{"names":["mount"],"action":"SCMP_ACT_NOTIFY"},{"names":["kexec_load"],"action":"SCMP_ACT_KILL_PROCESS"},
{"names":["ptrace"],"action":"SCMP_ACT_TRACE","errnoRet":1},{"names":["reboot"],"action":"SCMP_ACT_TRAP"},{"names":["uname"],"action":"SCMP_ACT_LOG"}]}''')
write("runtime", "every", json.dumps({
    "ociVersion": "1.3.0", "hostname": "h", "domainname": "d", "root": {"path": "rootfs", "readonly": True}, "annotations": {"org.systemd.property.CPUWeight": "uint64 5"},
    "process": {"terminal": True, "consoleSize": {"height": 1, "width": 2}, "user": {"uid": 1, "gid": 2, "umask": 18, "additionalGids": [3]}, "args": ["sh"], "env": ["A=b"], "cwd": "/",
                "capabilities": {name: ["CAP_KILL"] for name in ("bounding", "effective", "inheritable", "permitted", "ambient")}, "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}],
                "noNewPrivileges": True, "oomScoreAdj": 5, "apparmorProfile": "p", "selinuxLabel": "l", "scheduler": {"policy": "SCHED_DEADLINE", "runtime": 1, "deadline": 2, "period": 3, "flags": ["SCHED_FLAG_RESET_ON_FORK"]},
                "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 3}, "execCPUAffinity": {"initial": "0-3,7", "final": "1"}},
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}, {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "tmpcopyup", "ro"]},
               {"destination": "/m", "type": "bind", "source": "x", "options": ["rbind", "rro", "idmap", "rslave"], "uidMappings": [{"containerID": 0, "hostID": 5, "size": 9}], "gidMappings": [{"containerID": 0, "hostID": 5, "size": 9}]},
               {"destination": "../../c", "type": "cgroup"}],
    "hooks": {name: [{"path": "/h", "args": ["h"], "env": ["A=b"], "timeout": 5}] for name in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")},
    "linux": {"namespaces": [{"type": name} for name in ("pid", "mount", "ipc", "uts", "user", "cgroup", "time")] + [{"type": "network", "path": "/n"}],
              "uidMappings": [{"containerID": 0, "hostID": 1, "size": 2}], "gidMappings": [{"containerID": 0, "hostID": 1, "size": 2}], "timeOffsets": {"monotonic": {"secs": -1, "nanosecs": 2}, "boottime": {"secs": 3}},
              "devices": [{"path": "/dev/x", "type": "c", "major": 1, "minor": 2, "fileMode": 438, "uid": 1, "gid": 2}], "cgroupsPath": "s.slice:p:n", "rootfsPropagation": "rslave",
              "sysctl": {"net.ipv4.ip_forward": "1", "kernel.shmmax": "1"}, "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"], "personality": {"domain": "LINUX32"},
              "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-1", "flags": ["MPOL_F_STATIC_NODES"]}, "netDevices": {"eth9": {"name": "e"}},
              "resources": {"devices": [{"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}], "pids": {"limit": 5}, "unified": {"memory.high": "5"},
                            "memory": {"limit": 9, "reservation": 8, "swap": 10, "kernel": 1, "kernelTCP": 2, "swappiness": 60, "disableOOMKiller": True, "checkBeforeUpdate": True},
                            "cpu": {"shares": 5, "quota": 6, "burst": 1, "period": 7, "realtimeRuntime": 1, "realtimePeriod": 2, "cpus": "0-1", "mems": "0", "idle": 1},
                            "blockIO": {"weight": 50, "leafWeight": 60, "weightDevice": [{"major": 8, "minor": 0, "weight": 70}], "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 5}]},
                            "hugepageLimits": [{"pageSize": "2MB", "limit": 5}], "network": {"classID": 5, "priorities": [{"name": "eth0", "priority": 5}]}, "rdma": {"mlx": {"hcaHandles": 1, "hcaObjects": 2}}}}}).encode())
