#!/usr/bin/env bash
# Everything that has to hold: format, lints, the build, every test in Rust, in Python and in a browser.
# Installs what the tests need and is missing; needs no privileges beyond that, and no sudo.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

# The virtual environment of the Python tests, made once and again when the requirements change.
python_environment() {
    python3 -c 'import venv, ensurepip' 2>/dev/null || install python3-venv
    if ! cmp -s tests/requirements.txt .venv/installed; then
        python3 -m venv --clear .venv
        .venv/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
        cp tests/requirements.txt .venv/installed
    fi
}

# The system's own Chromium and its driver; no test downloads one.
browser() {
    if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
        install chromium chromium-driver
    fi
}

install() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "the tests need these packages: please install $*" >&2
        exit 1
    fi
    apt-get update -qq
    apt-get install -y -qq "$@"
}

unittests() {
    PYTHONPATH=tests/python POSTHASTE_BINARY=$(realpath "${CARGO_TARGET_DIR:-target}/debug/posthaste") \
        .venv/bin/python -B -m unittest discover --start-directory "$1" --verbose
}

rust_tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --workspace --no-fail-fast --status-level fail --final-status-level slow
    else
        cargo test --workspace --all-targets --no-fail-fast
    fi
    cargo test --workspace --doc
}

step "format"
cargo fmt --check

step "lints"
cargo clippy --workspace --all-targets --quiet -- -D warnings
cargo clippy -p posthaste --no-default-features --quiet -- -D warnings
# The fuzzer's targets are a workspace of their own; here they have to compile.
cargo check --manifest-path fuzz/Cargo.toml --target-dir "${CARGO_TARGET_DIR:-target}/fuzz" --quiet

step "tests in Rust"
rust_tests

step "tests in Python"
python_environment
cargo build --workspace --bin posthaste --quiet
unittests tests/python

step "tests in a browser"
browser
unittests tests/browser

step "all passed in $((SECONDS / 60)) min $((SECONDS % 60)) s"
