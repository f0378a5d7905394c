"""Receivers as one meets them, each at a path of one server: some well, some not."""

import http.server
import random
import threading
import time


class Listener(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


class Cast:
    """What each path answers can be changed while it runs."""

    def __init__(self, seed=6):
        self.dice = random.Random(seed)
        self.answers = {}
        self.pages = {}
        self.server = Listener(("127.0.0.1", 0), self.handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, path, *statuses, share=0.0, slow_s=0.0, body=b""):
        """The first status, and in this share of cases one of the others; after a while."""
        self.answers[path] = (statuses, share, slow_s, body)
        return self.url + path

    def page(self, path, html):
        """What someone sees who comes there with a browser."""
        self.pages[path] = html
        return self.url + path

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def chosen(self, path):
        (first, *others), share, slow_s, body = self.answers.get(path, ((404,), 0, 0, b""))
        other = others and self.dice.random() < share
        return (self.dice.choice(others) if other else first), slow_s * self.dice.random(), body

    def handler(cast):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                status, slow_s, body = cast.chosen(self.path)
                if slow_s:
                    time.sleep(slow_s)  # the endpoint is slow, not the test
                self.send_response(status)
                self.send_header("content-type", "text/plain; charset=utf-8")
                self.send_header("content-length", str(len(body)))
                if status == 429:
                    self.send_header("retry-after", "2")
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                html = cast.pages.get(self.path)
                page = (html or "").encode()
                self.send_response(404 if html is None else 200)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_):
                pass

        return Handler
