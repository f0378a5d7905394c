#!/usr/bin/env bash
# Runs the fuzzer's targets one after another: scripts/fuzz.sh [SECONDS=30] [TARGET…]
# What it finds along the way stays in fuzz/corpus, and what it breaks in fuzz/artifacts; a broken
# input becomes a seed in fuzz/seeds, where the suite tries it ever after. Needs a nightly compiler
# and installs cargo-fuzz beside the builds where there is none.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=30
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
    seconds=$1
    shift
fi
tools=$PWD/fuzz/target/tools
PATH=$tools/bin:$PATH
export RUST_BACKTRACE=0

cargo +nightly --version >/dev/null || {
    echo "fuzzing needs a nightly compiler: rustup toolchain install nightly" >&2
    exit 1
}
if ! cargo fuzz --version >/dev/null 2>&1; then
    CARGO_TARGET_DIR=$tools/build cargo install cargo-fuzz --locked --debug --quiet --root "$tools"
fi
mapfile -t targets < <(if [ $# -gt 0 ]; then printf '%s\n' "$@"; else cargo +nightly fuzz list; fi)
cargo +nightly fuzz build

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0
printf '%-14s %6s %12s %10s %8s\n' target seconds runs coverage corpus
for target in "${targets[@]}"; do
    mkdir -p "fuzz/corpus/$target"
    result=ok
    # A leak is looked for only at the end, where the worlds of the API still stand.
    cargo +nightly fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 \
        -detect_leaks=0 -print_final_stats=1 >"$log" 2>&1 || result=FAILED
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
    corpus=$(find "fuzz/corpus/$target" -type f | wc -l)
    printf '%-14s %6s %12s %10s %8s %s\n' \
        "$target" "$seconds" "${runs:-?}" "${coverage:-?}" "$corpus" "$result"
    if [ "$result" != ok ]; then
        failed=1
        grep -E -A3 'panicked at|ERROR: |Test unit written' "$log" | head -20
    fi
done
exit $failed
