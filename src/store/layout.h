// Where a user's images, containers and their state are. The directory tree is the store's whole format:
// docs/store.md. Made by of_calling_user() before a user namespace is entered: user 0 in there is still the ordinary user.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "image/digest.h"
#include "sys/path.h"

namespace bolt::store {

struct Layout {
    HostPath data;    // what lasts: $BOLT_DATA_DIR; root: /var/lib/bolt; others: $XDG_DATA_HOME/bolt, ~/.local/share/bolt
    HostPath runtime; // what a reboot ends: $BOLT_RUNTIME_DIR; root: /run/bolt; others: $XDG_RUNTIME_DIR/bolt, /tmp/bolt-UID

    // EINVAL for a variable that holds no absolute path.
    static Result<Layout> of_calling_user();
    // Makes what is missing, VERSION included, with mode 0700. ENOSPC, explained, when there is no room; EPERM when a directory belongs to somebody else (somebody may
    // have made /tmp/bolt-UID first); EPROTO for a store of a later version.
    Result<void> prepare() const;
    // EPROTO for a store of a later version; no store at all is none.
    Result<void> require_known_version() const;
    // The same without making anything: EPERM when one of the two directories is there and somebody else's.
    Result<void> require_own() const;

    HostPath store() const { return data / "store"; }
    HostPath lock() const { return data / "store/lock"; }
    HostPath blobs() const { return data / "store/blobs"; }
    HostPath ingest() const { return data / "store/ingest"; }
    HostPath layers() const { return data / "store/layers"; }
    HostPath refs() const { return data / "store/refs"; }
    HostPath images() const { return data / "store/images"; }
    HostPath indexes() const { return data / "store/indexes"; }
    HostPath containers() const { return data / "store/containers"; }
    HostPath names() const { return data / "store/names"; }
    HostPath images_lock() const { return data / "store/images.lock"; } // while an image and its names are looked at and changed together
    HostPath names_lock() const { return data / "store/names.lock"; }
    HostPath ids() const { return data / "store/ids"; }            // what --userns=auto has given to containers
    HostPath volumes() const { return data / "store/volumes"; }
    HostPath tmp() const { return data / "store/tmp"; }
    HostPath trash() const { return data / "store/trash"; }
    HostPath run_containers() const { return runtime / "containers"; }

    HostPath blob(image::Digest const& digest) const;      // blobs/sha256/ab/<hex>
    HostPath image_file(image::Digest const& id) const;    // images/<hex>.json
    HostPath layer(std::string_view key) const { return layers() / key; }
    HostPath layer_lock(std::string_view key) const { return layers() / key / "lock"; }
};

// An error of something that writes to the store: says, when the file system or a quota is full (ENOSPC, EDQUOT), where and what
// is to be done about it; every other error stays as it is.
Error explain_full(Error error, Layout const& layout);
template <class Value> Result<Value> explain_full(Result<Value> outcome, Layout const& layout) {
    return outcome ? std::move(outcome) : Result<Value>(explain_full(outcome.error(), layout));
}

// To the trash by one rename, so that nobody sees half of it, and deleted there. What is not there is no error.
Result<void> remove_by_rename(Layout const& layout, HostPath const& what);

// Of containers/ID/config.json the record, a JSON object in the first line. The others are how it was asked for and what its monitor is
// told: they are the larger ones, and a list of many containers needs none of them.
std::string_view record_line(std::string_view contents);

// What VERSION says.
inline constexpr int format_version = 1;

} // namespace bolt::store
