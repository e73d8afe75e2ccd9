#!/bin/sh
# install_layout.sh LAYOUT DIRECTORY: meson has no way to install a directory that a custom target makes.
set -eu
target=$MESON_INSTALL_DESTDIR_PREFIX/$2
mkdir -p "$target"
cp -R "$1/." "$target/"
