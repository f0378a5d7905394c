"""The frame of every test here: a server, a person at the run's browser, and after each test by
itself what no page may do (`watch.py`)."""

import unittest

import chromium
from person import Person
from posthaste import Server
from watch import Watch


class Journey(unittest.TestCase):
    # How its server is started.
    SERVER = {}

    def setUp(self):
        self.server = Server(**self.SERVER)
        self.addCleanup(self.server.close)
        self.driver = chromium.chromium()
        chromium.forget(self.driver)
        self.watch = Watch(self.driver, self.id().split(".", 1)[-1], [self.server.url])
        self.person = Person(self.driver, self.server.url, self.watch)
        self.addCleanup(chromium.forget, self.driver)

    def tearDown(self):
        self.watch.look()
        if self.watch.findings:
            self.fail("\n" + "\n".join(self.watch.findings))
