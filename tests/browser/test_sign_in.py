"""Signing in and out, with a key."""

import unittest

from journey import Journey
from posthaste import KEY, Server


class SignIn(Journey):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(dev=False)
        cls.addClassCleanup(cls.server.close)

    def test_a_person_without_a_key_is_told_so_and_with_one_comes_to_the_page_they_wanted(self):
        self.watch.expect("status of 422")
        self.person.open("/dashboard/tenants/default/deliveries")
        self.person.see("API key")
        self.person.fill("API key", "pst_nobodys")
        self.person.press("Sign in")
        self.person.see("This key opens nothing here.")
        self.person.fill("API key", KEY)
        self.person.press("Sign in")
        self.person.arrive("/dashboard/tenants/default/deliveries")
        self.person.see("Deliveries", "Nothing was sent yet")
        self.person.press("Overview")
        self.person.see("Overview")
        self.person.press("Sign out")
        self.person.see("API key")
        self.person.open("/dashboard")
        self.person.see("API key")


class Development(Journey):
    def test_a_server_for_development_lets_in_whoever_looks_from_its_machine(self):
        self.person.open("/dashboard")
        self.person.see("Overview", "Signed in as admin")
        self.person.press("Sign out")
        self.person.see("API key")


if __name__ == "__main__":
    unittest.main()
