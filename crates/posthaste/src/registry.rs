//! The webhooks of an embedding program: who wants which events, and how.
//!
//! It lives in memory alone; a program that wants them to outlive it uses the engine and a store.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use crate::{
    egress::TargetUrl,
    event::EventType,
    retry::{Linear, Preset, RetryPolicy, RetryPolicyError},
    signature::{Scheme, Secret, Secrets, SignatureAlgorithm, Signer},
    subscription::{EventPattern, wants},
    webhook_event::WebhookEventType,
};

/// How one webhook wants its events.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use posthaste::{WebhookConfig, WebhookEventType};
///
/// let config = WebhookConfig {
///     events: vec![WebhookEventType::CREATED.into(), "memory.*".parse()?],
///     ..WebhookConfig::new("https://example.com/hook".parse()?, "a secret of some length".parse()?)
/// };
/// assert_eq!(config.max_retries, 3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct WebhookConfig {
    /// Where requests go.
    pub url: TargetUrl,
    /// What they are signed with.
    pub secret: Secret,
    /// Types and patterns; empty (the default) is everything.
    pub events: Vec<EventPattern>,
    /// Attempts after the first one: 0 to 30, default 3.
    pub max_retries: u32,
    /// The n-th retry waits n times this: at least 50 ms, default 1 s.
    pub retry_delay: Duration,
    /// Backoff and jitter of one's own, in place of `max_retries` and `retry_delay`; default none.
    pub retry: Option<RetryPolicy>,
    /// For one whole attempt; default 10 s.
    pub timeout: Duration,
    /// The hash of `X-Webhook-Signature`; default HMAC-SHA-256.
    pub signature_algorithm: SignatureAlgorithm,
    /// Whether it gets events at all; default true.
    pub active: bool,
}

impl fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookConfig")
            .field("url", &self.url)
            .field("events", &self.events)
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

impl WebhookConfig {
    /// With everything else as its default.
    #[must_use]
    pub fn new(url: TargetUrl, secret: Secret) -> Self {
        Self {
            url,
            secret,
            events: Vec::new(),
            max_retries: 3,
            retry_delay: Duration::from_secs(1),
            retry: None,
            timeout: Duration::from_secs(10),
            signature_algorithm: SignatureAlgorithm::default(),
            active: true,
        }
    }

    /// The waits between its attempts.
    ///
    /// # Errors
    /// More than 30 retries, a delay under 50 ms, or waits of more than 30 days in all.
    pub fn retry_policy(&self) -> Result<RetryPolicy, RetryPolicyError> {
        if let Some(policy) = &self.retry {
            return Ok(policy.clone());
        }
        if self.max_retries == 0 {
            return Ok(RetryPolicy::preset(Preset::None));
        }
        let form = Linear {
            delay_s: self.retry_delay.as_secs_f64(),
            retries: self.max_retries,
        };
        RetryPolicy::linear(form, 0.0)
    }
}

/// A registered webhook: its configuration, and what was made of it once.
pub struct Webhook {
    id: String,
    config: WebhookConfig,
    policy: RetryPolicy,
    signer: Signer,
}

impl Webhook {
    fn new(id: String, config: WebhookConfig) -> Result<Self, RetryPolicyError> {
        let secrets = Secrets::new(config.secret.clone());
        let schemes = [Scheme::Standard, Scheme::XWebhook];
        Ok(Self {
            id,
            policy: config.retry_policy()?,
            signer: Signer::new(&schemes, config.signature_algorithm, &secrets),
            config,
        })
    }

    /// The name under which it was registered.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How it was registered.
    #[must_use]
    pub fn config(&self) -> &WebhookConfig {
        &self.config
    }

    pub(crate) fn policy(&self) -> &RetryPolicy {
        &self.policy
    }

    pub(crate) fn signer(&self) -> &Signer {
        &self.signer
    }

    fn takes(&self, event_type: &EventType) -> bool {
        self.config.active && wants(&self.config.events, event_type)
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Webhook");
        shown.field("id", &self.id).field("config", &self.config);
        shown.finish_non_exhaustive()
    }
}

/// Webhooks by name, in the order of their registration.
#[derive(Debug, Default)]
pub struct WebhookRegistry {
    webhooks: RwLock<Vec<Arc<Webhook>>>,
}

/// An empty registry, shared between those who register and the dispatcher.
#[must_use]
pub fn create_webhook_registry() -> Arc<WebhookRegistry> {
    Arc::default()
}

impl WebhookRegistry {
    /// Registers a webhook. A known id is replaced, and keeps its place in the order.
    ///
    /// # Errors
    /// When its retries are out of bounds, as [`WebhookConfig::retry_policy`] says; nothing changes.
    pub fn register(
        &self,
        webhook_id: impl Into<String>,
        config: WebhookConfig,
    ) -> Result<(), RetryPolicyError> {
        let webhook = Arc::new(Webhook::new(webhook_id.into(), config)?);
        // A panic elsewhere leaves the list whole: nothing here can fail half-way.
        let mut webhooks = self
            .webhooks
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match webhooks.iter_mut().find(|known| known.id == webhook.id) {
            Some(known) => *known = webhook,
            None => webhooks.push(webhook),
        }
        Ok(())
    }

    /// Forgets a webhook, and says whether there was one. What is under way to it goes on.
    pub fn unregister(&self, webhook_id: &str) -> bool {
        let mut webhooks = self
            .webhooks
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let before = webhooks.len();
        webhooks.retain(|known| known.id != webhook_id);
        webhooks.len() < before
    }

    /// The webhook of that name.
    #[must_use]
    pub fn get(&self, webhook_id: &str) -> Option<Arc<Webhook>> {
        self.filtered(|webhook| webhook.id == webhook_id).pop()
    }

    /// All, the inactive ones too.
    #[must_use]
    pub fn list_all(&self) -> Vec<Arc<Webhook>> {
        self.filtered(|_| true)
    }

    /// The active ones that want this type, by name, by pattern, or because they want everything.
    #[must_use]
    pub fn list_for_event(&self, event_type: &WebhookEventType) -> Vec<Arc<Webhook>> {
        let event_type = EventType::from(event_type);
        self.filtered(|webhook| webhook.takes(&event_type))
    }

    fn filtered(&self, keep: impl Fn(&Webhook) -> bool) -> Vec<Arc<Webhook>> {
        let webhooks = self.webhooks.read().unwrap_or_else(PoisonError::into_inner);
        webhooks
            .iter()
            .filter(|webhook| keep(webhook))
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(events: &[&str]) -> WebhookConfig {
        let url = "https://example.com/hook".parse().unwrap();
        WebhookConfig {
            events: events.iter().map(|event| event.parse().unwrap()).collect(),
            ..WebhookConfig::new(url, Secret::generate())
        }
    }

    fn ids(webhooks: &[Arc<Webhook>]) -> Vec<&str> {
        webhooks.iter().map(|webhook| webhook.id()).collect()
    }

    #[test]
    fn a_known_id_is_replaced_in_its_place() {
        let registry = create_webhook_registry();
        for id in ["b", "a", "c"] {
            registry.register(id, config(&[])).unwrap();
        }
        registry.register("a", config(&["created"])).unwrap();
        assert_eq!(ids(&registry.list_all()), ["b", "a", "c"]);
        assert_eq!(registry.get("a").unwrap().config().events.len(), 1);
    }

    #[test]
    fn unregister_says_whether_there_was_one() {
        let registry = create_webhook_registry();
        registry.register("a", config(&[])).unwrap();
        assert!(registry.unregister("a"));
        assert!(!registry.unregister("a"));
        assert!(registry.get("a").is_none());
    }

    #[test]
    fn an_event_is_for_the_active_who_want_its_type_or_everything() {
        let registry = create_webhook_registry();
        let inactive = WebhookConfig {
            active: false,
            ..config(&[])
        };
        registry.register("all", config(&[])).unwrap();
        registry.register("inactive", inactive).unwrap();
        registry.register("star", config(&["*"])).unwrap();
        registry.register("created", config(&["created"])).unwrap();
        registry.register("memory", config(&["memory.*"])).unwrap();
        let for_type = |name: &str| {
            let webhooks = registry.list_for_event(&name.parse().unwrap());
            ids(&webhooks).join(" ")
        };
        assert_eq!(for_type("created"), "all star created");
        assert_eq!(for_type("memory.created"), "all star memory");
        assert_eq!(for_type("deleted"), "all star");
        assert_eq!(registry.list_all().len(), 5);
    }

    #[test]
    fn retries_out_of_bounds_are_refused_and_change_nothing() {
        let registry = create_webhook_registry();
        for (max_retries, retry_delay) in [(31, 1000), (3, 49)] {
            let retry_delay = Duration::from_millis(retry_delay);
            let config = WebhookConfig {
                max_retries,
                retry_delay,
                ..config(&[])
            };
            assert!(registry.register("a", config).is_err());
        }
        assert!(registry.list_all().is_empty());
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        let registry = create_webhook_registry();
        registry.register("a", config(&[])).unwrap();
        let shown = format!("{registry:?}");
        assert!(
            shown.contains("example.com") && !shown.contains("whsec_"),
            "{shown}"
        );
    }
}
