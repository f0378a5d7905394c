//! The API without a socket: an engine over the model store, and requests that go straight to the
//! router. One world serves many calls and is then made anew, so that memory stays bounded.

use std::{cell::RefCell, sync::Arc, time::Duration};

use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use posthaste::{
    clock::{ManualClock, Timestamp},
    egress::TargetUrl,
    transport::{Answer, Headers, TransportError, WebhookTransport},
};
use posthaste_api::Options;
use posthaste_engine::{Engine, EngineConfig};
use posthaste_store::MemoryStore;
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt;

const BASE: &str = "/api/v1/webhooks";
const KEY: &str = "pst_platform0123456789012345678901234567890";
const START: Timestamp = Timestamp::from_millis(1_795_293_360_000);
/// Requests to one world.
const REQUESTS_MAX: usize = 500;
/// What of the input may stand in an answer, in bytes.
const ECHO_MAX: usize = 64;

pub struct World {
    runtime: Runtime,
    router: axum::Router,
    left: usize,
}

pub struct Answered {
    pub status: u16,
    pub text: String,
    pub body: Value,
}

/// Takes everything, as receivers of a test do.
struct Receivers;

#[async_trait::async_trait]
impl WebhookTransport for Receivers {
    async fn send(
        &self,
        _: &TargetUrl,
        _: bytes::Bytes,
        _: &Headers,
        _: Duration,
    ) -> Result<Answer, TransportError> {
        Ok(Answer {
            status: 200,
            ..Answer::default()
        })
    }
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Something is done to a world that others may have used before.
pub fn with<T>(what: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(|world| {
        if world.as_ref().is_some_and(|world| world.left == 0) {
            *world = None;
        }
        what(world.get_or_insert_with(World::new))
    })
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime needs nothing");
        let router = runtime.block_on(async {
            let config = EngineConfig {
                transport: Arc::new(Receivers),
                clock: Arc::new(ManualClock::at(START)),
                ..EngineConfig::default()
            };
            let engine = Engine::start(MemoryStore::new(START), config).await;
            let engine = engine.expect("the model store does not fail");
            let made = engine.ensure_platform_key(KEY).await;
            made.expect("the model store does not fail");
            posthaste_api::router(engine, Options::default())
        });
        Self {
            runtime,
            router,
            left: REQUESTS_MAX,
        }
    }

    pub fn get(&mut self, path: &str) -> Answered {
        self.send("GET", path, "application/json", &[])
    }

    pub fn post(&mut self, path: &str, body: &[u8]) -> Answered {
        self.send("POST", path, "application/json", body)
    }

    /// A request with the platform's key, and an answer that keeps the rules of every answer.
    pub fn send(&mut self, method: &str, path: &str, form: &str, body: &[u8]) -> Answered {
        self.left = self.left.saturating_sub(1);
        let request = Request::builder()
            .method(method)
            .uri(format!("{BASE}{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {KEY}"))
            .header(header::CONTENT_TYPE, form)
            .body(Body::from(body.to_vec()))
            .expect("a caller gives a path that HTTP can carry");
        let router = self.router.clone();
        let (parts, bytes) = self.runtime.block_on(async {
            let response = router.oneshot(request).await.expect("a router answers");
            let (parts, body) = response.into_parts();
            (
                parts,
                body.collect().await.expect("an answer is whole").to_bytes(),
            )
        });
        assert!(parts.headers.contains_key("x-request-id"));
        let text = String::from_utf8(bytes.to_vec()).expect("answers are UTF-8");
        let answered = Answered {
            status: parts.status.as_u16(),
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        };
        if !parts.status.is_success() {
            let form = parts.headers.get(header::CONTENT_TYPE);
            assert_eq!(
                form.unwrap(),
                "application/problem+json",
                "{}",
                answered.text
            );
            refusal(parts.status, &answered, body);
        }
        answered
    }

    /// The id of what was stored last; nothing where nothing was.
    pub fn newest_event(&mut self) -> Option<String> {
        let page = self.get("/events?limit=1");
        let id = page.body["data"][0]["id"].as_str();
        id.map(str::to_owned)
    }
}

/// A problem says what is wrong, and repeats next to nothing of what was sent.
fn refusal(status: StatusCode, answered: &Answered, body: &[u8]) {
    let text = &answered.text;
    assert!(status.is_client_error(), "{text}");
    assert_eq!(answered.body["status"], status.as_u16(), "{text}");
    let slug = answered.body["type"].as_str();
    assert!(
        slug.is_some_and(|slug| slug.starts_with("/problems/")),
        "{text}"
    );
    let mut words = body.split(|byte| !byte.is_ascii_alphanumeric());
    if let Some(long) = words.find(|word| word.len() > ECHO_MAX) {
        let long = std::str::from_utf8(&long[..=ECHO_MAX]).expect("it is ASCII");
        assert!(!text.contains(long), "{text}");
    }
}
