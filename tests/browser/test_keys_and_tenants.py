"""The operator's pages: a tenant made, set up and deleted; a key made, used and deleted; who did it."""

import unittest
import urllib.error

from journey import Journey


class KeysAndTenants(Journey):
    def setUp(self):
        super().setUp()
        self.person.sign_in()

    def test_a_tenant_is_made_set_up_and_deleted_by_typing_its_id(self):
        person = self.person
        self.watch.expect("status of 422")
        person.open("/dashboard/tenants")
        person.press("New tenant")
        person.fill("Id", "Not An Id")
        person.press("Make the tenant")
        person.see("expected")
        person.fill("Id", "harbour")
        person.fill("Name", "Harbour & Sons")
        person.press("Make the tenant")
        person.see("Created.", "harbour")
        person.choose("Event types", "strict")
        person.fill("Events per second", "25")
        person.fill("Never send to", "10.0.0.0/8\n.example.com")
        person.press("Save")
        person.see("Saved.")
        made = self.server.call("GET", "/tenants/harbour")
        self.assertEqual("strict", made["catalogue"])
        self.assertEqual(25, made["limits"]["events_per_s"])
        self.assertEqual(["10.0.0.0/8", ".example.com"], made["egress"]["deny"])
        person.fill("Type its id to confirm", "harbor")
        person.press("Delete this tenant")
        person.see("nothing was deleted")
        person.fill("Type its id to confirm", "harbour")
        person.press("Delete this tenant")
        person.see("Deleted.")
        self.assertNotIn("harbour", [t["id"] for t in self.server.call("GET", "/tenants")["data"]])

    def test_a_key_is_made_shown_once_used_and_deleted_and_the_audit_log_tells(self):
        person = self.person
        person.open("/dashboard/tenants/default/keys")
        person.press("Make the first key")
        person.fill("Name", "billing")
        person.tick("events:publish")
        person.fill("May be used from", "127.0.0.0/8")
        person.press("Make the key")
        person.see("The key is made", "It is shown this once")
        value = person.said_by("Copy it now").split("\n")[0]
        self.assertTrue(value.startswith("pst_"), value)
        self.server.call("POST", "/events", {"type": "a.b", "data": 1}, key=value)
        person.press("To the keys")
        person.see("billing", "events:publish", "127.0.0.0/8")
        self.assertNotIn(value, self.driver.page_source)
        person.press("billing")
        person.press("Delete this key")
        person.see("Deleted.")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.server.call("POST", "/events", {"type": "a.b", "data": 1}, key=value)
        refused.exception.close()
        person.press("Audit log")
        person.see("key.create", "key.delete", "billing")
        person.choose("Action", "key.delete")
        person.press("Filter")
        person.arrive("action=key.delete")
        person.see("key.delete")
        self.assertNotIn("events:publish\nkey.create", person.text())

    def test_the_server_shows_what_it_runs_on_without_its_secrets(self):
        from posthaste import KEY
        self.person.open("/dashboard/platform/settings")
        self.person.see("ready", "Configuration", "listen", "--listen", "admin_key", "***")
        self.assertNotIn(KEY, self.driver.page_source)


if __name__ == "__main__":
    unittest.main()
