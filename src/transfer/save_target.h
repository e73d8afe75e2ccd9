// Where saved images go: one archive, or a directory.
#pragma once

#include <functional>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "transfer/save.h"

namespace bolt::transfer {

// An archive (tar) through a descriptor. ECANCELED when `cancelled` says so.
class ArchiveTarget : public SaveTarget {
public:
    ArchiveTarget(FdRef file, std::function<bool()> cancelled);
    Result<void> add_directory(std::string_view name) override { return writer_.add_directory(fmt::format("{}/", name)); }
    Result<void> add_file(std::string_view name, std::uint64_t size, image::ByteSource& content) override { return writer_.add_file(name, size, content); }
    Result<void> finish() override { return writer_.finish(); }

private:
    image::TarWriter writer_;
};

// Files below a directory that is there and empty.
class DirectoryTarget : public SaveTarget {
public:
    DirectoryTarget(HostPath directory, std::function<bool()> cancelled) : directory_(std::move(directory)), cancelled_(std::move(cancelled)) {}
    Result<void> add_directory(std::string_view name) override;
    Result<void> add_file(std::string_view name, std::uint64_t size, image::ByteSource& content) override;
    Result<void> finish() override { return {}; }

private:
    HostPath directory_;
    std::function<bool()> cancelled_;
};

} // namespace bolt::transfer
