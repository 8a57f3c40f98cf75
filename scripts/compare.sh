#!/bin/sh
# Builds every program once, in release, and compares the pairs.
# What it understands: scripts/compare.sh --help
set -eu

if ! command -v cargo >/dev/null; then
    echo "error: there is no cargo: install Rust, see https://rustup.rs" >&2
    exit 1
fi

case $0 in
*/*) workspace=${0%/*}/.. ;;
*) workspace=.. ;;
esac

# What cargo is doing is of interest to a person who waits, not to a log.
quiet=--quiet
if [ -t 2 ]; then
    quiet=
fi
# shellcheck disable=SC2086 # No flag at all, if there is none.
cargo build $quiet --release --workspace --bins \
    --manifest-path "$workspace/Cargo.toml" >&2

exec "${CARGO_TARGET_DIR:-$workspace/target}/release/compare" "$@"
