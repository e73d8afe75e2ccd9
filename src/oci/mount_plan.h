// What is mounted where, as data: from config.json's mounts, devices, masked and read-only paths to a list of steps. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "oci/annotations.h"
#include "oci/mount_ids.h"
#include "oci/mount_options.h"
#include "spec/runtime.h"
#include "sys/mount.h"
#include "sys/path.h"

namespace bolt::oci {

// A file system of its own: tmpfs, proc, sysfs, devpts, mqueue…
struct MountFilesystem {
    std::string type, source;
    RootPath target;
    FilesystemOptions options;
    MountAttributes attributes;
    bool shows_own_processes = false; // proc, with a pid namespace of the container's own
    bool copies_up = false;           // begins with what the image has there
};
struct BindMount {
    std::string source; // an absolute host path
    RootPath target;
    Depth depth = Depth::top;
    MountAttributes attributes, recursive;
    std::optional<MountIds> ids;
    SourceLink source_link = SourceLink::followed;
    bool replaces_link = false; // dest-nofollow: a target that is a link is mounted upon
    std::vector<std::string> left_out; // what only the file system could be told, which is the host's
};
// Other options for what is mounted there already.
struct Remount {
    RootPath target;
    FilesystemOptions options;
    MountAttributes attributes, recursive;
    bool is_bind = false;
    std::vector<std::string> left_out; // what only the file system could be told, which is the host's
};
// The container's view of the cgroup trees: by version of the host, decided when it is performed.
struct MountCgroup {
    RootPath target;
    MountAttributes attributes;
    bool is_version_2 = false;  // type "cgroup2": on a hybrid host that tree alone
    bool own_namespace = false; // then the trees begin at the container's own cgroup
    std::vector<HostPath> own;  // the container's cgroups: on version 1 trees without one are not shown
};
struct MakeDevice {
    spec::Device device;
    RootPath target;
    bool usual = false;    // one of the six that every container has
    bool is_hosts = false; // in a directory of the host's, where nothing is made
};
struct MakeLink {
    std::string target;
    RootPath path;
};
struct MaskPath {
    RootPath path;
};
// A tmpfs that was writable while what lies below it was made.
struct SealFilesystem {
    RootPath path;
};
struct MakeReadOnly {
    RootPath path;
};
using MountStep = std::variant<MountFilesystem, BindMount, MountCgroup, MakeDevice, MakeLink, MaskPath, MakeReadOnly, SealFilesystem, Remount>;

// EINVAL names the mount and the option. `bundle` is where relative sources of bind mounts are taken from.
// Of `asked` it takes context_type and systemd_tree.
Result<std::vector<MountStep>> plan_mounts(spec::Runtime const& spec, HostPath const& bundle, Annotations const& asked = {});
// By its type or by its options.
bool is_bind_mount(spec::Mount const& mount);
// One line a step, for golden files.
std::string describe(MountStep const& step);

} // namespace bolt::oci
