#!/usr/bin/env bash
# Pictures of every page, light and dark, wide and narrow, into docs/images. Names of pages as
# arguments take those alone.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v chromedriver >/dev/null || missing+=(chromium-driver)
[ -e /usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1 ] || missing+=(libfaketime)
if [ ${#missing[@]} -gt 0 ]; then
    apt-get update -qq
    apt-get install -y -qq "${missing[@]}"
fi
if ! cmp -s tests/requirements.txt .venv/installed; then
    python3 -m venv --clear .venv
    .venv/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
    cp tests/requirements.txt .venv/installed
fi
cargo build --bin posthaste --quiet
PYTHONPATH=tests/python POSTHASTE_BINARY=$(realpath "${CARGO_TARGET_DIR:-target}/debug/posthaste") \
    .venv/bin/python -B tests/browser/screenshots.py "$@"
