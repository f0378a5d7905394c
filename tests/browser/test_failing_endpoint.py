"""The day's work: an endpoint that fails, until someone looks, reads why, mends it and sends again."""

import unittest

from cast import Cast
from journey import Journey


class FailingEndpoint(Journey):
    def setUp(self):
        super().setUp()
        self.cast = Cast()
        self.addCleanup(self.cast.close)
        self.wrong = self.cast.answer("/hoook", 404, body=b"no hook of this name\n")
        self.right = self.cast.answer("/hook", 200)

    def test_a_person_subscribes_sees_it_fail_reads_why_mends_the_url_and_redelivers(self):
        person = self.person
        person.sign_in()
        person.press("Subscriptions")
        person.press("New subscription")
        person.fill("URL", self.wrong)
        person.fill("Description", "Billing")
        person.fill("Event type or prefix", "order.*")
        person.press("Retries")
        person.choose("After a failure", "none: one attempt alone")
        person.press("Make the subscription")
        person.see("Created.", "Billing", "order.*", "Nothing was sent to it yet.")

        self.server.call("POST", "/events", {"type": "order.created", "data": {"order": "PH-7"}})
        person.press("Deliveries")
        person.reload_until("http 404")
        person.choose("Status", "failed")
        person.arrive("status=failed")
        person.see("order.created", "http 404")
        person.press_row("order.created")
        person.see("no hook of this name", "PH-7", "http 404", "Attempts", "intact")

        person.press(self.wrong)
        person.see("http 404")
        person.press("Change")
        self.assertEqual(self.wrong, person.value("URL"))
        person.fill("URL", self.right)
        person.press("Save")
        person.see("Saved.", self.right)

        person.press_row("order.created")
        person.press("Redeliver")
        person.see("On its way again.")
        person.reload_until("delivered")
        person.see("#2", "200")
        self.assertNotIn("Discard", person.buttons())

    def test_a_url_that_is_none_is_refused_beside_its_field_and_what_was_typed_stays(self):
        self.watch.expect("status of 422")
        self.person.sign_in()
        self.person.open("/dashboard/tenants/default/subscriptions/new")
        self.person.fill("URL", "ftp://example.com/hook")
        self.person.fill("Description", "Kept")
        self.person.press("Make the subscription")
        self.person.see("Nothing was made yet")
        self.assertEqual("ftp://example.com/hook", self.person.value("URL"))
        self.assertEqual("Kept", self.person.value("Description"))
        self.assertIn("http", self.person.description("URL"))


if __name__ == "__main__":
    unittest.main()
