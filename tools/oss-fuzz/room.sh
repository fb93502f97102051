#!/usr/bin/env bash
# tools/oss-fuzz/room.sh -- runs a command where it sees what OSS-Fuzz's containers would show it.
#   room.sh build SRC OUT WORK COMMAND...   root with the machine's tools, read-only, without a
#                                           network; /src, /out and /work are the directories
#   room.sh bare OUT MORE COMMAND...        root with the C library, OUT (moved, read-only) and a
#                                           writable /tmp alone; no devices. MORE is /more there,
#                                           read-only; "@OUT" in COMMAND is where OUT is
# The environment is the caller's. A private mount namespace makes the room, as root or as a user;
# where there can be none, plain directories stand in for it: then nothing is read-only but OUT.
# SPDX-License-Identifier: BSD-2-Clause
set -euo pipefail

self=$(readlink -f "${BASH_SOURCE[0]}")
mode=$1
shift

# Libraries that every image has, then those that this machine's MemorySanitizer build needs.
LIBRARIES="libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1"
DIRECTORIES="lib/x86_64-linux-gnu lib32 lib/i386-linux-gnu lib/aarch64-linux-gnu lib64 lib"

namespace()
{
    local option
    for option in -mn -rmn; do
        if unshare $option true 2>/dev/null; then
            echo "$option"
            return
        fi
    done
}

bind()
{
    mkdir -p "$2"
    mount --rbind "$1" "$2"
    if [ "${3:-}" = ro ]; then
        mount -o remount,bind,ro "$2" 2>/dev/null || true
    fi
}

# The machine's tools as they are.
furnish_build()
{
    local root=$1 path
    for path in /bin /sbin /lib /lib32 /lib64 /libx32 /usr /etc /opt; do
        if [ -L "$path" ]; then
            ln -s "$(readlink "$path")" "$root$path"
        elif [ -d "$path" ]; then
            bind "$path" "$root$path" ro
        fi
    done
    bind /proc "$root/proc"
    bind /dev "$root/dev"
    mkdir -p "$root/tmp" "$root/root"
    bind "$2" "$root/src"
    bind "$3" "$root/out"
    bind "$4" "$root/work"
}

# Copies of the libraries in all the places where the loader looks.
furnish_libraries()
{
    local root=$1 dir name
    for dir in $DIRECTORIES; do
        for name in $LIBRARIES ${ROOM_LIBRARIES:-} ld-linux.so.2 ld-linux-x86-64.so.2 \
            ld-linux-aarch64.so.1; do
            if [ -e "/$dir/$name" ]; then
                mkdir -p "$root/$dir"
                cp -L "/$dir/$name" "$root/$dir/$name"
            fi
        done
    done
}

furnish_bare()
{
    local root=$1 device
    furnish_libraries "$root"
    mkdir -p "$root/proc" "$root/tmp" "$root/dev"
    bind /proc "$root/proc"
    bind "$2" "$root$5" ro
    bind "$3" "$root/more" ro
    if [ -n "${ROOM_TMP:-}" ]; then
        bind "$ROOM_TMP" "$root/tmp"
    else
        mount -t tmpfs none "$root/tmp"
    fi
    for device in ${ROOM_DEVICES:-}; do
        : >"$root/dev/$device"
        mount --bind "/dev/$device" "$root/dev/$device"
    done
    mount -o remount,ro "$root"
}

# An empty directory that everybody has, to stand under the root. The mount is private.
enter()
{
    local root kind=$1
    shift
    for root in /mnt /media /srv; do
        case " ${*:1:3}" in
        *" $root/"*) continue ;;
        esac
        [ ! -d "$root" ] || break
    done
    mount -t tmpfs none "$root"
    "furnish_$kind" "$root" "${@:1:3}" "${MOVED:-}"
    shift 3
    cd "$root"
    exec chroot "$root" "$@"
}

# "@OUT" becomes the place where OUT is.
place()
{
    local word
    WORDS=()
    for word in "$@"; do
        WORDS+=("${word//@OUT/$MOVED}")
    done
}

if [ "$mode" = inside ]; then
    enter "$@"
fi
how=$(namespace)
if [ "$mode" = can ]; then
    [ -n "$how" ]
    exit
fi
if [ "$mode" = build ]; then
    if [ -n "$how" ]; then
        exec unshare "$how" --propagation private bash "$self" inside build "$@"
    fi
    cd "$1"
    export SRC=$1 OUT=$2 WORK=$3
    shift 3
    exec "$@"
fi
out=$1
more=$2
shift 2
MOVED=/tmp/not-out/tmp$$
if [ -n "$how" ]; then
    MOVED=/not-out/tmp$$
    export MOVED
    place "$@"
    exec unshare "$how" --propagation private bash "$self" inside bare "$out" "$more" - \
        "${WORDS[@]}"
fi
mkdir -p "$(dirname "$MOVED")"
cp -r "$out" "$MOVED"
chmod -R a-w "$MOVED"
trap 'chmod -R u+w "$MOVED"; rm -rf "$MOVED"' EXIT
place "$@"
WORDS=("${WORDS[@]//\/more/$more}")
cd /
"${WORDS[@]}"
