"""Something to look at: a tenant with receivers well and unwell, real events, and what people did.

The same for the screenshots, which take their time, and for the tests, which take a little of it.
"""

import datetime
import itertools
import json
import time
import urllib.error
import urllib.parse
import urllib.request

from cast import Cast
from posthaste import ROOT

TENANT = "tidewatch"
TENANTS = {"tidewatch": "Tidewatch", "acme": "Acme Ltd", "lumen": "Lumen Health", "northwind": "Northwind"}
GITHUB = ROOT / "tests/data/github-events.ndjson"
DEMO = ROOT / "crates/posthaste-cli/data/demo_events.ndjson"
# Path, what it is, what it answers, and what is set for it.
ENDPOINTS = [
    ("/billing", "Billing: invoices and refunds", dict(statuses=[200]),
     {"events": ["order.*", "payment.*", "invoice.*"]}),
    ("/crm", "CRM sync, the old one", dict(statuses=[500], body=b"upstream database is read-only\n"),
     {"events": ["order.*", "customer.*", "github.*"], "auto_pause_after": 12, "max_in_flight": 2,
      "retry": {"schedule_s": [0.2, 0.4], "jitter": 0}}),
    ("/search", "Search index", dict(statuses=[200, 503, 502], share=0.3, slow_s=0.01),
     {"retry": {"schedule_s": [0.2, 0.4, 0.8, 1.6, 3.2]}}),
    ("/warehouse", "Warehouse: slow, and says when it has had enough",
     dict(statuses=[202, 429], share=0.05, slow_s=0.02),
     {"events": ["order.*", "shipment.*"], "retry": {"schedule_s": [0.3, 0.6, 1.2]}, "ordering": "fifo"}),
    ("/ci", "Builds on every push", dict(statuses=[204]),
     {"events": ["github.push", "github.pull_request.*", "push", "check_run.*"],
      "filter": {"data": {"ref": {"$exists": True}}}}),
    ("/archive", "Everything, kept by the auditors", dict(statuses=[200, 404], share=0.04),
     {"events": [], "retry": {"schedule_s": [0.5]}}),
]
# What it says, an example, and what its data has: by name, what it is, and whether it is needed.
TYPES = {
    "order.created": (
        "A customer placed an order.",
        {"order": "PH-10482", "customer": "cus_marta_lind", "currency": "EUR", "total": 129.9,
         "items": [{"sku": "MUG-BLUE", "quantity": 2, "price": 14.95}]},
        {"order": {"type": "string", "pattern": "^PH-[0-9]+$", "description": "The order's number."},
         "customer": {"type": "string", "description": "Who placed it."},
         "currency": {"enum": ["CHF", "EUR", "SEK"], "description": "ISO 4217."},
         "total": {"type": "number", "minimum": 0, "description": "With tax and shipping."},
         "items": {"type": "array", "minItems": 1, "description": "What was ordered."}},
    ),
    "order.cancelled": (
        "An order was taken back before it left.", {"order": "PH-10482"},
        {"order": {"type": "string", "description": "The order's number."}},
    ),
    "payment.authorized": (
        "The bank has set the money aside.", {"order": "PH-10482", "amount": 129.9},
        {"order": {"type": "string", "description": "The order's number."},
         "amount": {"type": "number", "description": "In the order's currency."}},
    ),
    "shipment.delivered": (
        "It is at the door.", {"order": "PH-10482", "carrier": "Postbuss"},
        {"order": {"type": "string", "description": "The order's number."},
         "carrier": {"type": "string", "description": "Who brought it."}},
    ),
}


class Scene:
    def __init__(self, server, tenant=TENANT):
        self.server = server
        self.tenant = tenant
        self.cast = Cast()
        self.hooks = {}
        self.base = f"/dashboard/tenants/{tenant}"

    def close(self):
        self.cast.close()

    def api(self, method, path, body=None, **headers):
        return self.server.call(method, path, body, **headers, **{"Posthaste-Tenant": self.tenant})

    def set(self):
        """Tenants, subscriptions, keys, an inbox."""
        for tenant, name in TENANTS.items():
            self.server.call("POST", "/tenants", {"id": tenant, "name": name})
        for name, (description, example, members) in TYPES.items():
            schema = {"type": "object", "properties": members, "required": list(members)[:2]}
            self.api("POST", "/event-types", {
                "type": name, "description": description, "example": example, "versions": {"1": schema}})
        for path, description, answer, settings in ENDPOINTS:
            answer = dict(answer)
            url = self.cast.answer(path, *answer.pop("statuses"), **answer)
            hook = self.api("POST", "/subscriptions",
                            {"url": url, "description": description, **settings})
            self.hooks[path] = hook["id"]
        self.api("POST", "/keys", {"name": "shop, production", "scopes": ["events:publish"]})
        self.api("POST", "/keys", {
            "name": "support desk", "scopes": ["deliveries:read", "deliveries:write", "events:read"],
            "allowed_ips": ["203.0.113.0/24", "2001:db8::/32"], "expires_at": "2031-01-01T00:00:00Z",
        })
        self.inbox = self.api("POST", "/inboxes", {
            "name": "What the shop would get", "subscribe": {"events": ["order.*", "payment.*"]}})
        return self

    def events(self):
        """Real ones and lifelike ones, in turn, for ever."""
        demo = DEMO.read_text().splitlines()
        github = GITHUB.read_text().splitlines()
        for pair in zip(itertools.cycle(demo), itertools.cycle(github)):
            yield from map(json.loads, pair)

    def publish(self, count, pace_s=0.0):
        """So many events, one every so often."""
        for event in itertools.islice(self.events(), count):
            self.api("POST", "/events", event)
            time.sleep(pace_s)  # the producer's own rhythm; tests have none

    def people(self):
        """What someone does on such a day."""
        self.api("POST", f"/subscriptions/{self.hooks['/search']}/rotate-secret", {})
        self.api("GET", f"/subscriptions/{self.hooks['/billing']}/secret")
        self.api("PATCH", f"/subscriptions/{self.hooks['/warehouse']}", {"max_in_flight": 8})
        self.api("POST", f"/subscriptions/{self.hooks['/ci']}/pause")

    def wrongly_signed(self):
        """Someone posts to the inbox with a signature that does not verify."""
        headers = {
            "content-type": "application/json", "user-agent": "curl/8.11.1",
            "webhook-id": "evt_0000000000000", "webhook-timestamp": str(int(time.time())),
            "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        }
        body = b'{"type":"payment.refunded","data":{"amount":1000000}}'
        request = urllib.request.Request(self.inbox["url"], body, headers, method="POST")
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except urllib.error.HTTPError as refused:
            refused.close()

    def portal(self):
        """Where a customer's link leads."""
        theme = {"name": "Tidewatch Events", "accent": "#0a7d5a"}
        return urllib.parse.urlsplit(self.api("POST", "/portal-links", {"theme": theme})["url"]).path

    def replay(self, **what):
        return self.api("POST", "/replays", what)

    def replayed(self, timeout_s=60):
        """Waits until no replay is under way."""
        until = time.monotonic() + timeout_s
        while any(replay["status"] == "running" for replay in self.api("GET", "/replays")["data"]):
            if time.monotonic() > until:
                raise AssertionError(f"still replaying after {timeout_s} s")
            time.sleep(0.1)  # between two looks

    def deliveries(self, query=""):
        return self.api("GET", f"/deliveries{query}")["data"]

    def settled(self, timeout_s=60):
        """Waits until nothing is about to be sent; what waits for an open circuit is not."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=8)
            soon = soon.isoformat()
            waiting = self.deliveries("?status=pending&limit=1") + [
                retrying for retrying in self.deliveries("?status=retrying&limit=500")
                if (retrying["next_attempt_at"] or "") < soon
            ]
            if not waiting:
                return self
            time.sleep(0.1)  # between two looks
        raise AssertionError(f"still waiting after {timeout_s} s: {waiting}")
