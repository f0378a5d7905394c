"""The portal, from a link: one tenant's pages with the link's power, under its own name and colours,
and nothing beside them."""

import unittest

import chromium
from cast import Cast
from journey import Journey
from scene import Scene

ACCOUNT = """<!DOCTYPE html><html lang="en"><title>Your account</title><link rel="icon" href="data:,">
<main><h1>Your account</h1><iframe src="{}" title="Webhooks" width="1100" height="700"></iframe></main>"""
THEME = {"name": "Tidewatch Events", "accent": "#0a7d5a", "mode": "dark"}


class Portal(Journey):
    def setUp(self):
        super().setUp()
        self.scene = Scene(self.server).set()
        self.addCleanup(self.scene.close)
        self.scene.publish(20)
        self.scene.settled()

    def link(self, **asked):
        return self.scene.api("POST", "/portal-links", asked)

    def test_a_customer_mends_and_resends_from_a_link_without_signing_in(self):
        person = self.person
        person.open(self.link(theme=THEME)["url"])
        person.see("Tidewatch Events", "Subscriptions")
        person.press("Subscriptions")
        person.see("/billing", "/crm")
        person.press("Deliveries")
        person.choose("Status", "failed")
        person.arrive("status=failed")
        person.press_row("failed")
        person.press("Redeliver")
        person.see("1 is held until its subscription is resumed.")
        for beyond in ("Keys", "Audit log", "Settings", "Sign out"):
            self.assertNotIn(beyond, person.text().splitlines())

    def test_a_link_that_only_reads_shows_no_button_that_changes_something(self):
        person = self.person
        person.open(self.link(read_only=True)["url"])
        for tab in ("Subscriptions", "Deliveries"):
            person.press(tab)
            for name in ("New subscription", "Redeliver selected", "Discard selected"):
                self.assertNotIn(name, person.text().splitlines())
        person.press_row("order.")
        self.assertNotIn("Redeliver", person.buttons())

    def test_nothing_but_the_tenants_pages_opens_and_a_deleted_link_opens_nothing(self):
        person = self.person
        self.watch.expect("status of 40[134]")
        made = self.link()
        person.open(made["url"])
        base = person.path().rstrip("/")
        for beyond in ("/keys", "/audit", "/settings"):
            person.open(base + beyond)
            person.see("Not allowed")
        self.scene.api("DELETE", f"/portal-links/{made['id']}")
        person.open(base)
        self.assertNotIn("Subscriptions", person.text().splitlines())

    def test_it_stands_in_a_frame_of_an_origin_that_the_tenant_allows_and_in_no_other(self):
        shop, stranger = Cast(), Cast()
        for cast in (shop, stranger):
            self.addCleanup(cast.close)
            self.watch.origins.add(cast.url)
        tenant = f"/tenants/{self.scene.tenant}"
        self.server.call("PATCH", tenant, {"portal": {"origins": [shop.url]}})
        link = ACCOUNT.format(self.link(theme=THEME)["url"])
        person = self.person
        self.look_into(shop.page("/account", link))
        person.see("Tidewatch Events")
        person.press("Deliveries")
        person.choose("Status", "failed")
        person.press_row("failed")
        person.press("Redeliver")
        person.see("1 is held until its subscription is resumed.")
        self.driver.switch_to.default_content()
        self.watch.expect("frame-ancestors|refused to connect|ERR_BLOCKED")
        self.look_into(stranger.page("/account", link))
        self.assertNotIn("Tidewatch Events", person.text())

    def look_into(self, page):
        """Opens a page, and goes into its frame."""
        self.person.open(page)
        self.driver.switch_to.frame(self.driver.find_element("tag name", "iframe"))

    def test_every_page_of_it_is_for_all_and_fits_a_phone(self):
        person = self.person
        person.open(self.link(theme=THEME)["url"])
        tabs = self.driver.execute_script(
            "return [...document.querySelectorAll('nav[aria-label=Pages] a')].map(a => a.pathname)"
        )
        self.assertGreater(len(tabs), 3, tabs)
        chromium.look(self.driver, chromium.PHONE)
        for path in tabs:
            with self.subTest(page=path.split("/")[-1]):
                person.open(path)
                person.see("Tidewatch Events")
                self.assertEqual(0, person.overflow(), path)


if __name__ == "__main__":
    unittest.main()
