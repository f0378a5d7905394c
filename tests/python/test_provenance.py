"""The chain of provenance, worked out by the documentation's own example from what is stored."""

import contextlib
import pathlib
import re
import sqlite3
import time
import unittest

from posthaste import ROOT, Server
from receiver import Receiver

PAGE = (ROOT / "docs/reference/provenance.md").read_text()
TIMEOUT_S = 60
ATTEMPTS = """
    SELECT number, started_at, latency_us, status_code, error, request_headers, response_headers,
        response_body, provenance
    FROM attempts
    UNION ALL
    SELECT attempt, started_at, latency_us, status_code, error, request_headers, response_headers,
        response_body, provenance
    FROM deliveries
    ORDER BY 1
"""


def example():
    """What the page's Python defines."""
    defined = {}
    exec(re.search("```python\n(.*?)```", PAGE, re.DOTALL).group(1), defined)
    return defined


class Provenance(unittest.TestCase):
    def test_the_example_comes_to_what_the_page_says(self):
        chain = example()["chain"]
        self.assertEqual(chain, re.findall("`([0-9a-f]{64})`", PAGE))

    def test_a_stored_chain_is_the_one_that_the_example_works_out(self):
        server = Server()
        self.addCleanup(server.close)
        bodies = []

        def refuse_once(_, body):
            bodies.append(body)
            if len(bodies) == 1:
                raise ValueError("not yet")

        receiver = Receiver(refuse_once)
        self.addCleanup(receiver.close)
        retry = '{"schedule_s":[0.05],"jitter":0}'
        server.run("subscriptions", "create", receiver.url, "--retry", retry)
        server.run("publish", "memory.created", "--data", '{"n": 1.0}')
        with receiver.changed:
            self.assertTrue(receiver.changed.wait_for(lambda: receiver.bodies, TIMEOUT_S))
        delivery = self.delivered(server)
        self.assertEqual(server.run("deliveries", "audit")[0]["attempts"], 2)
        functions = example()
        link = functions["of_delivery"](
            delivery["event_id"], delivery["subscription_id"], bodies[0]
        )
        path = pathlib.Path(server.home.name) / "data/posthaste.db"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
            attempts = store.execute(ATTEMPTS).fetchall()
        self.assertEqual(len(attempts), 2)
        for *attempt, stored in attempts:
            link = functions["after"](link, *attempt)
            self.assertEqual(link, stored)
        self.assertEqual(link.hex(), delivery["provenance"])

    def delivered(self, server):
        """The delivery, once its success is written."""
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            if found := server.run("deliveries", "list", "--status", "delivered"):
                return found[0]
        self.fail("it is not delivered")


if __name__ == "__main__":
    unittest.main()
