"""The API's own document for people."""

import unittest

from journey import Journey


class Docs(Journey):
    def test_the_document_is_readable_in_a_browser(self):
        # Redoc asks for a logo elsewhere, which the page's policy refuses; and it makes so many
        # elements that axe takes half a minute over them.
        self.watch.expect("cdn.redoc.ly")
        self.watch.reads_for_all = False
        self.person.open("/docs")
        self.person.see("Posthaste", "Publish")


if __name__ == "__main__":
    unittest.main()
