#!/usr/bin/env bash
# Installs what the tests need, where possible, and runs them all. Anything that
# could not run is listed at the end, never skipped in silence.
set -euo pipefail
# By the full path, which CDPATH does not affect.
script=$(readlink -f -- "$0")
cd "${script%/*}/.."

# A workspace of its own, because it needs more than the other one.
mpi=examples-processes/matrix/mpi/Cargo.toml

not_run=()

# Tests that detect themselves what cannot run add a line to this file.
NOT_RUN=$(mktemp)
export NOT_RUN
waiting_log=$(mktemp)
trap 'rm -f "$NOT_RUN" "$waiting_log"' EXIT

main() {
    need cargo "install it from https://rustup.rs"
    need cc "on Debian: apt-get install gcc"
    target_folder=$(target)
    step "Format" format
    step "Lints, as errors" lints
    step "Build" build
    python
    step "Python, formatted and linted" ruff
    step "Tests" tests
    step "Documentation" documentation
    step "A quick comparison" scripts/compare.sh --quick \
        --json "$target_folder/test/samples.json"
    step "Its report, in a browser" browser
    step "On MPI" on_mpi
    conclude
}

need() {
    command -v "$1" >/dev/null 2>&1 && return
    echo "$1 is missing: $2" >&2
    exit 1
}

# Where cargo builds, according to its own files and variables.
target() {
    cargo metadata --no-deps --format-version 1 |
        sed -E 's/.*"target_directory":"(([^"\\]|\\.)*)".*/\1/' |
        sed 's/\\\(.\)/\1/g'
}

step() {
    printf '\n== %s\n' "$1"
    shift
    "$@"
}

# A toolchain of the minimal profile has neither rustfmt nor clippy.
component() {
    cargo "$2" --version >/dev/null 2>&1 && return
    rustup component add "$1" >/dev/null 2>&1 && return
    not_run+=("$2: rustup component add $1")
    return 1
}

format() {
    component rustfmt fmt || return 0
    cargo fmt --all --check
    cargo fmt --manifest-path "$mpi" --check
}

lints() {
    if component clippy clippy; then
        cargo clippy --quiet --workspace --all-targets --all-features -- \
            -D warnings
    fi
}

# Programs and tests in one go: tests turn on features that programs do without,
# so that, one after the other, cargo compiles what both are made of twice.
build() {
    cargo build --quiet --workspace --all-features --bins --tests
    export PROGRAMS_ARE_BUILT=yes
}

# Tests that end programs at random moments, or starve them, mostly wait, so they
# run beside the rest.
tests() {
    local beside status=0
    waiting_tests >"$waiting_log" 2>&1 &
    beside=$!
    cargo_test -- --skip however_it_ends --skip limits:: || status=$?
    wait "$beside" || status=$?
    grep -v '^$\|^running 0\|ok\. 0 passed' "$waiting_log" || true
    return "$status"
}

waiting_tests() {
    local status=0
    cargo_test --tests -- however_it_ends || status=$?
    cargo_test --tests -- limits:: || status=$?
    return "$status"
}

cargo_test() {
    cargo test --quiet --workspace --all-features --no-fail-fast "$@"
}

documentation() {
    RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps \
        --all-features --document-private-items
}

# The eigenvalues are compared with numpy's, and the intervals of the judge with
# scipy's. Both are installed in an environment under target/; nothing else on
# the machine changes.
python() {
    local home=$target_folder/python
    if python3 -c 'import numpy, scipy, sqlite3' 2>/dev/null; then
        export PYTHON=python3
        return
    fi
    if ! "$home/bin/python" -c 'import numpy, scipy' 2>/dev/null; then
        python3 -m venv "$home" >/dev/null 2>&1 &&
            "$home/bin/pip" install --quiet numpy scipy >/dev/null 2>&1 || true
    fi
    if "$home/bin/python" -c 'import numpy, sqlite3' 2>/dev/null; then
        export PYTHON=$home/bin/python
    else
        not_run+=("the comparison with numpy: apt-get install python3-numpy")
    fi
    if ! "${PYTHON:-python3}" -c 'import scipy' 2>/dev/null; then
        not_run+=("the comparison with scipy: apt-get install python3-scipy")
    fi
}

# The version is pinned: others format differently.
ruff() {
    local version=0.17.6 home=$target_folder/ruff
    if ! "$home/bin/ruff" --version 2>/dev/null | grep -q " $version\$"; then
        python3 -m venv "$home" >/dev/null 2>&1 &&
            "$home/bin/pip" install --quiet "ruff==$version" \
                >/dev/null 2>&1 || true
    fi
    if ! "$home/bin/ruff" --version >/dev/null 2>&1; then
        not_run+=("ruff: python3 -m venv, then pip install ruff==$version")
        return
    fi
    "$home/bin/ruff" format --quiet --check scripts/cpython
    "$home/bin/ruff" check --quiet scripts/cpython
}

# The report is opened in Chromium. Its driver is installed in a folder under
# target/, in the versions pinned beside the tests.
browser() {
    local home=$target_folder/browser chromium
    packages "the report in a browser" chromium chromium || return 0
    packages "the report in a browser" npm nodejs npm || return 0
    chromium=$(command -v chromium)
    mkdir -p "$home"
    cp scripts/compare/tests/browser/* "$home"
    if ! npm ci --prefix "$home" >"$home/npm.log" 2>&1; then
        not_run+=("the report in a browser: npm ci failed, see $home/npm.log")
        return
    fi
    REPORT=$target_folder/test/samples.html CHROMIUM=$chromium \
        npm test --silent --prefix "$home"
}

# Its tests run ranks in this machine, and in two that are played here. Those
# that need more say so themselves.
on_mpi() {
    local what="matrix on MPI" wanted
    for wanted in mpirun mpicc libclang; do
        packages "$what" "$wanted" openmpi-bin libopenmpi-dev libclang-dev ||
            return 0
    done
    packages "$what, the pool" parallel parallel || true
    if component clippy clippy; then
        on_mpi_cargo clippy --all-targets -- -D warnings
    fi
    on_mpi_cargo test --no-fail-fast
}

on_mpi_cargo() {
    local command=$1
    shift
    cargo "$command" --quiet --manifest-path "$mpi" \
        --target-dir "$target_folder" "$@"
}

# The first argument is what needs them, the second the command or library to
# look for; the others are the Debian packages that provide it.
packages() {
    local what=$1 wanted=$2 root=()
    shift 2
    is_there "$wanted" && return
    [ "$(id -u)" = 0 ] || root=(sudo -n)
    ${root[@]+"${root[@]}"} apt-get install --yes --no-install-recommends \
        "$@" >/dev/null 2>&1 && is_there "$wanted" && return
    not_run+=("$what: apt-get install $*")
    return 1
}

is_there() {
    case $1 in
        libclang) has_libclang ;;
        *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

# The library alone, without the headers that it needs, is often there.
has_libclang() {
    PATH=$PATH:/sbin ldconfig -p | grep 'libclang[-0-9]*\.so' >/dev/null &&
        { compgen -G '/usr/lib*/llvm-*/lib/clang/*/include/stddef.h' ||
            compgen -G '/usr/lib*/clang/*/include/stddef.h'; } >/dev/null
}

conclude() {
    printf '\n== Everything that could run has passed.\n'
    for what in ${not_run[@]+"${not_run[@]}"}; do
        echo "Not run: $what"
    done
    sort --unique "$NOT_RUN" | sed 's/^/Not run: /'
}

main
