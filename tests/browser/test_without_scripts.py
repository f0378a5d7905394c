"""Pages are read, and their forms work, where the browser runs no script."""

import unittest

import chromium
import pages
from journey import Journey
from scene import Scene


class WithoutScripts(Journey):
    def setUp(self):
        super().setUp()
        self.scene = Scene(self.server).set()
        self.addCleanup(self.scene.close)
        self.scene.publish(10)
        self.scene.settled()
        chromium.scripts(self.driver, False)
        self.watch.reads_for_all = False  # axe is a script
        self.person.sign_in()

    def test_every_page_is_readable(self):
        for name, path in pages.every(self.scene).items():
            with self.subTest(page=name):
                self.person.open(path)
                self.assertIn("Posthaste", self.person.text())
                self.assertEqual(0, self.person.overflow(), path)

    def test_a_subscription_is_made_paused_resumed_and_sent_to_again(self):
        person = self.person
        person.open(f"{self.scene.base}/subscriptions")
        person.press("New subscription")
        person.fill("URL", self.scene.cast.answer("/plain", 500))
        person.press("Make the subscription")
        person.see("Created.")
        person.press("Pause")
        person.see("Paused: deliveries are held")
        person.press("Resume")
        person.see("Resumed")
        person.press("Deliveries")
        person.choose("Status", "failed")
        person.press("Filter")
        person.arrive("status=failed")
        person.press_row("failed")
        person.press("Redeliver")
        person.see("On its way again.")


if __name__ == "__main__":
    unittest.main()
