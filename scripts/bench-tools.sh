# What the benchmarks share; sourced, at the project's root. Makes $work, builds hookbench from
# ../shared/tools outside this repository, and ends $server with the script.
work=$(mktemp -d)
server=
finish() {
    [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT

bench_dir=${HOOKBENCH_DIR:-${TMPDIR:-/tmp}/posthaste-hookbench}
mkdir -p "$bench_dir"
cp -rn ../shared/tools/hookbench/. "$bench_dir" && chmod -R u+w "$bench_dir"
(cd "$bench_dir" && cargo build --release --quiet)
hookbench=$bench_dir/target/release/hookbench
# Another binary, to compare with: BENCH_BINARY.
posthaste=${BENCH_BINARY:-target/release/posthaste}
[ -n "${BENCH_BINARY:-}" ] || cargo build --release --quiet
