//! Who receives: three endpoints as one meets them and an inbox, and their subscriptions.

use std::net::{Ipv4Addr, SocketAddr};

use posthaste_receiver::{Behaviour, Receiver, Reply, Script};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    client::{Call, Client},
    paint::{Ink, Paint},
};

/// One receiver, and the subscription that leads to it.
pub struct Part {
    pub name: &'static str,
    pub about: &'static str,
    ink: Ink,
    pub subscription: String,
    pub secret: String,
    pub receiver: Receiver,
}

impl Part {
    pub fn painted(&self, paint: Paint) -> String {
        paint.ink(self.ink, &format!("{:7}", self.name))
    }
}

pub struct Cast {
    pub parts: Vec<Part>,
    pub inbox: Inbox,
}

/// A request bin of the server's own, with a subscription that leads there.
#[derive(Deserialize)]
pub struct Inbox {
    pub id: String,
}

impl Inbox {
    pub fn painted(paint: Paint) -> String {
        paint.ink(Ink::Cyan, &format!("{:7}", "inbox"))
    }
}

#[derive(Deserialize)]
struct Subscribed {
    id: String,
    secret: String,
}

/// What is told about a receiver before it enters.
struct Role {
    name: &'static str,
    about: &'static str,
    ink: Ink,
    script: Script,
    settings: Value,
}

impl Cast {
    /// Starts the receivers, subscribes them, and makes the inbox.
    pub async fn enter(client: &Client) -> anyhow::Result<Self> {
        let mut parts = Vec::new();
        for role in roles() {
            parts.push(enter(client, role).await?);
        }
        let call = Call::post("/inboxes").json(&json!({"name": "demo", "subscribe": {}}));
        let inbox = client.call(call).await?.read()?;
        Ok(Self { parts, inbox })
    }

    pub fn of(&self, subscription: &str) -> Option<&Part> {
        self.parts
            .iter()
            .find(|part| part.subscription == subscription)
    }

    pub async fn leave(self) {
        for part in self.parts {
            part.receiver.shutdown().await;
        }
    }
}

/// All retries of each are made within 5 s, jitter included.
fn roles() -> [Role; 3] {
    use std::time::Duration;
    let answer = |status, delay_ms| {
        Behaviour::from(Reply::status(status).after(Duration::from_millis(delay_ms)))
    };
    let moody = Behaviour::FailShare {
        share: 0.35,
        status: 503,
        seed: 7,
    };
    [
        Role {
            name: "healthy",
            about: "answers 200, every time",
            ink: Ink::Green,
            script: Script::sequence([answer(204, 9), answer(200, 4)]),
            settings: json!({"retry": {"schedule_s": [0.5, 1]}}),
        },
        Role {
            name: "flaky",
            about: "answers 503 to every third request or so, and is retried",
            ink: Ink::Yellow,
            script: Script::sequence([moody]),
            settings: json!({"retry": {"schedule_s": [0.15, 0.3, 0.6, 1.2, 1.2]}}),
        },
        Role {
            name: "dead",
            about: "answers 500 for ever; after 5 dead letters it is paused, and the rest is held",
            ink: Ink::Red,
            script: Script::always(answer(500, 3)),
            settings: json!({
                "retry": {"schedule_s": [0.2, 0.4]}, "max_in_flight": 2, "auto_pause_after": 5,
            }),
        },
    ]
}

async fn enter(client: &Client, role: Role) -> anyhow::Result<Part> {
    let anywhere = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
    let receiver = Receiver::start(anywhere, role.script).await?;
    let mut body = role.settings;
    body["url"] = receiver.url(&format!("/{}", role.name)).into();
    body["description"] = role.about.into();
    let call = Call::post("/subscriptions").json(&body);
    let Subscribed { id, secret } = client.call(call).await?.read()?;
    Ok(Part {
        name: role.name,
        about: role.about,
        ink: role.ink,
        subscription: id,
        secret,
        receiver,
    })
}
