"""Whoever clicks twice means it once."""

import unittest

from journey import Journey
from person import NAMED
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys


class Impatience(Journey):
    def setUp(self):
        super().setUp()
        self.person.sign_in()

    def press_twice(self, name):
        ActionChains(self.driver).double_click(self.person.found(NAMED, name, "main")).perform()

    def urls(self):
        return [one["url"] for one in self.server.call("GET", "/subscriptions")["data"]]

    def test_a_form_that_is_being_sent_is_not_sent_again(self):
        self.person.open("/dashboard/tenants/default/subscriptions/new")
        self.person.fill("URL", f"{self.server.url}/once")
        self.press_twice("Make the subscription")
        self.person.see("Created.")
        self.assertEqual(1, len(self.urls()))
        self.person.open("/dashboard/tenants/default/inboxes")
        self.press_twice("New inbox, subscribed to all events")
        self.person.arrive("/inboxes/")
        self.assertEqual(1, len(self.server.call("GET", "/inboxes")["data"]))
        self.assertEqual(2, len(self.urls()))

    def test_a_form_that_one_comes_back_to_is_sent_again(self):
        for path in ("/first", "/second"):
            self.person.open("/dashboard/tenants/default/subscriptions/new")
            self.person.fill("URL", self.server.url + path)
            self.person.type(Keys.ENTER)
            self.person.see("Created.")
        self.driver.back()
        self.person.fill("URL", f"{self.server.url}/third")
        self.person.press("Make the subscription")
        self.person.see("/third", "Created.")
        self.assertEqual(3, len(self.urls()))


if __name__ == "__main__":
    unittest.main()
