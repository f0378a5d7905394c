//! One API, with one platform key, and requests to it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{Router, body::Body};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use posthaste::{
    chance::Chance,
    clock::{Clock, Timestamp},
    delivery::FailureClass,
    egress::{EgressRules, TargetUrl},
    transport::{Answer, Headers, TransportError, WebhookTransport},
};
use posthaste_api::Options;
use posthaste_callers::Callers;
use posthaste_engine::{Bounds, Engine, EngineConfig, Limits, Retention, inboxes::InboxConfig};
use posthaste_store::MemoryStore;
use serde_json::Value;
use tower::ServiceExt;

pub const BASE: &str = "/api/v1/webhooks";
pub const PLATFORM_KEY: &str = "pst_platform0123456789012345678901234567890";
const START: Timestamp = Timestamp::from_millis(1_795_293_360_000);

/// Time as tokio's paused runtime tells it.
struct VirtualClock(tokio::time::Instant);

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        START + self.0.elapsed()
    }

    fn wall(&self) -> Timestamp {
        self.now()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Receivers that do as their path says: `/down` fails, `/busy` asks for an hour, all others take
/// everything.
struct Receivers;

#[async_trait]
impl WebhookTransport for Receivers {
    async fn send(
        &self,
        url: &TargetUrl,
        _: Bytes,
        _: &Headers,
        _: Duration,
    ) -> Result<Answer, TransportError> {
        let (status, retry_after) = match url.as_str() {
            url if url.ends_with("/down") => (500, None),
            "https://webhook.site/token" => return Ok(token()),
            "https://down.site/token" => return Err(unreachable_site()),
            url if url.ends_with("/busy") => (503, Some(Duration::from_secs(3600))),
            _ => (200, None),
        };
        Ok(Answer {
            status,
            headers: "content-type: text/plain\n".to_owned(),
            body: Bytes::from_static(b"thanks"),
            retry_after,
        })
    }
}

/// As webhook.site answers.
fn token() -> Answer {
    Answer {
        status: 201,
        body: Bytes::from_static(br#"{"uuid":"0a-1b","redirect":false}"#),
        ..Answer::default()
    }
}

fn unreachable_site() -> TransportError {
    TransportError {
        class: FailureClass::Connect,
        detail: "connection refused".to_owned(),
    }
}

pub struct World {
    pub router: Router,
    pub engine: Engine,
}

/// An answer, read whole.
pub struct Answered {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: Value,
    pub text: String,
}

impl World {
    pub async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    pub async fn with(limits: Limits) -> Self {
        Self::with_all(limits, &[]).await
    }

    /// Pages of these origins may read its answers.
    pub async fn with_origins(origins: &[&str]) -> Self {
        Self::with_all(Limits::default(), origins).await
    }

    async fn with_all(limits: Limits, origins: &[&str]) -> Self {
        Self::made(limits, origins, None).await
    }

    /// With webhook.site's API there.
    pub async fn with_webhook_site(at: &str) -> Self {
        Self::made(Limits::default(), &[], at.parse().ok()).await
    }

    #[allow(clippy::disallowed_methods)] // paused: this reads no clock
    async fn made(limits: Limits, origins: &[&str], webhook_site: Option<TargetUrl>) -> Self {
        let config = EngineConfig {
            inboxes: InboxConfig {
                webhook_site,
                ..InboxConfig::default()
            },
            limits,
            retention: Retention::default(),
            bounds: Bounds::default(),
            egress: Arc::new(EgressRules::default()),
            transport: Arc::new(Receivers),
            clock: Arc::new(VirtualClock(tokio::time::Instant::now())),
            chance: Arc::new(Chance::seeded(7)),
        };
        let store = Arc::new(MemoryStore::new(START));
        let engine = Engine::over(store, config).await.unwrap();
        engine.ensure_platform_key(PLATFORM_KEY).await.unwrap();
        let options = Options {
            body_deadline: Duration::from_millis(300),
            origins: origins.iter().map(|one| one.parse().unwrap()).collect(),
            callers: Callers::new(vec!["10.0.0.0/8".parse().unwrap()], 60),
            ..Options::default()
        };
        let router = posthaste_api::router(engine.clone(), options);
        Self { router, engine }
    }

    pub async fn send(&self, request: Request<Body>) -> Answered {
        let response: Response<Body> = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let id = parts.headers.get("x-request-id");
        assert!(id.is_some(), "every answer has an id: {text}");
        Answered {
            status: parts.status,
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            headers: parts.headers,
            text,
        }
    }

    /// With the platform's key.
    pub async fn call(&self, method: &str, path: &str, body: impl Into<Body>) -> Answered {
        self.call_with(method, path, &[], body).await
    }

    pub async fn call_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answered {
        let bearer = format!("Bearer {PLATFORM_KEY}");
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend(headers);
        self.send(request(method, path, &all, body)).await
    }

    pub async fn get(&self, path: &str) -> Answered {
        self.call("GET", path, Body::empty()).await
    }

    pub async fn post(&self, path: &str, body: &str) -> Answered {
        self.call("POST", path, body.to_owned()).await
    }

    /// A key of a tenant with these scopes.
    pub async fn key(&self, tenant: &str, scopes: &str) -> String {
        let body = format!(r#"{{"scopes":{scopes}}}"#);
        let headers = [("posthaste-tenant", tenant)];
        let made = self.call_with("POST", "/keys", &headers, body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.body["key"].as_str().unwrap().to_owned()
    }

    pub async fn subscribe(&self, body: &str) -> Answered {
        let made = self.post("/subscriptions", body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made
    }

    /// Lets everything that is due happen.
    pub async fn settle(&self) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// A request to a path below the base, or to one at the root that begins with `//`.
pub fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Request<Body> {
    let uri = match path.strip_prefix("//") {
        Some(root) => format!("/{root}"),
        None => format!("{BASE}{path}"),
    };
    let mut request = Request::builder().method(method).uri(uri);
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

impl Answered {
    /// Its problem's slug and the code of the first field error.
    pub fn problem(&self) -> (&str, &str) {
        let content_type = self
            .headers
            .get(header::CONTENT_TYPE)
            .map(|v| v.to_str().unwrap());
        assert_eq!(
            content_type,
            Some("application/problem+json"),
            "{}",
            self.text
        );
        assert_eq!(self.body["status"], self.status.as_u16(), "{}", self.text);
        let slug = self.body["type"].as_str().unwrap();
        let slug = slug.strip_prefix("/problems/").unwrap();
        (slug, self.body["errors"][0]["code"].as_str().unwrap_or(""))
    }

    pub fn pointers(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().unwrap();
        errors
            .iter()
            .map(|error| error["pointer"].as_str().unwrap())
            .collect()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
