#!/bin/sh
# Builds every program once, in release mode, and compares the pairs. Usage:
# scripts/compare.sh --help
set -eu

if ! command -v cargo >/dev/null; then
    echo "error: cargo not found: install Rust, see https://rustup.rs" >&2
    exit 1
fi

# This file may have been called through a symbolic link, and from anywhere.
script=$(readlink -f -- "$0")
workspace=${script%/*}/..

tell_the_time() {
    trap 'kill "$sleep"; exit' TERM
    seconds=0
    while :; do
        sleep 15 &
        sleep=$!
        wait "$sleep"
        seconds=$((seconds + 15))
        echo "still building, after $seconds s" >&2
    done
}

# The first build takes minutes. A person at a terminal sees cargo's progress;
# a log gets a line now and then.
quiet=
clock=
if ! [ -t 2 ]; then
    quiet=--quiet
    tell_the_time &
    clock=$!
    trap 'kill "$clock"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
fi
# shellcheck disable=SC2086 # Expands to no flag at all if empty.
built=$(cargo build $quiet --release --workspace --bins \
    --message-format json-render-diagnostics \
    --manifest-path "$workspace/Cargo.toml")

# Only cargo knows where it builds, from its own files and variables. `cargo
# run` knows too, but sets variables that the programs would inherit.
compare=$(printf '%s\n' "$built" | sed -En '
    /"name":"compare"/ s/.*"executable":"(([^"\\]|\\.)*)".*/\1/p' |
    sed 's/\\\(.\)/\1/g')
if ! [ -x "$compare" ]; then
    echo "error: cargo did not report where it built compare" >&2
    exit 1
fi
if [ -n "$clock" ]; then
    trap - EXIT INT TERM
    kill "$clock"
fi
exec "$compare" "$@"
