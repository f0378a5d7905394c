"""Every page, as wide as a desk's and as narrow as a phone's, light and dark: read for all, and not
wider than its window. What leads to a page that nobody looked at is found."""

import unittest

import chromium
import pages
from journey import Journey
from scene import Scene

LOOKS = [(size, scheme) for size in (chromium.WIDE, chromium.PHONE) for scheme in ("light", "dark")]


class EveryPage(Journey):
    def setUp(self):
        super().setUp()
        self.scene = Scene(self.server).set()
        self.addCleanup(self.scene.close)
        self.scene.publish(40)
        self.scene.settled()
        self.scene.people()
        self.scene.wrongly_signed()
        self.scene.replay(since="2020-01-01T00:00:00Z", until="2099-01-01T00:00:00Z", dry_run=False)
        self.person.sign_in()

    def test_every_page_is_for_all_and_fits_its_window(self):
        everything = pages.every(self.scene)
        looked_at = {pages.shape(path) for path in everything.values()}
        led_to = set()
        for name, path in everything.items():
            with self.subTest(page=name):
                chromium.look(self.driver)
                self.person.open(path)
                self.person.see("Posthaste")
                led_to |= {pages.shape(link) for link in pages.links(self.driver, "/dashboard")}
                for size, scheme in LOOKS:
                    chromium.look(self.driver, size, scheme)
                    self.watch.look(again=True)
                    self.assertEqual(0, self.person.overflow(), f"{path} at {size}")
        self.assertEqual(set(), led_to - looked_at - {"/dashboard"})


if __name__ == "__main__":
    unittest.main()
