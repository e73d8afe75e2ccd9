// A container while it is being made: what exists of it is removed again unless keep() is said.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "engine/installation.h"
#include "sys/lock.h"

namespace bolt::engine {

class UnfinishedContainer {
public:
    // A fresh id and its directory, locked: whoever finds a trace of it knows by the lock that somebody is at work.
    static Result<UnfinishedContainer> make(Installation const& here);
    UnfinishedContainer(UnfinishedContainer&& other) noexcept;
    UnfinishedContainer& operator=(UnfinishedContainer&&) = delete;
    ~UnfinishedContainer();

    ContainerId const& id() const { return id_; }
    HostPath const& directory() const { return directory_; }

    // The given name, or a generated one.
    Result<std::string> take_name(std::optional<std::string> const& wanted);
    void owns_volume(std::string name) { volumes_.push_back(std::move(name)); }
    void keep() { here_ = nullptr; }

private:
    UnfinishedContainer(Installation const& here, ContainerId id, HostPath directory, FileLock lock)
        : here_(&here), id_(std::move(id)), directory_(std::move(directory)), lock_(std::move(lock)) {}
    Installation const* here_;
    ContainerId id_;
    HostPath directory_;
    FileLock lock_;
    std::string name_;
    std::vector<std::string> volumes_;
};

} // namespace bolt::engine
