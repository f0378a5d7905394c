"""Pages that are open when something ends: the session, a portal's link, the server."""

import unittest

from journey import Journey

OVERVIEW = "/dashboard/tenants/default?window=hour"
SIGN_OUT = """
    const body = new URLSearchParams({ csrf: document.body.dataset.csrf });
    return fetch("/dashboard/sign-out", { method: "POST", body }).then(() => null)
"""


class LivePages(Journey):
    SERVER = {"dev": False}

    def setUp(self):
        super().setUp()
        self.watch.expect("status of 401")
        self.server.call("POST", "/events", {"type": "order.created", "data": 1})

    def sign_out_elsewhere(self):
        self.driver.execute_script(SIGN_OUT)

    def test_figures_lead_to_sign_in_and_back_where_the_session_ended(self):
        person = self.person
        person.sign_in()
        person.open(OVERVIEW)
        person.see("Success rate")
        self.sign_out_elsewhere()
        person.arrive("/dashboard/sign-in?next=")
        self.assertNotIn("Success rate", person.text())
        person.sign_in_here()
        person.arrive(OVERVIEW)
        person.see("Success rate")

    def test_figures_of_a_portal_give_way_where_its_link_ended(self):
        link = self.server.call("POST", "/portal-links", {})
        self.person.open(link["url"] + "?window=hour")
        self.person.see("Success rate")
        self.server.call("DELETE", f"/portal-links/{link['id']}")
        self.person.see("This link has ended")
        self.assertNotIn("Success rate", self.person.text())

    def test_figures_say_since_when_the_server_is_silent_until_it_is_back(self):
        person = self.person
        self.watch.expect("ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|htmx:(afterRequest|sendError)")
        person.sign_in()
        person.open(OVERVIEW)
        person.see("Success rate")
        self.server.stop()
        person.see("No answer since")
        self.server.start()
        person.see_no("No answer since")
        person.see("Success rate")

    def test_a_tail_that_is_refused_says_so_and_loads_the_page_anew(self):
        person = self.person
        person.sign_in()
        person.press("Deliveries")
        person.see("Follow live")
        self.sign_out_elsewhere()
        person.press("Follow live")
        self.refused()

    def test_an_inbox_that_is_refused_says_so_and_loads_the_page_anew(self):
        person = self.person
        person.sign_in()
        person.press("Inboxes")
        person.press("New inbox, subscribed to all events")
        person.see("Live")
        self.sign_out_elsewhere()
        self.refused()

    def refused(self):
        self.person.see("No longer live")
        self.person.press("Load the page anew")
        self.person.arrive("/dashboard/sign-in?next=")


if __name__ == "__main__":
    unittest.main()
