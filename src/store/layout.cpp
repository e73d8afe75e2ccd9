#include "store/layout.h"

#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"
#include "sys/random.h"
#include "sys/users.h"

namespace bolt::store {

namespace {

// A variable that holds a directory; none when it is unset or empty.
Result<std::optional<HostPath>> directory_variable(char const* name) {
    auto const* value = getenv(name);
    if (!value || !*value) return std::optional<HostPath>();
    return std::optional(TRY(HostPath::parse(value).while_doing("environment variable {}", name)));
}

Result<HostPath> data_directory(CallingUser const& user) {
    if (auto const chosen = TRY(directory_variable("BOLT_DATA_DIR"))) return *chosen;
    if (user.uid == 0) return HostPath::parse("/var/lib/bolt");
    // A relative $XDG_DATA_HOME is to be ignored, says the specification.
    auto const* data_home = getenv("XDG_DATA_HOME");
    if (data_home && *data_home == '/') return TRY(HostPath::parse(data_home)) / "bolt";
    return TRY(HostPath::parse(user.home).while_doing("find the home directory of user '{}' (set HOME or BOLT_DATA_DIR)", user.name)) / ".local/share/bolt";
}

Result<HostPath> runtime_directory(CallingUser const& user) {
    if (auto const chosen = TRY(directory_variable("BOLT_RUNTIME_DIR"))) return *chosen;
    if (user.uid == 0) return HostPath::parse("/run/bolt");
    auto const* runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime && *runtime == '/') return TRY(HostPath::parse(runtime)) / "bolt";
    return HostPath::parse(fmt::format("/tmp/bolt-{}", user.uid));
}

// In /tmp anybody may have made it first.
Result<void> require_own_directory(HostPath const& directory) {
    struct stat look {};
    if (lstat(directory.c_str(), &look) < 0) {
        if (errno == ENOENT) return {};
        return Error::from_errno("look at '{}'", directory);
    }
    if (!S_ISDIR(look.st_mode)) return Error::of(ENOTDIR, "'{}' is not a directory; remove it, or choose another with BOLT_DATA_DIR and BOLT_RUNTIME_DIR", directory);
    if (look.st_uid != geteuid())
        return Error::of(EPERM, "'{}' belongs to user {}, not to user {}; choose another with BOLT_DATA_DIR and BOLT_RUNTIME_DIR", directory, look.st_uid, geteuid());
    if ((look.st_mode & 022) != 0 && chmod(directory.c_str(), 0700) < 0) return Error::from_errno("close '{}' to other users", directory);
    return {};
}

// Whether there is a store.
Result<bool> check_version(HostPath const& file) {
    auto const text = TRY(find_file(file));
    if (!text) return false;
    auto const version = TRY(parse_unsigned(trim(*text)).while_doing("read '{}'", file));
    if (version > format_version)
        return Error::of(EPROTO, "the store '{}' is of version {}, this bolt knows versions up to {}; use the newer bolt", file.parent(), version, format_version);
    if (version < format_version) return Error::of(EPROTO, "the store '{}' is of version {}, which this bolt does not know and leaves as it is; choose another with BOLT_DATA_DIR", file.parent(), version);
    return true;
}

// A store of before may lack directories that came later.
Result<void> make_store(Layout const& layout, bool is_there) {
    for (auto const& directory : {layout.blobs() / "sha256", layout.ingest(), layout.layers(), layout.refs(), layout.images(), layout.containers(), layout.names(), layout.volumes(), layout.tmp(), layout.trash()})
        if (!is_there || !exists(directory)) TRY(make_directories(directory, 0700));
    // Last: what it stands for is there.
    return is_there ? Result<void>() : write_file(layout.store() / "VERSION", fmt::format("{}\n", format_version), 0644, Durability::synced);
}

} // namespace

Result<Layout> Layout::of_calling_user() {
    auto const user = TRY(calling_user());
    Layout layout;
    layout.data = TRY(data_directory(user));
    layout.runtime = TRY(runtime_directory(user));
    return layout;
}

Result<void> Layout::prepare() const {
    TRY(explain_full(make_directories(data, 0700), *this));
    TRY(make_directories(runtime, 0700));
    TRY(require_own());
    TRY(make_directories(run_containers(), 0700)); // gone with every reboot
    bool const is_there = TRY(check_version(store() / "VERSION"));
    return explain_full(make_store(*this, is_there), *this);
}

Result<void> Layout::require_known_version() const {
    TRY(check_version(store() / "VERSION"));
    return {};
}

Result<void> Layout::require_own() const {
    TRY(require_own_directory(data));
    return require_own_directory(runtime);
}

HostPath Layout::blob(image::Digest const& digest) const {
    auto const algorithm = digest.algorithm() == image::Digest::Algorithm::sha256 ? "sha256" : "sha512";
    return blobs() / fmt::format("{}/{}/{}", algorithm, digest.hex().substr(0, 2), digest.hex());
}

HostPath Layout::image_file(image::Digest const& id) const { return images() / fmt::format("{}.json", id.hex()); }

Result<void> remove_by_rename(Layout const& layout, HostPath const& what) {
    auto const grave = layout.trash() / TRY(random_name());
    if (auto moved = rename_file(what, grave); !moved) return moved.error().is(ENOENT) ? Result<void>() : moved;
    return remove_tree(grave);
}

std::string_view record_line(std::string_view contents) { return contents.substr(0, contents.find('\n')); }

Error explain_full(Error error, Layout const& layout) {
    if (!error.is(ENOSPC) && !error.is(EDQUOT)) return error;
    return Error::of(error.code(), "no space left in '{}' ({}); free some (`bolt store df` shows what takes it), or choose another place with BOLT_DATA_DIR", layout.store(), error.text());
}

} // namespace bolt::store
