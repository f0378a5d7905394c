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
        self.wait_until("failed", 3)
        self.cast.answer("/hook", 200)
        self.person.sign_in()

    def wait_until(self, status, count):
        def arrived():
            return len(self.server.call("GET", f"/deliveries?status={status}")["data"]) == count

        self.person.wait(arrived, f"for {count} deliveries that are {status}")

    def test_a_window_is_counted_then_replayed_and_arrives(self):
        person = self.person
        person.press("Replays")
        person.choose("Which", "failed")
        person.press("Count first")
        person.see("3")
        person.press("Start the replay")
        self.wait_until("delivered", 3)
        person.reload_until("completed")


if __name__ == "__main__":
    unittest.main()
