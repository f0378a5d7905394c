#!/usr/bin/env bash
# cargo-deny by deny.toml, for all platforms: licences, bans and sources, and known vulnerabilities
# where the database of advisories can be reached. Installs the tool beside the builds where there is
# none, which takes minutes, so the suite has a test of its own for what needs no network.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$PWD/target/tools
PATH=$tools/bin:$PATH
if ! cargo deny --version >/dev/null 2>&1; then
    CARGO_TARGET_DIR=$tools/build cargo install cargo-deny --locked --debug --quiet --root "$tools"
fi
failed=0
for manifest in Cargo.toml fuzz/Cargo.toml; do
    cargo deny --manifest-path "$manifest" --config "$PWD/deny.toml" check \
        --hide-inclusion-graph bans licenses sources || failed=1
done
if cargo deny fetch db >/dev/null 2>&1; then
    cargo deny check --hide-inclusion-graph advisories || failed=1
else
    echo "the database of advisories is not within reach: vulnerabilities were not looked up" >&2
fi
exit $failed
