"""What watches the pages notices what it is there for: a page with each fault, and one without."""

import http.server
import threading
import unittest

import chromium
from watch import Watch

POLICY = "default-src 'self'; script-src 'self'"
GOOD = "<!doctype html><html lang=en><title>A page</title><main><h1>A page</h1>{}</main>"
SCRIPTS = {
    "/error.js": b"console.error('alas')",
    "/throw.js": b"throw new Error('alas')",
    "/canary.js": b"window.canary = 'sang'",
    "/quiet.js": b"console.log('all is well')",
}


class Pages(http.server.BaseHTTPRequestHandler):
    """Answers with the one page, the scripts that it may name, and an empty icon."""

    body = ""

    def do_GET(self):
        script = SCRIPTS.get(self.path)
        body = script or GOOD.format(self.body).encode()
        self.send_response(404 if self.path.startswith("/missing") else 200)
        self.send_header("content-type", "text/javascript" if script else "text/html")
        self.send_header("content-security-policy", POLICY)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Watching(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.driver = chromium.chromium()
        self.addCleanup(chromium.forget, self.driver)

    def check(self, body, *expected):
        """Each expected text is in what is found on a page with this body, and nothing else is."""
        Pages.body = body
        chromium.forget(self.driver)
        watch = Watch(self.driver, "watching", [self.url])
        self.driver.get(self.url)
        watch.look()
        told = "\n".join(watch.findings)
        if not expected:
            self.assertEqual("", told)
        for text in expected:
            self.assertIn(text, told)
            self.assertIn(self.url, told)

    def test_a_fault_on_a_page_is_found(self):
        self.check("<p>All is well.<script src=/quiet.js></script>")
        self.check("<script src=/error.js></script>", "alas")
        self.check("<script src=/throw.js></script>", "alas")
        self.check("<script src=/canary.js></script>", "a stranger's script ran: sang")
        self.check("<img src=/missing.png alt=''>", "status of 404")
        self.check("<script>1</script>", "content security policy", "script-src-elem", "inline")
        self.check("<p style='color: red'>Red", "content security policy", "style-src-attr", "inline")
        self.check("<img src=http://127.0.0.2/a.png alt=''>", "content security policy", "img-src")
        self.check("<a href=/ >.</a><img src=/quiet.js>", "critical: image-alt")
        self.check("<form action=/><input></form>", "critical: label")

    def test_a_request_to_another_host_is_found_where_no_policy_refuses_it(self):
        self.driver.get("data:text/html,<img src=http://example.com/a.png alt=''>")
        watch = Watch(self.driver, "watching", [self.url])
        watch.look()
        self.assertIn("another host: http://example.com/a.png", "\n".join(watch.findings))


if __name__ == "__main__":
    unittest.main()
