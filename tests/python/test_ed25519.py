"""Ed25519 signatures (v1a), verified with the public key by other people's cryptography.

The standardwebhooks package verifies v1 alone, and skips v1a, as Standard Webhooks says a verifier
should; so the receiver here does what its users have to: a few lines on top of `cryptography`.
"""

import base64
import json
import unittest
import urllib.request

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from posthaste import KEY, Server
from receiver import Receiver
from standardwebhooks import Webhook


def verify(public_key, headers, body):
    """Raises where no v1a entry is this key's signature."""
    raw = base64.b64decode(public_key.removeprefix("whpk_"))
    key = Ed25519PublicKey.from_public_bytes(raw)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    for entry in headers["webhook-signature"].split(" "):
        version, _, signature = entry.partition(",")
        if version == "v1a":
            try:
                return key.verify(base64.b64decode(signature), signed)
            except InvalidSignature:
                continue
    raise InvalidSignature("no v1a of this key")


class Ed25519(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.close)

    def receive(self, check):
        receiver = Receiver(check)
        self.addCleanup(receiver.close)
        return receiver

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self.server.environment['POSTHASTE_SERVER']}/api/v1/webhooks{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"authorization": f"Bearer {KEY}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def keys(self, subscription):
        found = self.ask("GET", f"/subscriptions/{subscription}/public-keys")
        return [key["public_key"] for key in found["data"]]

    def took_one(self, receiver):
        self.ask("POST", "/events", {"type": "a.b", "data": {"n": 1.0, "text": "é"}})
        self.assertTrue(receiver.wait_for(1, 60))
        self.assertEqual(receiver.refusals, [])

    def test_what_arrives_verifies_with_the_public_key(self):
        keys = []
        receiver = self.receive(lambda headers, body: verify(keys[0], headers, body))
        [made] = self.server.run(
            "subscriptions", "create", receiver.url, "--schemes", "standard", "--algorithm", "ed25519",
        )
        keys.extend(self.keys(made["id"]))
        self.took_one(receiver)

    def test_during_a_rotation_both_keys_verify_and_another_does_not(self):
        keys = []

        def each(headers, body):
            for key in keys:
                verify(key, headers, body)
            with self.assertRaises(InvalidSignature):
                verify(keys[0], headers, body + b" ")

        receiver = self.receive(each)
        asked = {"url": receiver.url, "schemes": ["standard"], "algorithm": "ed25519"}
        made = self.ask("POST", "/subscriptions", asked)
        self.ask("POST", f"/subscriptions/{made['id']}/rotate-secret", {})
        keys.extend(self.keys(made["id"]))
        self.assertEqual(len(keys), 2)
        self.took_one(receiver)

    def test_a_receiver_with_the_old_secret_is_served_while_it_follows_to_a_key(self):
        keys, secrets = [], []

        def both(headers, body):
            verify(keys[0], headers, body)
            Webhook(secrets[0]).verify(body, headers)

        receiver = self.receive(both)
        made = self.ask("POST", "/subscriptions", {"url": receiver.url, "schemes": ["standard"]})
        secrets.append(made["secret"])
        self.ask("PATCH", f"/subscriptions/{made['id']}", {"algorithm": "ed25519"})
        keys.extend(self.keys(made["id"]))
        self.took_one(receiver)


if __name__ == "__main__":
    unittest.main()
