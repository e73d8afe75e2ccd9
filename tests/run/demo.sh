# Sourced by ./dev demo: a container from an image that needs no download, as the calling user, and as an ordinary one when the
# caller is root.
bolt=$PWD/build/stage/bin/bolt

show() {
    echo
    echo "\$ $*"
    "$@"
}

if [ "$(id -u)" = 0 ]; then
    say "you are root: bolt runs as root here; it is made for ordinary users, so one follows"
fi
show "$bolt" version
show "$bolt" run --rm hello-world
show "$bolt" run --rm --network none bolt://shell /bin/sh -c 'echo "in the container: user $(id -u), host name $(hostname), $(ls / | wc -l) entries in /"'

if [ "$(id -u)" = 0 ]; then
    user=$(getent passwd | awk -F: '$3 >= 1000 && $3 < 60000 { print $1; exit }')
    if [ -z "$user" ]; then
        user=bolt-demo
        say "making the user $user, to show bolt without root (remove with: userdel -r $user)"
        useradd -m -s /bin/sh "$user"
    fi
    # The clone may be where only root looks: a copy of the stage that everybody can read.
    copy=$(mktemp -d /tmp/bolt-demo.XXXXXX)
    trap 'rm -rf "$copy"' EXIT
    chmod 755 "$copy"
    cp -R build/stage/. "$copy/"
    chmod -R a+rX "$copy"
    echo
    echo "The same as the ordinary user '$user', without any privilege:"
    echo "\$ bolt run --rm hello-world"
    # Away from the caller's directory, which the user may not enter.
    (cd / && setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups env -i HOME="$(getent passwd "$user" | cut -d: -f6)" PATH="$PATH" \
        "$copy/bin/bolt" run --rm hello-world)
fi
echo
say "done; try:  build/stage/bin/bolt run --rm -it bolt://shell"
