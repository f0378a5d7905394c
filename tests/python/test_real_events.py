"""270 real events through `posthaste publish`, to receivers that share no code with Posthaste."""

import collections
import unittest

import by_hand
from posthaste import ROOT, Server
from receiver import Receiver
from standardwebhooks import Webhook

EVENTS = ROOT / "tests/data/github-events.ndjson"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
TIMEOUT_S = 60


def data_of(text):
    """The bytes of `data`, which is the last member of what is published and of an envelope."""
    return text[text.index(b'"data":') + len(b'"data":'):-1]


class RealEvents(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.close)
        self.published = EVENTS.read_bytes().splitlines()

    def receive_with(self, verify):
        """Publishes every event, to one receiver that verifies so, and gives the bodies it took."""
        receiver = Receiver(verify)
        self.addCleanup(receiver.close)
        self.server.run("subscriptions", "create", receiver.url, "--secret", SECRET)
        self.server.run("publish", str(EVENTS))
        in_time = receiver.wait_for(len(self.published), TIMEOUT_S)
        self.assertEqual(receiver.refusals, [])
        self.assertTrue(in_time, f"{len(receiver.bodies)} of {len(self.published)} arrived")
        self.assertEqual(receiver.repeats, 0)
        return list(receiver.bodies.values())

    def assert_all_arrived(self, bodies):
        self.assertEqual(len(self.published), 270)
        expected = collections.Counter(data_of(line) for line in self.published)
        self.assertEqual(collections.Counter(data_of(body) for body in bodies), expected)

    def test_all_arrive_byte_for_byte_and_verify_by_hand_in_all_three_schemes(self):
        bodies = self.receive_with(lambda headers, body: by_hand.verify(SECRET, headers, body))
        self.assert_all_arrived(bodies)

    def test_all_arrive_byte_for_byte_and_verify_with_the_standardwebhooks_package(self):
        bodies = self.receive_with(lambda headers, body: Webhook(SECRET).verify(body, headers))
        self.assert_all_arrived(bodies)

    def test_another_secret_and_a_changed_body_are_refused_by_each_verifier(self):
        def refuses(headers, body):
            other = SECRET.replace("MfKQ", "NfKQ")
            changed = body[:-2] + b" " + body[-2:]
            for verify in (by_hand.verify_standard, by_hand.verify_pt, by_hand.verify_x_webhook):
                verify(SECRET, headers, body)
                for secret, text in ((other, body), (SECRET, changed)):
                    with self.assertRaises(by_hand.Refused):
                        verify(secret, headers, text)
            with self.assertRaises(Exception):
                Webhook(SECRET).verify(changed, headers)

        self.receive_with(refuses)


if __name__ == "__main__":
    unittest.main()
