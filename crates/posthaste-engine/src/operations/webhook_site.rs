//! A fresh URL at webhook.site, for whoever wants to look at real deliveries outside. It is asked
//! like any receiver: through the same transport, under the same rules.

use std::time::Duration;

use bytes::Bytes;
use posthaste::{
    egress::TargetUrl,
    event::TenantId,
    transport::{Answer, Post},
};
use posthaste_store::inbox::Bin;
use serde::Deserialize;

use super::OperationError;
use crate::{Engine, delivery::attempt::USER_AGENT};

/// How long it may take to answer.
const WITHIN: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Token {
    uuid: String,
}

impl Engine {
    /// Whether it may be asked for anything.
    #[must_use]
    pub fn has_webhook_site(&self) -> bool {
        self.0.config.inboxes.webhook_site.is_some()
    }

    /// Asks for a token there.
    pub(super) async fn webhook_site(&self, tenant: &TenantId) -> Result<Bin, OperationError> {
        let base = self.0.config.inboxes.webhook_site.as_ref();
        let base = base.ok_or(OperationError::WebhookSiteOff)?;
        let base = base.as_str().trim_end_matches('/');
        let asked: TargetUrl = format!("{base}/token").parse().map_err(|_| malformed())?;
        let headers = vec![
            ("accept".into(), "application/json".to_owned()),
            ("content-type".into(), "application/json".to_owned()),
            ("user-agent".into(), USER_AGENT.to_owned()),
        ];
        let (payload, denied) = (Bytes::from_static(b"{}"), self.snapshot().denied(tenant));
        let post = Post::new(&asked, &payload, &headers, WITHIN).without(&denied);
        let answered = self.0.config.transport.post(post).await;
        let answer = answered.map_err(|error| OperationError::Upstream(error.to_string()))?;
        bin(base, &answer)
    }
}

fn bin(base: &str, answer: &Answer) -> Result<Bin, OperationError> {
    if !(200..300).contains(&answer.status) {
        let status = answer.status;
        return Err(OperationError::Upstream(format!("it answered {status}")));
    }
    let token: Token = serde_json::from_slice(&answer.body).map_err(|_| malformed())?;
    let uuid = token.uuid;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !(1..=64).contains(&uuid.len()) || !uuid.bytes().all(plain) {
        return Err(malformed());
    }
    Ok(Bin::WebhookSite {
        url: format!("{base}/{uuid}").parse().map_err(|_| malformed())?,
        view_url: format!("{base}/#!/view/{uuid}"),
    })
}

fn malformed() -> OperationError {
    OperationError::Upstream("its answer is not what webhook.site answers".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &'static str, url: Option<&str>) {
        let body = Bytes::from_static(body.as_bytes());
        let answer = Answer {
            status,
            body,
            ..Answer::default()
        };
        let found = bin("https://webhook.site", &answer)
            .ok()
            .map(|bin| match bin {
                Bin::WebhookSite { url, .. } => url.to_string(),
                Bin::Own { .. } => unreachable!("it is elsewhere"),
            });
        assert_eq!(found.as_deref(), url, "{status} {answer:?}");
    }

    #[test]
    fn a_token_is_taken_from_an_answer_of_the_right_form_alone() {
        check(
            201,
            r#"{"uuid":"0a-B","ip":"::1"}"#,
            Some("https://webhook.site/0a-B"),
        );
        check(200, r#"{"uuid":"1"}"#, Some("https://webhook.site/1"));
        check(500, r#"{"uuid":"1"}"#, None);
        for bad in [
            "",
            "{}",
            r#"{"uuid":7}"#,
            r#"{"uuid":""}"#,
            r#"{"uuid":"../x"}"#,
            r#"{"uuid":"a b"}"#,
        ] {
            check(200, bad, None);
        }
    }
}
