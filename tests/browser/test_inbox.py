"""The inbox: what comes, as it comes, whether its signature verifies and why not, and its answer."""

import unittest
import urllib.error
import urllib.request

from journey import Journey


class Inbox(Journey):
    def setUp(self):
        super().setUp()
        self.person.sign_in()
        self.person.press("Inboxes")
        self.person.press("New inbox, subscribed to all events")
        self.person.see("What came", "Nothing yet")

    def made(self):
        return self.server.call("GET", "/inboxes")["data"][0]

    def test_events_arrive_while_one_looks_and_verify(self):
        self.server.call("POST", "/events", {"type": "order.created", "data": {"order": "PH-7"}})
        self.person.see("#1")
        self.person.reload_until("PH-7")
        self.person.see("webhook-signature", "yes")
        self.assertNotIn("Nothing yet", self.person.text())

    def test_with_a_wrong_secret_it_says_that_the_signature_does_not_verify_and_why(self):
        person = self.person
        person.press("Verify with something else")
        person.fill("A secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=")
        person.press("Verify with this secret")
        person.see("a secret of its own")
        self.server.call("POST", "/events", {"type": "order.created", "data": {"order": "PH-8"}})
        person.reload_until("PH-8")
        self.assertIn("secret", person.text().split("Why not")[1].split("Headers")[0])

    def test_its_answer_can_be_set_so_that_a_delivery_fails(self):
        person = self.person
        person.press("What it answers: 200")
        person.fill("Status", "503")
        person.fill("Body", "closed for lunch")
        person.press("Save the answer")
        person.see("What it answers: 503")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(self.made()["url"], b"hello", timeout=10)
        self.assertEqual(503, refused.exception.code)
        self.assertEqual(b"closed for lunch", refused.exception.read())
        refused.exception.close()
        person.reload_until("hello")


if __name__ == "__main__":
    unittest.main()
