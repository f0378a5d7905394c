//! The contract's routes in short: each call asserts the status that it names.

use serde_json::{Value, json};

use crate::{
    http::{Answer, Client},
    wait::{SOON, until},
};

pub const BASE: &str = "/api/v1/webhooks";

impl Client {
    #[track_caller]
    pub fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = match body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        self.send(method, &format!("{BASE}{path}"), &body)
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.call("GET", path, &Value::Null).expect(200)
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &Value, status: u16) -> Value {
        self.call("POST", path, body).expect(status)
    }

    #[track_caller]
    pub fn patch(&self, path: &str, body: &Value) -> Value {
        self.call("PATCH", path, body).expect(200)
    }

    #[track_caller]
    pub fn delete(&self, path: &str, status: u16) -> Value {
        self.call("DELETE", path, &Value::Null).expect(status)
    }

    /// A subscription of everything to a URL, with more members.
    #[track_caller]
    pub fn subscribe(&self, url: &str, more: Value) -> Value {
        let mut body = json!({"url": url});
        merge(&mut body, more);
        self.post("/subscriptions", &body, 201)
    }

    #[track_caller]
    pub fn publish(&self, event_type: &str, data: Value) -> Value {
        let mut event = json!({"type": event_type});
        event["data"] = data;
        self.post("/events", &event, 202)
    }

    /// The one delivery of an event.
    #[track_caller]
    pub fn delivery_of(&self, event: &Value) -> String {
        let found = self.get(&format!("/events/{}/deliveries", id(event)));
        let found = found["data"].as_array().expect("a list");
        assert_eq!(found.len(), 1, "{found:?}");
        id(&found[0])
    }

    #[track_caller]
    pub fn delivery(&self, delivery: &str) -> Value {
        self.get(&format!("/deliveries/{delivery}"))
    }

    /// Waits until a delivery has this status.
    #[track_caller]
    pub fn delivery_when(&self, delivery: &str, status: &str) -> Value {
        until(&format!("{delivery} is {status}"), SOON, || {
            let seen = self.delivery(delivery);
            (seen["status"] == status).then_some(seen)
        })
    }

    #[track_caller]
    pub fn subscription(&self, subscription: &str) -> Value {
        self.get(&format!("/subscriptions/{subscription}"))
    }

    /// Waits until a subscription is as it is asked to be.
    #[track_caller]
    pub fn subscription_when(
        &self,
        subscription: &str,
        what: &str,
        is: impl Fn(&Value) -> bool,
    ) -> Value {
        until(what, SOON, || {
            let seen = self.subscription(subscription);
            is(&seen).then_some(seen)
        })
    }

    /// Waits until as many deliveries answer a query, and gives them.
    #[track_caller]
    pub fn deliveries_when(&self, query: &str, count: usize) -> Vec<Value> {
        until(&format!("{count} deliveries with {query}"), SOON, || {
            let found = self.list(&format!("/deliveries?limit=100&{query}"));
            (found.len() == count).then_some(found)
        })
    }

    /// A list to its end, over all its pages.
    #[track_caller]
    pub fn list(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut page = self.get(path);
        loop {
            all.extend(page["data"].as_array().expect("a list").iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else {
                return all;
            };
            let more = if path.contains('?') { '&' } else { '?' };
            page = self.get(&format!("{path}{more}cursor={cursor}"));
        }
    }
}

/// The `id` of an object.
#[track_caller]
pub fn id(object: &Value) -> String {
    text(object, "id")
}

#[track_caller]
pub fn text(object: &Value, member: &str) -> String {
    let found = object[member].as_str();
    found
        .unwrap_or_else(|| panic!("no text {member} in {object}"))
        .to_owned()
}

/// The names of an object's members, sorted.
#[track_caller]
pub fn members(object: &Value) -> Vec<&str> {
    let mut names: Vec<_> = object
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

#[track_caller]
pub fn assert_members(object: &Value, expected: &[&str]) {
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(members(object), expected, "{object}");
}

fn merge(into: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
}
