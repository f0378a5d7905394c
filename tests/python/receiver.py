"""A receiver on the standard library: it answers 200 to what verifies, 401 to what does not."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Listener(ThreadingHTTPServer):
    """Takes as many connections at once as a subscription may open."""

    request_queue_size = 128


class Receiver:
    """Keeps the body of each request that verified, by its webhook-id, and why others did not."""

    def __init__(self, verify):
        self.verify = verify
        self.bodies = {}
        self.repeats = 0
        self.refusals = []
        self.changed = threading.Condition()
        self.server = Listener(("127.0.0.1", 0), self.handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def wait_for(self, count, timeout_s):
        """Whether so many events came in time, or one was refused."""
        def enough():
            return self.refusals or len(self.bodies) >= count

        with self.changed:
            return self.changed.wait_for(enough, timeout_s)

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def take(self, headers, body):
        try:
            self.verify(headers, body)
            refusal = None
        except Exception as error:  # whatever a verifier raises, it refuses
            refusal = repr(error)
        with self.changed:
            if refusal:
                self.refusals.append(refusal)
            else:
                self.repeats += headers["webhook-id"] in self.bodies
                self.bodies[headers["webhook-id"]] = body
            self.changed.notify_all()
        return 401 if refusal else 200

    def handler(receiver):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(receiver.take(headers, body))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        return Handler
