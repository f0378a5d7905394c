#!/usr/bin/env bash
# What a replay does to live traffic: the latency of a tenant's new events, alone and beside a replay
# of 100,000 events of the same tenant, and how long stopping takes. Takes about five minutes; the
# machine has to be quiet. EVENTS, RATE (live events a second) and COUNT (live events a run) make it shorter.
# hookbench is built from ../shared/tools, outside this repository.
set -euo pipefail
cd "$(dirname "$0")/.."

source scripts/bench-tools.sh

events=${EVENTS:-100000} rate=${RATE:-500} count=${COUNT:-20000}
listen=127.0.0.1:${HOOKBENCH_SERVER_PORT:-8473}
api=http://$listen/api/v1/webhooks
"$posthaste" serve --dev --listen "$listen" --data-dir "$work/data" 2>"$work/server.log" >&2 &
server=$!
until curl -sf "http://$listen/readyz" >/dev/null; do kill -0 "$server"; done
key=$(cat "$work/data/admin.key")
call() { curl -sf -H "authorization: Bearer $key" -H 'content-type: application/json' "$@"; }
member() { python3 -c 'import json,sys; print(json.load(sys.stdin)'"$1"')'; }

# bench LABEL EXTRA… : live events to an endpoint that is there for this run
bench() {
    local label=$1; shift
    "$hookbench" run --label "$label" --adapter generic --header "authorization: Bearer $key" \
        --setup "POST $api/subscriptions {\"url\":\"{{url}}\"}" --url "$api/events" \
        --body '{"type":"bench.event","data":{{payload}}}' --listen 127.0.0.1:9601 "$@" >"$work/$label.json"
}
forget_live() {
    call "$api/subscriptions?limit=1000" | member '["data"]' | grep -o 'sub_[0-9a-z]*' | sort -u |
        { grep -v "$past" || true; } |
        while read -r id; do call -X DELETE "$api/subscriptions/$id" >/dev/null; done
}

# The past: events of a type of their own, delivered to a receiver of their own.
"$posthaste" receiver --listen 127.0.0.1:9602 >/dev/null 2>&1 &
receiver=$!
trap 'kill "$receiver" 2>/dev/null || true; finish' EXIT
past=$(call -d '{"url":"http://127.0.0.1:9602/","events":["past.event"]}' "$api/subscriptions" |
    member '["id"]')
python3 - "$events" >"$work/past.ndjson" <<'PY'
import sys
for n in range(int(sys.argv[1])):
    print('{"type":"past.event","data":{"n":%d}}' % n)
PY
split -l 10000 "$work/past.ndjson" "$work/past-"
for part in "$work"/past-*; do
    curl -sf -H "authorization: Bearer $key" -H 'content-type: application/x-ndjson' \
        --data-binary "@$part" "$api/events/batch" >/dev/null
done
until [ "$(call "$api/deliveries?status=pending&limit=1" | member '["data"].__len__()')" = 0 ]; do
    sleep 0.2
done

plan="{\"since\":\"2020-01-01T00:00:00Z\",\"until\":\"2100-01-01T00:00:00Z\",\"types\":[\"past.event\"]"
for round in 1 2 3; do
    bench "alone-$round" --scenario steady --rate "$rate" --count "$count"
    forget_live
    replay=$(call -d "$plan}" "$api/replays" | member '["id"]')
    bench "beside-$round" --scenario steady --rate "$rate" --count "$count"
    began=$(date +%s%N)
    progress=$(call -X DELETE "$api/replays/$replay" | member '["progress"]')
    echo "round $round: stopped within $((($(date +%s%N) - began) / 1000000)) ms: $progress"
    forget_live
    until [ "$(call "$api/deliveries?status=pending&limit=1" | member '["data"].__len__()')" = 0 ]; do
        sleep 0.2
    done
done

python3 - "$work" <<'PY'
import json, statistics, sys

def latency(name, percentile):
    of = [json.load(open(f"{sys.argv[1]}/{name}-{n}.json")) for n in (1, 2, 3)]
    assert all(run["delivery"]["lost"] == 0 for run in of), name
    return statistics.median(run["delivery"]["latency_ms"][percentile] for run in of)

print("live events, alone -> beside a replay")
for percentile in ("p50", "p95", "p99"):
    one, two = latency("alone", percentile), latency("beside", percentile)
    print(f"  {percentile}  {one:7.2f} ms -> {two:7.2f} ms   {two / one:.2f} times")
PY
