"""What no page may do, whatever a test is about: complain to the console, break its own policy, ask
another host for anything, keep people out, run what someone else wrote.

Everything is found by itself, on each page that a person comes by, and told with a picture.
"""

import hashlib
import os
import pathlib
import re
import urllib.parse

import axe
import chromium
from posthaste import ROOT

PICTURES = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "browser"
# What leaves no machine.
INSIDE = ("data", "blob", "about")
COMPLAINTS = ("SEVERE", "WARNING")
# Set by hostile text, were it ever run.
CANARY = "canary"


class Watch:
    """Gathers findings about the pages that a browser shows during one test."""

    def __init__(self, driver, name, origins):
        self.driver = driver
        self.name = name
        self.origins = set(origins)
        self.expected = []
        self.findings = []
        self.seen = set()
        self.reads_for_all = True

    def expect(self, pattern):
        """What belongs to what this test is about, such as the status of a refusal."""
        self.expected.append(re.compile(pattern))

    def look(self, again=False):
        """Looks at the page as it is now, and at what was told since the last look."""
        found = self.complaints() + self.strangers() + self.on_this_page(again)
        self.tell([line for line in found if not any(p.search(line) for p in self.expected)])

    def complaints(self):
        entries = chromium.console(self.driver)
        return [f"console: {e['message']}" for e in entries if e["level"] in COMPLAINTS]

    def strangers(self):
        return [
            f"a request to another host: {url[:300]}"
            for url in chromium.requests(self.driver)
            if not self.knows(url)
        ]

    def knows(self, url):
        parts = urllib.parse.urlsplit(url)
        return parts.scheme in INSIDE or f"{parts.scheme}://{parts.netloc}" in self.origins

    def on_this_page(self, again):
        """What has to be asked of the page itself, once for each page that differs."""
        page = self.driver.page_source
        digest = hashlib.sha256(page.encode(errors="replace")).digest()
        if digest in self.seen and not again:
            return []
        self.seen.add(digest)
        ran = self.driver.execute_script(f"return window.{CANARY} ?? null")
        barriers = axe.findings(self.driver) if self.reads_for_all else []
        return barriers + ([f"a stranger's script ran: {ran}"] if ran else [])

    def tell(self, found):
        if not found:
            return
        picture = self.picture()
        where = self.driver.current_url
        self.findings += [f"{where}\n   {finding}\n   see {picture}" for finding in found]

    def picture(self):
        """The page as it looks now, for whoever has to mend it."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        taken = sum(1 for _ in PICTURES.glob(f"{self.name}-*.png"))
        path = PICTURES / f"{self.name}-{taken + 1}.png"
        self.driver.save_screenshot(str(path))
        return path
