"""Without a mouse: the shortcuts that the help names."""

import unittest

from cast import Cast
from journey import Journey
from selenium.webdriver.common.keys import Keys


class Keyboard(Journey):
    def setUp(self):
        super().setUp()
        self.cast = Cast()
        self.addCleanup(self.cast.close)
        hook = {"url": self.cast.answer("/hook", 500), "retry": "none", "auto_pause_after": 0}
        self.server.call("POST", "/subscriptions", hook)
        for event_type in ("first.one", "second.one"):
            self.server.call("POST", "/events", {"type": event_type, "data": 1})
        failed = lambda: len(self.server.call("GET", "/deliveries?status=failed")["data"])
        self.person.wait(lambda: failed() == 2, "for both to have failed")
        self.cast.answer("/hook", 200)
        self.person.sign_in()

    def test_a_person_searches_walks_the_rows_opens_one_and_redelivers_by_keys_alone(self):
        person = self.person
        person.open("/dashboard/tenants/default/deliveries")
        person.reload_until("second.one")
        person.type("?")
        person.see("Keyboard", "next and previous row")
        person.type(Keys.ESCAPE)
        person.see_no("next and previous row")
        person.type("/")
        person.wait(lambda: person.focus() in ("INPUT", "SELECT"), "for the search to have the focus")
        person.press("Deliveries")
        person.type("jj")
        person.type("k")
        person.type(Keys.ENTER)
        person.see("second.one", "#1")
        person.type("r")
        person.see("On its way again.")

    def test_r_is_about_the_current_row_where_nothing_is_selected(self):
        person = self.person
        person.open("/dashboard/tenants/default/deliveries")
        person.reload_until("second.one")
        person.type("/")
        person.wait(lambda: person.focus() == "INPUT", "to be in a field that takes a text")
        person.press("Deliveries")
        person.type("r")
        person.type("?")
        person.see("Keyboard")
        person.type(Keys.ESCAPE)
        self.assertTrue(person.path().endswith("/deliveries"), "nothing was chosen, nothing is sent")
        person.type("jjr")
        person.see("On its way again.")
        tells = lambda: [(one["event_type"], one["status"]) for one in self.server.call("GET", "/deliveries")["data"]]
        sent = [("second.one", "failed"), ("first.one", "delivered")]
        person.wait(lambda: tells() == sent, "for the second row alone to be delivered")

    def test_whoever_tabs_comes_first_to_the_way_past_the_navigation(self):
        self.person.open("/dashboard/tenants/default/deliveries")
        self.person.type(Keys.TAB)
        self.person.type(Keys.ENTER)
        self.person.wait(lambda: self.person.path().endswith("#main"), "to be past the navigation")


if __name__ == "__main__":
    unittest.main()
