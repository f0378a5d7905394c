"""Sending a window again: counted first, then done, and watched to its end."""

import unittest

from cast import Cast
from journey import Journey


class Replay(Journey):
    def setUp(self):
        super().setUp()
        self.cast = Cast()
        self.addCleanup(self.cast.close)
        url = self.cast.answer("/hook", 500)
        hook = {"url": url, "retry": "none", "auto_pause_after": 0}
        self.server.call("POST", "/subscriptions", hook)
        for number in range(3):
            self.server.call("POST", "/events", {"type": "order.created", "data": number})
        failed = "/deliveries?status=failed"
        self.person.wait(lambda: len(self.server.call("GET", failed)["data"]) == 3, "for three to fail")
        self.cast.answer("/hook", 200)
        self.person.sign_in()

    def test_a_window_is_counted_then_replayed_and_arrives(self):
        person = self.person
        person.press("Replays")
        person.press("Pick a window")
        person.fill("From (UTC)", "2h")
        person.tick("Dead letters")
        person.press("Count what would be sent")
        person.see("3 deliveries would be sent")
        self.assertEqual([], self.delivered(), "counting sends nothing")
        person.press("Start the replay")
        person.see("100 %", "completed")
        person.wait(lambda: len(self.delivered()) == 3, "for three to arrive")

    def delivered(self):
        return self.server.call("GET", "/deliveries?status=delivered")["data"]


if __name__ == "__main__":
    unittest.main()
