// Containers on disk, for bolt-oci: one directory a container below --root, with the state that lets the next command find it.
//
//     ROOT/ID/state.json     what create made; whether it still lives is checked, never assumed
//     ROOT/ID/creating.json  the same until the creation is over, hooks and all
//     ROOT/ID/config.json    the bundle's document as it was
//     ROOT/ID/document       a link to the bundle's config.json, there from the first moment
//     ROOT/ID/start          the socket that init waits on while the container is `created`
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "oci/container.h"
#include "spec/runtime.h"
#include "sys/fd.h"
#include "sys/lock.h"
#include "sys/path.h"

namespace bolt::cli {

enum class ContainerStatus { creating, created, running, paused, stopped };
std::string_view to_text(ContainerStatus status);

struct ContainerRecord {
    std::string id;
    pid_t pid = 0;
    std::uint64_t start_time = 0; // of pid, in clock ticks: pids are used again
    std::string boot_id;          // pids and ticks of another boot mean nothing
    HostPath bundle;
    std::string rootfs, created, oci_version;
    std::vector<std::pair<std::string, std::string>> annotations;
    std::vector<HostPath> cgroup;
    std::string scope_unit; // systemd's name of it; "" when systemd did not make it
    oci::RdtClass rdt;
    bool has_poststart_hooks = false, has_poststop_hooks = false; // else start and delete need not read the document
    bool is_being_created = false; // as read: the creation is not over, or was cut off
};
// state.json. EINVAL for what is no such document.
Json to_json(ContainerRecord const& record);
Result<ContainerRecord> parse_container_record(std::string_view text);

class ContainerDirectory {
public:
    // EINVAL for an id that is no file name of letters, digits, '_', '+', '-' and '.'.
    static Result<ContainerDirectory> of(HostPath const& root, std::string_view id);

    HostPath const& path() const { return path_; }
    HostPath start_socket() const { return path_ / "start"; }
    // EEXIST when the id is taken. The lock is its maker's until there is a record.
    Result<FileLock> make(HostPath const& document) const;
    // The lock of one without a record, which nobody makes any more: EBUSY while somebody does, ENOENT when it is gone.
    Result<FileLock> lock_remains() const;
    // One change at a time, or the one would take back what the other has done. EBUSY after 10 seconds.
    Result<FileLock> lock_for_change() const;
    // The config.json that it was made from, also while there is no record yet.
    Result<HostPath> document() const;
    Result<void> remove() const;
    // A record that counts as `creating` until finish_creation().
    Result<void> write(ContainerRecord const& record) const;
    Result<void> finish_creation() const;
    Result<void> rewrite(ContainerRecord const& record) const; // afterwards
    Result<void> write_config(std::string_view text) const;
    Result<ContainerRecord> read() const; // ESRCH when there is no such container: ENOENT is a command's
    Result<spec::Runtime> read_config() const;
    Result<ContainerStatus> status_of(ContainerRecord const& record) const;

private:
    ContainerDirectory(HostPath path, std::string id) : path_(std::move(path)), id_(std::move(id)) {}
    HostPath path_;
    std::string id_;
};

// A pidfd of init; none when it has ended.
Result<std::optional<UniqueFd>> find_init(ContainerRecord const& record);
// What `state` prints and `list` lists: runc's keys.
Result<Json> shown_state(ContainerDirectory const& directory, ContainerRecord const& record);

struct LoadedBundle {
    std::string text;
    spec::Runtime spec;
};
Result<LoadedBundle> load_document(HostPath const& path);

} // namespace bolt::cli
