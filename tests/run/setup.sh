# Sourced by ./dev: what to install, and how to build.

# make: gcc uses it to compile the parts of a link-time optimised program at once.
BUILD_PACKAGES="meson ninja-build pkg-config g++ make ccache git libseccomp-dev libcap-dev libyajl-dev libfmt-dev libcurl4-openssl-dev
 libssl-dev libzstd-dev liblzma-dev libsodium-dev libisal-dev libtoml11-dev zlib1g-dev catch2 busybox-static passwd uidmap passt python3"
# libdevmapper: for dockerd, which the tests unpack and do not install.
TEST_PACKAGES="python3-pytest python3-grpcio mmdebstrap skopeo docker-registry crun runc criu strace podman conmon libdevmapper1.02.1 curl jq procps iproute2
 mandoc mount e2fsprogs zstd util-linux shellcheck zsh fish"
# slirp4netns: podman's default network for ordinary users on Debian 12.
BENCH_PACKAGES="slirp4netns valgrind isal"

say() { echo "dev: $*" >&2; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
        say "this needs root: install sudo, or run as root:  $*"
        exit 1
    fi
}

# install_missing PACKAGE…: one apt call for what dpkg does not have; nothing, and no root, when all is there.
install_missing() {
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    say "installing with apt:$missing"
    as_root apt-get update -qq || say "apt-get update failed; going on with the package lists there are"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# configure DIRECTORY OPTION…: sets the build directory up once, and again when the options change. $begin_with: options that it
# only begins with.
begin_with=
configure() {
    directory=$1
    shift
    if [ "$(cat "$directory/.options" 2>/dev/null)" != "$*" ] || [ ! -f "$directory/build.ninja" ]; then
        rm -rf "$directory"
        meson setup "$directory" "$@" $begin_with >/dev/null || { meson setup "$directory" "$@" $begin_with || :; exit 1; }
        echo "$*" >"$directory/.options"
    fi
}

# A warning fails the build where CI says that it is CI; elsewhere a newer compiler may warn of something new.
case ${CI:-} in '' | 0 | false) werror=false ;; *) werror=true ;; esac

RELEASE="--buildtype=release -Doptimization=2 -Db_lto=true -Dwerror=$werror"

# build_release true|false: with or without the tests.
build_release() {
    begin_with=-Dtests=$1
    configure build/release $RELEASE --prefix "$PWD/build/stage"
    if [ "$(cat build/release/.tests 2>/dev/null)" != "$1" ]; then
        meson configure build/release -Dtests="$1"
        echo "$1" >build/release/.tests
    fi
    say "building the release (build/release)"
    ninja -C build/release --quiet
    meson install -C build/release --quiet --no-rebuild
}
