"""The served OpenAPI document, held against the server by schemathesis: no server error, no status,
header or form that is not documented, no answer that breaks its schema, nothing taken that the
document refuses. SCHEMATHESIS_SEED repeats a run, SCHEMATHESIS_EXAMPLES makes it longer."""

import json
import os
import pathlib
import random
import subprocess
import sys
import time
import unittest

from posthaste import BASE, KEY, Server

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "use_after_free",
]
# What is left out, and why.
EXCLUDED = {
    "/stream$": "an answer without an end is never whole; crates/posthaste-api/tests/api/streams.rs",
}
CONFIGURATION = """
[checks.negative_data_rejection]
# 412: a precondition is looked at before the body.
expected-statuses = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422"]

[[operations]]
# It would take away the very key that it asks with.
include-name = "DELETE /api/v1/webhooks/keys/{id}"
enabled = false
"""
TIMEOUT_S = 300


def known(path, name, value):
    """Operations below a path that are asked for what there is."""
    lines = [
        "[[operations]]",
        f"include-path-regex = '^{BASE}/{path}/\\{{{name}\\}}/'",
        f'parameters = {{ "path.{name}" = "{value}" }}',
    ]
    return "\n".join(lines) + "\n"


class OpenApi(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.close)

    def objects(self):
        """Something of each kind, so that not every id is a 404."""
        hook = {"url": "http://127.0.0.1:40009/", "retry": "none", "events": ["a.*"]}
        subscription = self.server.call("POST", "/subscriptions", hook)
        event = self.server.call("POST", "/events?expand=deliveries", {"type": "a.b", "data": 1})
        return "".join([
            known("subscriptions", "id", subscription["id"]),
            known("events", "id", event["id"]),
            known("deliveries", "id", event["delivery_ids"][0]),
        ])

    def test_the_server_keeps_its_document(self):
        home = pathlib.Path(self.server.home.name)
        (home / "schemathesis.toml").write_text(CONFIGURATION + self.objects())
        seed = os.environ.get("SCHEMATHESIS_SEED") or str(random.randrange(2**32))
        command = [
            pathlib.Path(sys.executable).with_name("schemathesis"),
            "--config-file", "schemathesis.toml", "run",
            self.server.environment["POSTHASTE_SERVER"] + "/openapi.json",
            "--header", f"Authorization: Bearer {KEY}",
            "--checks", ",".join(CHECKS),
            "--exclude-path-regex", "|".join(EXCLUDED),
            "--phases", "examples,coverage,fuzzing",
            "--max-examples", os.environ.get("SCHEMATHESIS_EXAMPLES", "8"),
            "--seed", seed,
            "--generation-database", "none",
            "--request-timeout", "20",
            "--continue-on-failure", "--no-color",
        ]
        begun = time.monotonic()
        done = subprocess.run(
            command, cwd=home, timeout=TIMEOUT_S, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        print(f"\nSCHEMATHESIS_SEED={seed}: {time.monotonic() - begun:.0f} s", file=sys.stderr)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn("Authentication failed", done.stdout)


if __name__ == "__main__":
    unittest.main()
