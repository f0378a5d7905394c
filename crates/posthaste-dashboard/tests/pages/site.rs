//! The pages of an engine of its own, asked as a browser asks.

use std::sync::Arc;

use axum::{Router, body::Body, response::Response};
use http::{Request, StatusCode, header};
use posthaste::{
    chance::Chance,
    clock::{Clock, SystemClock},
    egress::{EgressRules, TargetUrl},
    event::{EventDetails, TenantId},
    json::RawJson,
    transport::{WebhookTransport, callback::CallbackTransport},
};
use posthaste_callers::Peer;
use posthaste_dashboard::Options;
use posthaste_engine::{
    Engine, EngineConfig,
    operations::{NewEvent, NewKey, NewSubscription},
};
use posthaste_store::{MemoryStore, settings::Scope};
use tower::ServiceExt;

/// A platform key.
pub(crate) const KEY: &str = "pst_0123456789012345678901234567890123456789";
/// Where the pages of the tenant `default` are.
pub(crate) const BASE: &str = "/dashboard/tenants/default";

/// A receiver that takes everything, and one that takes nothing.
pub(crate) const UP: &str = "https://up.example.com/hook";
pub(crate) const DOWN: &str = "https://down.example.com/hook";

pub(crate) struct Site {
    pub(crate) engine: Engine,
    router: Router,
    cookie: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX)
            .await
            .expect("a body");
        Self {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8(body.to_vec()).expect("UTF-8"),
        }
    }

    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str());
        value.and_then(Result::ok).unwrap_or_default()
    }

    /// The token that its forms carry.
    pub(crate) fn csrf(&self) -> &str {
        let (_, rest) = self
            .text
            .split_once("name=\"csrf\" value=\"")
            .expect("a form");
        rest.split_once('"').expect("its end").0
    }
}

impl Site {
    /// Nobody is signed in.
    pub(crate) async fn closed() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        Self::over(EngineConfig::default(), options).await
    }

    /// Signed in with [`KEY`]; every receiver is this.
    pub(crate) async fn before(transport: Arc<dyn WebhookTransport>) -> Self {
        let config = EngineConfig {
            transport,
            ..EngineConfig::default()
        };
        Self::over(config, Options::default())
            .await
            .signed_in(KEY)
            .await
    }

    /// As [`Self::open`], before [`UP`] and [`DOWN`].
    pub(crate) async fn before_up_and_down() -> Self {
        let answer = |url: &TargetUrl, _: &_, _: &_| match url.as_str() {
            DOWN => 500,
            _ => 200,
        };
        Self::before(Arc::new(CallbackTransport::new(answer))).await
    }

    async fn over(config: EngineConfig, options: Options) -> Self {
        let clock = SystemClock::new();
        let store = MemoryStore::new(clock.now());
        let config = EngineConfig {
            egress: Arc::new(EgressRules {
                allow_http: true,
                ..EgressRules::default()
            }),
            chance: Arc::new(Chance::seeded(6)),
            ..config
        };
        let engine = Engine::start(store, config).await.expect("an engine");
        engine.ensure_platform_key(KEY).await.expect("a key");
        let router = posthaste_dashboard::router(engine.clone(), options);
        Self {
            engine,
            router,
            cookie: String::new(),
        }
    }

    /// Signed in with [`KEY`].
    pub(crate) async fn open() -> Self {
        Self::closed().await.signed_in(KEY).await
    }

    /// The same pages for someone with a key of the tenant `default` that only reads.
    pub(crate) async fn as_reader(&self) -> Self {
        let by = self
            .engine
            .authenticate(KEY, None)
            .expect("the platform's key");
        let new = NewKey {
            name: "reader".to_owned(),
            scopes: vec![
                Scope::EventsRead,
                Scope::DeliveriesRead,
                Scope::SubscriptionsRead,
            ],
            tenant: Some(TenantId::default_tenant()),
            expires_at: None,
            allowed_ips: Vec::new(),
        };
        let (_, key) = self.engine.create_key(&by, new).await.expect("a key");
        let reader = Self {
            engine: self.engine.clone(),
            router: self.router.clone(),
            cookie: String::new(),
        };
        reader.signed_in(key.expose()).await
    }

    /// The same, in the hands of whoever has this key.
    pub(crate) async fn signed_in(mut self, key: &str) -> Self {
        let answer = self.send("/dashboard/sign-in", &[("key", key)]).await;
        let cookie = answer.header(header::SET_COOKIE).split(';').next();
        self.cookie = cookie.expect("a cookie").to_owned();
        self
    }

    /// A request as it stands: another's cookie, headers of its own, from a peer.
    pub(crate) async fn send_as(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        peer: Option<&str>,
        fields: &[(&str, &str)],
    ) -> Answer {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(peer) = peer {
            request = request.extension(Peer(peer.parse().expect("an address and a port")));
        }
        let request = request.body(Body::from(body.finish())).expect("a request");
        let answer = self.router.clone().oneshot(request).await;
        Answer::of(answer.expect("it cannot fail")).await
    }

    /// An answer that is no text.
    pub(crate) async fn send_raw(&self, path: &str) -> Response {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let answer = self.router.clone().oneshot(request).await;
        answer.expect("it cannot fail")
    }

    /// The session that is open.
    pub(crate) fn cookie(&self) -> &str {
        &self.cookie
    }

    async fn ask(&self, request: http::request::Builder, body: String) -> Answer {
        let request = request.header(header::COOKIE, &self.cookie);
        let request = request.body(Body::from(body)).expect("a request");
        let answer = self.router.clone().oneshot(request).await;
        Answer::of(answer.expect("it cannot fail")).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path), String::new()).await
    }

    /// An answer without an end.
    pub(crate) async fn stream(&self, path: &str) -> Response {
        let request = Request::get(path).header(header::COOKIE, &self.cookie);
        let request = request.body(Body::empty()).expect("a request");
        let answer = self.router.clone().oneshot(request).await;
        answer.expect("it cannot fail")
    }

    /// A page of the tenant `default`, which has to be there.
    pub(crate) async fn page(&self, below: &str) -> String {
        let answer = self.get(&format!("{BASE}{below}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{below}: {}", answer.text);
        answer.text
    }

    /// Sends a form as it stands.
    pub(crate) async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        self.send_written(path, body.finish()).await
    }

    /// A form as it is written.
    pub(crate) async fn send_written(&self, path: &str, body: String) -> Answer {
        let request = Request::post(path);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.ask(request, body).await
    }

    /// Sends a form of a page of the tenant `default`, with the token that pages carry.
    pub(crate) async fn submit(&self, below: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.get(BASE).await.csrf().to_owned();
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend(fields);
        self.send(&format!("{BASE}{below}"), &all).await
    }

    /// Waits until so many attempts of the tenant `default` have been counted.
    pub(crate) async fn until_attempts(&self, attempts: u64) {
        let tenant = TenantId::default_tenant();
        loop {
            let stats = self.engine.stats(&tenant, None, 60, None).await;
            if stats.expect("figures").total.attempts >= attempts {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn subscribe(&self, url: &str) -> posthaste::id::SubscriptionId {
        let new = NewSubscription::to(url.parse().expect("a URL"));
        let made = self
            .engine
            .subscribe(&TenantId::default_tenant(), new)
            .await;
        made.expect("a subscription").id
    }

    pub(crate) async fn publish(&self, event_type: &str, data: &str) -> posthaste::id::EventId {
        let event = NewEvent {
            event_type: event_type.parse().expect("an event type"),
            data: RawJson::parse(data.to_owned(), 128).expect("JSON"),
            details: EventDetails::default(),
            subscriptions: None,
            idempotency: None,
        };
        let tenant = TenantId::default_tenant();
        let published = self.engine.publish(&tenant, vec![event]).await;
        published.expect("an event")[0].id
    }
}
