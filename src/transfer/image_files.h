// Files of an image that lies in an archive or in a directory, by their names in there.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "image/digest.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "sys/root.h"

namespace bolt::transfer {

// Where in an open file it is.
struct FilePart {
    UniqueFd file;
    std::uint64_t offset, size;
};

class ImageFiles {
public:
    virtual ~ImageFiles() = default;
    virtual Result<std::optional<FilePart>> find(std::string_view name) const = 0;
    virtual bool is_archive() const = 0;
    // A document of at most 16 MiB; none when it is not there.
    Result<std::optional<std::string>> find_text(std::string_view name) const;
};

class DirectoryFiles : public ImageFiles {
public:
    explicit DirectoryFiles(Root directory) : directory_(std::move(directory)) {}
    Result<std::optional<FilePart>> find(std::string_view name) const override;
    bool is_archive() const override { return false; }

private:
    Root directory_;
};

// A plain archive (tar): only its headers are read. Links in it, as docker's older archives have them for layers that are there
// twice, lead to other files of the archive.
class ArchiveFiles : public ImageFiles {
public:
    // EINVAL for damage, E2BIG for more than 100,000 entries.
    static Result<std::unique_ptr<ArchiveFiles>> open(UniqueFd file);
    Result<std::optional<FilePart>> find(std::string_view name) const override;
    bool is_archive() const override { return true; }

private:
    struct Place {
        std::uint64_t offset = 0, size = 0;
        std::string link; // not empty: that one
    };
    explicit ArchiveFiles(UniqueFd file) : file_(std::move(file)) {}
    UniqueFd file_;
    std::map<std::string, Place, std::less<>> places_;
};

// A directory, or an archive that may be compressed by gzip, zstd or xz and may come through a pipe: then it is unpacked to a file
// without a name in `scratch` first.
Result<std::unique_ptr<ImageFiles>> open_image_files(UniqueFd input, HostPath const& scratch);

// Where the layers of an image come from that is in no registry.
class BlobSource {
public:
    virtual ~BlobSource() = default;
    virtual Result<FilePart> open_blob(image::Digest const& digest) const = 0;
};

} // namespace bolt::transfer
