"""What strangers write is shown as text: markup, what turns the text around, bytes that are none,
and more of it than fits; wherever it comes in, and on every page that shows it."""

import socket
import unittest
import urllib.parse

import chromium
import pages
from journey import Journey
from scene import Scene

SONG = "window.canary='sang'"
MARKUP = f"\"'><script>{SONG}</script><img src=x onerror=\"{SONG}\"><svg/onload={SONG}>{{{{7*7}}}}"
TURNED = "\u202e\u2066abc\u202c\u0007\u0000".replace("\u0000", "")
LONG = "W" * 3000
UNBROKEN = "w" * 200
LONG_TYPE = "order." + "w" * 122
NOT_UTF_8 = b"\xff\xfe<script>" + SONG.encode() + b"</script>\x80\xc3(" + bytes(range(256))
HEADER_BYTES = 200_000


class Hostile(Journey):
    def setUp(self):
        super().setUp()
        self.scene = Scene(self.server).set()
        self.addCleanup(self.scene.close)
        self.write_everywhere()
        self.scene.settled()
        self.person.sign_in()

    def write_everywhere(self):
        api = self.scene.api
        answer = dict(share=0, body=MARKUP.encode() + TURNED.encode() + NOT_UTF_8 * 20)
        self.scene.cast.answer("/search", 500, **answer)
        api("PATCH", f"/subscriptions/{self.scene.hooks['/search']}", {
            "description": MARKUP, "metadata": {MARKUP[:40]: MARKUP}, "headers": {"x-note": MARKUP[:200]},
            "external_id": MARKUP[:200], "retry": "none", "auto_pause_after": 0, "events": [],
        })
        api("POST", "/event-types", {"type": "a.hostile-type", "description": MARKUP})
        api("POST", "/keys", {"name": MARKUP, "scopes": ["events:read"]})
        self.server.call("PATCH", f"/tenants/{self.scene.tenant}", {"name": MARKUP})
        event = {
            "type": "a.hostile-type", "source": MARKUP, "correlation_id": MARKUP[:120],
            "ordering_key": MARKUP[:120],
            "data": {"text": MARKUP + TURNED, MARKUP: LONG, "order": MARKUP},
        }
        api("POST", "/events", event)
        api("POST", "/events", event | {"type": "order." + "long" * 30, "data": [LONG * 20]})
        self.scene.people()
        self.scene.wrongly_signed()
        for request in (self.with_bytes(), self.with_headers(40_000), self.with_headers(HEADER_BYTES)):
            self.post_raw(request)

    def with_bytes(self):
        head = f"x-song: {MARKUP}\r\ncontent-type: text/html\r\ncontent-length: {len(NOT_UTF_8)}"
        return head.encode(), NOT_UTF_8

    def with_headers(self, length):
        """As many as the server takes, or more: it says which."""
        lines = [f"x-long-{at}: {'W' * 4000}" for at in range(length // 4000)]
        return "\r\n".join([*lines, "content-length: 0"]).encode(), b""

    def post_raw(self, request):
        head, body = request
        url = urllib.parse.urlsplit(self.scene.inbox["url"])
        with socket.create_connection((url.hostname, url.port), timeout=10) as stream:
            first = f"POST {url.path}/%3Cscript%3E?q={urllib.parse.quote(MARKUP)} HTTP/1.1\r\n"
            try:
                stream.sendall(first.encode() + b"host: a\r\nconnection: close\r\n" + head + b"\r\n\r\n" + body)
                while stream.recv(65536):
                    pass
            except ConnectionError:
                pass  # it had enough before it had all

    def check(self, path):
        self.person.open(path)
        self.person.see("Posthaste")
        self.assertEqual(0, self.person.overflow(), path)

    def test_what_strangers_write_is_text_on_every_page(self):
        chromium.look(self.driver, chromium.PHONE)
        for name, path in pages.every(self.scene).items():
            with self.subTest(page=name):
                self.check(path)
        self.assertIn("<script>", self.read("subscription"))

    def read(self, name):
        self.person.open(pages.every(self.scene)[name])
        return self.person.text()

    def long_names(self):
        api = self.scene.api
        api("PATCH", f"/subscriptions/{self.scene.hooks['/search']}", {"description": UNBROKEN})
        api("POST", "/event-types", {"type": LONG_TYPE, "description": UNBROKEN})
        api("POST", "/inboxes", {"name": UNBROKEN})
        api("POST", "/keys", {"name": UNBROKEN, "scopes": ["events:read"]})
        self.server.call("PATCH", f"/tenants/{self.scene.tenant}", {"name": UNBROKEN})

    def test_names_without_a_space_are_broken_and_nothing_is_pushed_out_of_view(self):
        self.long_names()
        paths = pages.every(self.scene)
        paths["long-type"] = f"{self.scene.base}/event-types/{LONG_TYPE}"
        for size in (chromium.WIDE, chromium.PHONE):
            chromium.look(self.driver, size)
            for name, path in paths.items():
                with self.subTest(page=name, size=size):
                    self.check(path)
        wide, narrow = ("audit",), ("audit", "inboxes", "keys", "event-types", "subscriptions")
        for size, names in ((chromium.WIDE, wide), (chromium.PHONE, narrow)):
            chromium.look(self.driver, size)
            for name in names:
                with self.subTest(table=name, size=size):
                    self.person.open(paths[name])
                    self.assertEqual([], self.cut())

    def cut(self):
        """What is in a table and reaches out of it."""
        return self.driver.execute_script("""
            return [...document.querySelectorAll(".scroll td *")]
                .filter((one) => one.getBoundingClientRect().right > one.closest(".scroll").getBoundingClientRect().right + 1)
                .map((one) => one.innerText.slice(0, 40))
        """)

    def test_what_a_link_says_is_text_too(self):
        # A filter that cannot be read is told so.
        self.watch.expect("status of 422")
        hostile = urllib.parse.quote(MARKUP + TURNED)
        for name, path in pages.every(self.scene).items():
            with self.subTest(page=name):
                self.person.open(path)
                fields = self.driver.execute_script(
                    "return [...document.querySelectorAll('form[method=get] [name]')].map(f => f.name)"
                )
                query = "&".join(f"{field}={hostile}" for field in {*fields, "note", "before"})
                self.check(f"{path}{'&' if '?' in path else '?'}{query}")

    def test_a_form_that_is_sent_back_shows_what_was_typed_as_text(self):
        self.watch.expect("status of 422")
        for name in ("subscription-new", "key-new", "settings", "tenants", "inboxes", "replay-new"):
            with self.subTest(page=name):
                self.person.open(pages.every(self.scene)[name])
                self.driver.execute_script("""
                    const form = [...document.querySelectorAll("main form[method=post]")][0];
                    for (const field of form.querySelectorAll("input:not([type=hidden]), textarea"))
                        if (!["checkbox", "radio"].includes(field.type)) { field.type = "text"; field.value = arguments[0]; }
                    form.noValidate = true;
                    form.requestSubmit();
                """, MARKUP)
                self.person.see("Posthaste")
                self.assertEqual(0, self.person.overflow(), name)


if __name__ == "__main__":
    unittest.main()
