#!/usr/bin/env bash
# What neighbours do to each other (docs/internals/performance.md): a tenant with 100 times the load
# and dead receivers beside a quiet one, and one endpoint of ten that hangs. Takes about ten minutes;
# the machine has to be quiet. `noisy` runs the first half alone. hookbench is built from ../shared/tools, outside this repository.
set -euo pipefail
cd "$(dirname "$0")/.."

source scripts/bench-tools.sh

listen=127.0.0.1:${HOOKBENCH_SERVER_PORT:-8472}
api=http://$listen/api/v1/webhooks
"$posthaste" serve --dev --listen "$listen" --data-dir "$work/data" 2>"$work/server.log" >&2 &
server=$!
until curl -sf "http://$listen/readyz" >/dev/null; do kill -0 "$server"; done
key=$(cat "$work/data/admin.key")
call() { curl -sf -H "authorization: Bearer $key" -H 'content-type: application/json' "$@"; }

# tenant_key NAME : makes a tenant and prints a key of it
tenant_key() {
    call -d "{\"id\":\"$1\"}" "$api/tenants" >/dev/null
    call -H "posthaste-tenant: $1" -d '{"scopes":["*"]}' "$api/keys" |
        python3 -c 'import json,sys; print(json.load(sys.stdin)["key"])'
}
forget_subscriptions() {
    call -H "posthaste-tenant: $1" "$api/subscriptions?limit=1000" |
        python3 -c 'import json,sys; [print(s["id"]) for s in json.load(sys.stdin)["data"]]' |
        while read -r id; do
            call -X DELETE -H "posthaste-tenant: $1" "$api/subscriptions/$id" >/dev/null
        done
}
# bench KEY LABEL EXTRA…
bench() {
    local bench_key=$1 label=$2; shift 2
    "$hookbench" run --label "$label" --adapter generic --header "authorization: Bearer $bench_key" \
        --setup "POST $api/subscriptions {\"url\":\"{{url}}\"}" --url "$api/events" \
        --body '{"type":"bench.event","data":{{payload}}}' "$@" >"$work/$label.json"
}
quiet=$(tenant_key quiet) noisy=$(tenant_key noisy)

for round in 1 2 3; do
    bench "$quiet" "alone-$round" --scenario steady --rate 20 --count 1000 --listen 127.0.0.1:9600
    forget_subscriptions quiet
    # 100 times the load, to one endpoint that refuses connections and three that hang.
    bench "$noisy" "noise-$round" --scenario steady --rate 2000 --count 110000 --endpoints 4 \
        --bad 0:refuse --bad 1:hang --bad 2:hang --bad 3:hang --listen 127.0.0.1:9700 \
        --max-seconds 55 --idle-seconds 1 --drain-seconds 1 &
    noise=$!
    bench "$quiet" "beside-$round" --scenario steady --rate 20 --count 1000 --listen 127.0.0.1:9600
    wait "$noise"
    forget_subscriptions quiet; forget_subscriptions noisy
done
[ "${1:-}" = noisy ] || for round in 1 2 3; do
    bench "$quiet" "good-$round" --scenario slow --all-good --listen 127.0.0.1:9600
    forget_subscriptions quiet
    bench "$quiet" "slow-$round" --scenario slow --listen 127.0.0.1:9600
    forget_subscriptions quiet
done

python3 - "$work" <<'PY'
import json, os, statistics, sys

def latency(name, percentile):
    of = [json.load(open(f"{sys.argv[1]}/{name}-{n}.json")) for n in (1, 2, 3)]
    assert all(run["delivery"]["lost"] == 0 for run in of), name
    return statistics.median(run["delivery"]["latency_ms"][percentile] for run in of)

def compare(title, before, after):
    print(title)
    for percentile in ("p50", "p95", "p99"):
        one, two = latency(before, percentile), latency(after, percentile)
        print(f"  {percentile}  {one:7.2f} ms -> {two:7.2f} ms   {two / one:.2f} times")

noise = json.load(open(f"{sys.argv[1]}/noise-1.json"))["publish"]
print(f"noisy tenant: {noise['accepted']} events accepted, {noise['per_s']:.0f}/s")
compare("quiet tenant, alone -> beside 100 times its load to dead receivers", "alone", "beside")
if os.path.exists(f"{sys.argv[1]}/slow-3.json"):
    compare("nine endpoints, ten well -> the tenth hangs", "good", "slow")
PY
