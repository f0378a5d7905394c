#!/usr/bin/env bash
# The figures of docs/internals/performance.md: publisher, server and receiver on this machine,
# beside the ceiling (`raw`: one signed POST an event, straight to the receiver) of the same run.
# Takes about two minutes. hookbench is built from ../shared/tools, outside this repository.
set -euo pipefail
cd "$(dirname "$0")/.."

source scripts/bench-tools.sh

listen=127.0.0.1:${HOOKBENCH_SERVER_PORT:-8471}
api=http://$listen/api/v1/webhooks

start_server() {
    "$posthaste" serve --dev --listen "$listen" --data-dir "$work/data" 2>"$work/server.log" >&2 &
    server=$!
    until curl -sf "http://$listen/readyz" >/dev/null; do kill -0 "$server"; done
    key=$(cat "$work/data/admin.key")
}

# bench LABEL EXTRA… : one hookbench run against the server, its JSON to $work/LABEL.json
bench() {
    local label=$1; shift
    "$hookbench" run --label "$label" --adapter generic --pid "posthaste=$server" \
        --header "authorization: Bearer ${bench_key:-$key}" "$@" >"$work/$label.json"
}
events='{"type":"bench.event","data":{{payload}}}'
raw() { "$hookbench" run --label "$1" --scenario burst --count 100000 --adapter raw >"$work/$1.json"; }
# subscribe PORT COUNT… is done by hookbench's --setup; a run's subscriptions go when it ends.
forget_subscriptions() {
    curl -sf -H "authorization: Bearer $key" "$api/subscriptions?limit=1000" |
        python3 -c 'import json,sys; [print(s["id"]) for s in json.load(sys.stdin)["data"]]' |
        while read -r id; do
            curl -sf -X DELETE -H "authorization: Bearer $key" "$api/subscriptions/$id" >/dev/null
        done
}
setup="POST $api/subscriptions {\"url\":\"{{url}}\",\"max_in_flight\":64}"

start_server
for round in 1 2 3; do
    raw "raw-$round"
    bench "single-$round" --scenario burst --setup "$setup" --url "$api/events" --body "$events"
    forget_subscriptions
    bench "batch-$round" --scenario burst --count 100000 --connections 8 --batch 100 \
        --setup "$setup" --url "$api/events/batch" --body '[{{items}}]' --item "$events"
    forget_subscriptions
done

tenants=10
for n in $(seq $tenants); do
    curl -sf -X POST -H "authorization: Bearer $key" -d "{\"id\":\"bench-$n\"}" \
        -H 'content-type: application/json' "$api/tenants" >/dev/null
    curl -sf -X POST -H "authorization: Bearer $key" -H "posthaste-tenant: bench-$n" \
        -d '{"scopes":["*"]}' -H 'content-type: application/json' "$api/keys" |
        python3 -c 'import json,sys; print(json.load(sys.stdin)["key"])' >"$work/key-$n"
done
runs=()
for n in $(seq $tenants); do
    bench_key=$(cat "$work/key-$n") bench "steady-$n" --scenario steady --rate 100 --count 2000 \
        --listen "127.0.0.1:$((9500 + n))" --setup "$setup" --url "$api/events" --body "$events" &
    runs+=($!)
done
for run in "${runs[@]}"; do wait "$run"; done

python3 - "$work" <<'PY'
import glob, json, statistics, sys

def runs(name):
    return [json.load(open(path)) for path in sorted(glob.glob(f"{sys.argv[1]}/{name}-*.json"))]

def rate(run):
    delivery = run["delivery"]
    assert delivery["lost"] == 0 and run["publish"]["rejected"] == {}, run
    return delivery["per_s"]

ceiling = statistics.median(rate(run) for run in runs("raw"))
print(f"raw                 {ceiling:9.0f}/s   1.00")
for name in ("single", "batch"):
    of = runs(name)
    median = statistics.median(map(rate, of))
    server = of[-1]["usage"]["servers"]["posthaste"]
    print(f"{name:<8} delivered  {median:9.0f}/s   {median / ceiling:.2f}   "
          f"{server['cpu_us_per_delivery']:.0f} us/delivery, rss peak {server['rss_peak_mib']:.0f} MiB, "
          f"duplicates {sum(run['delivery']['duplicates'] for run in of)}")
steady = [run["delivery"]["latency_ms"] for run in runs("steady")]
worst = {p: max(latency[p] for latency in steady) for p in ("p50", "p95", "p99", "max")}
print("steady, 10 tenants x 100/s, the worst of ten: "
      + ", ".join(f"{p} {ms:.2f} ms" for p, ms in worst.items()))
for run in runs("steady"):
    rate(run)
PY
