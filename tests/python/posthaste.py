"""The built binary: a server of one's own, and the client commands against it."""

import json
import os
import pathlib
import subprocess
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("POSTHASTE_BINARY", str(ROOT / "target/debug/posthaste"))
KEY = "pst_0123456789abcdefghijABCDEFGHIJ0123456789abc"
BASE = "/api/v1/webhooks"


def environment():
    """This process's, with nothing of what the machine has set up for Posthaste."""
    items = os.environ.items()
    return {name: value for name, value in items if not name.startswith("POSTHASTE_")}


class Server:
    def __init__(self, dev=True, **variables):
        """On a store of its own, with these variables beside the usual ones."""
        self.flags = ["--dev"] if dev else []
        self.home = tempfile.TemporaryDirectory()
        self.environment = environment() | {"POSTHASTE_ADMIN_KEY": KEY, "POSTHASTE_KEY": KEY}
        self.log = open(pathlib.Path(self.home.name) / "log", "w+")
        self.listen = "127.0.0.1:0"
        self.start(**variables)

    def start(self, **variables):
        """Once more at the same address, where it had one."""
        serve = [BINARY, "serve", *self.flags, "--listen", self.listen, "--data-dir", "data"]
        self.process = subprocess.Popen(
            serve, cwd=self.home.name, env=self.environment | variables, text=True,
            stdout=subprocess.PIPE, stderr=self.log,
        )
        ready = self.process.stdout.readline()
        if " ready at " not in ready:
            self.log.seek(0)
            raise RuntimeError(f"the server did not start: {ready}{self.log.read()}")
        self.url = self.environment["POSTHASTE_SERVER"] = ready.split()[-1]
        self.listen = self.url.removeprefix("http://")

    def call(self, method, path, body=None, key=KEY, **headers):
        """A request to the API; its answer's JSON, None where there is none."""
        headers |= {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + BASE + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or "null")

    def run(self, *arguments):
        """The JSON lines that a command prints; raises where it exits with anything but 0."""
        done = subprocess.run(
            [BINARY, "--json", *arguments], cwd=self.home.name, env=self.environment,
            check=True, stdout=subprocess.PIPE, text=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    def stop(self):
        """As an operator would; it has to end well."""
        self.process.terminate()
        self.process.stdout.read()
        code = self.process.wait(timeout=40)
        self.process.stdout.close()
        assert code == 0, f"the server exited with {code}"

    def close(self):
        self.stop()
        self.log.close()
        self.home.cleanup()
