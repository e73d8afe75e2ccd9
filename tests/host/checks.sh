# Sourced by the scripts that run inside the virtual host.
export PATH=/src/bin:$PATH LD_LIBRARY_PATH=/src/host-libraries

check() { # NAME CONDITION-RESULT REASON
    if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: $(echo "$3" | tr '\n' ' ')"; fi
}

# A bundle over busybox, in the caller's hands.
make_bundle() { # DIRECTORY [SPEC-OPTION…]
    bundle=$1
    shift
    mkdir -p "$bundle/rootfs/bin" "$bundle/rootfs/etc" "$bundle/rootfs/proc" "$bundle/rootfs/dev" "$bundle/rootfs/sys" "$bundle/rootfs/tmp"
    cp "$(command -v busybox)" "$bundle/rootfs/bin/"
    for applet in sh cat sleep tail head echo cut true id mkdir; do ln -sf busybox "$bundle/rootfs/bin/$applet"; done
    echo root:x:0:0:::/bin/sh >"$bundle/rootfs/etc/passwd"
    bolt-oci spec "$@" --bundle "$bundle"
    change '.process.terminal = false'
}

change() { # JQ-PROGRAM: on the bundle's config.json
    jq "$1" "$bundle/config.json" >"$bundle/new.json" && mv "$bundle/new.json" "$bundle/config.json"
}

piped() { # the same, with a pipe, as engines have it: criu does not know files of the host
    bolt-oci "$@" 2>&1 </dev/null | cat >"/tmp/said" &
    sleep 1
    for _ in $(seq 50); do [ -n "$(bolt-oci list --quiet)" ] && break; sleep 0.2; done
    out=$(cat /tmp/said)
}

detached() { # ARGUMENTS of bolt-oci that leaves a container running; what it says is in $out
    # A file: the container keeps its standard streams, and a pipe would not end.
    bolt-oci "$@" >"${TMPDIR:-/tmp}/said-$(id -u)" 2>&1 </dev/null
    code=$?
    out=$(cat "${TMPDIR:-/tmp}/said-$(id -u)")
    return $code
}
