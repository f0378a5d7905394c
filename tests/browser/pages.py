"""Every page there is, by the name of its picture."""

import re
import urllib.parse

ID = re.compile(r"(?<=/)(evt|dlv|sub|key|rpl|inb)_[0-9a-z]{13}(?=/|$)|(?<=/requests/)[0-9]+")
TYPE = re.compile(r"(?<=/event-types/)[^/]+")
TENANT = re.compile(r"(?<=^/dashboard/tenants/)[^/]+")


def of_a_tenant(scene):
    """Paths below a tenant's base, each of something that is worth looking at."""
    api = scene.api
    failed = (scene.deliveries("?status=failed&limit=1") or scene.deliveries("?limit=1"))[0]
    replays = {"replay": f"/replays/{replay['id']}" for replay in api("GET", "/replays")["data"][:1]}
    key = api("GET", "/keys")["data"][0]
    inbox = f"/inboxes/{scene.inbox['id']}"
    search = f"/subscriptions/{scene.hooks['/search']}"
    return {
        "overview": "",
        "events": "/events",
        "event": f"/events/{failed['event_id']}",
        "deliveries": "/deliveries",
        "delivery": f"/deliveries/{failed['id']}",
        "deliveries-all": "/deliveries/all?status=failed&verb=redeliver",
        "dead-letters": "/dead-letters",
        "subscriptions": "/subscriptions",
        "subscription": search,
        "subscription-edit": f"{search}/edit",
        "subscription-new": "/subscriptions/new",
        "subscription-delete": f"{search}/delete",
        "event-types": "/event-types",
        "event-type": "/event-types/order.created",
        "event-type-edit": "/event-types/order.created/edit",
        "event-type-delete": "/event-types/order.created/delete",
        "event-type-new": "/new-event-type",
        "replays": "/replays",
        "replay-new": "/replays/new",
        **replays,
        "inboxes": "/inboxes",
        "inbox": inbox,
        "inbox-request": f"{inbox}/requests/1",
        "inbox-delete": f"{inbox}/delete",
        "keys": "/keys",
        "key": f"/keys/{key['id']}",
        "key-new": "/keys/new",
        "audit": "/audit",
        "settings": "/settings",
    }


def every(scene):
    """Paths by name, of all that an operator sees."""
    below = of_a_tenant(scene)
    return {name: scene.base + path for name, path in below.items()} | of_the_platform(scene)


def of_a_portal(scene):
    """Paths by name, of the pages that a customer has under another name and colour."""
    below, base = of_a_tenant(scene), scene.portal()
    seen = ("overview", "deliveries", "delivery", "subscriptions", "subscription", "event-types", "event-type")
    return {f"portal-{name}": base + below[name] for name in seen}


def of_the_platform(scene):
    keys = scene.server.call("GET", "/keys")["data"]
    key = next(key for key in keys if key["tenant"] is None)
    return {
        "tenants": "/dashboard/tenants",
        "platform-keys": "/dashboard/platform/keys",
        "platform-key": f"/dashboard/platform/keys/{key['id']}",
        "platform-key-new": "/dashboard/platform/keys/new",
        "server": "/dashboard/platform/settings",
    }


def shape(path):
    """A path without what differs between two pages of one kind."""
    path = urllib.parse.unquote(urllib.parse.urlsplit(path).path).rstrip("/")
    return TENANT.sub("*", TYPE.sub("*", ID.sub("*", path)))


def links(driver, prefix):
    """Where the page leads below this, other than to files."""
    script = """
        return [...document.querySelectorAll("a[href]:not([download])")]
            .filter(a => a.origin === location.origin && !a.pathname.endsWith(".csv"))
            .map(a => a.pathname)
    """
    return {path for path in driver.execute_script(script) if path.startswith(prefix)}
