#!/bin/sh
# Builds every program once, in release, and compares the pairs.
# What it understands: scripts/compare.sh --help
set -eu

if ! command -v cargo >/dev/null; then
    echo "error: there is no cargo: install Rust, see https://rustup.rs" >&2
    exit 1
fi

# This file may have been called by a symbolic link, and from anywhere.
script=$(readlink -f -- "$0")
workspace=${script%/*}/..

# What cargo is doing is of interest to a person who waits, not to a log.
quiet=--quiet
if [ -t 2 ]; then
    quiet=
fi
# shellcheck disable=SC2086 # No flag at all, if there is none.
built=$(cargo build $quiet --release --workspace --bins \
    --message-format json-render-diagnostics \
    --manifest-path "$workspace/Cargo.toml")

# Only cargo knows where it builds: it reads files and variables of its own.
# `cargo run` knows too, but sets variables that the programs would inherit.
compare=$(printf '%s\n' "$built" | sed -En '
    /"name":"compare"/ s/.*"executable":"(([^"\\]|\\.)*)".*/\1/p' |
    sed 's/\\\(.\)/\1/g')
if ! [ -x "$compare" ]; then
    echo "error: cargo does not say where it has built compare" >&2
    exit 1
fi
exec "$compare" "$@"
