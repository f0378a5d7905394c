//! A delivery to an inbox of this very server: handed over without a connection, and answered, late
//! or refused as over one.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use posthaste::{
    delivery::FailureClass,
    egress::TargetUrl,
    event::TenantId,
    transport::{Answer, Post, TransportError},
};
use posthaste_store::inbox::Via;

use super::{
    Incoming, NotReceived, PATH, Reply,
    reception::{Reception, token},
};

impl Reception {
    /// What stands behind the place of inboxes in a URL of this server's: the token, the path below
    /// it and the query.
    fn parts<'u>(&self, url: &'u TargetUrl) -> Option<(&'u str, &'u str, Option<&'u str>)> {
        let origins = [&self.public_url, &self.listens_on];
        let same = origins.iter().any(|own| url.origin() == own.as_str());
        let path = url.path_and_query();
        let token = token(path).filter(|_| same)?;
        let below = &path[PATH.len() + token.len()..];
        Some(match below.split_once('?') {
            Some((below, query)) => (token, below, Some(query)),
            None => (token, below, None),
        })
    }

    /// Whether this is an inbox of the tenant's on this server.
    pub fn is_own(&self, tenant: &TenantId, url: &TargetUrl) -> bool {
        let token = self.parts(url).map(|(token, ..)| token);
        let known = token.and_then(|token| self.inboxes.by_token(token));
        known.is_some_and(|known| known.inbox.tenant == *tenant)
    }

    /// Takes in a delivery of the tenant's; none where it goes to no inbox of this server.
    pub async fn take_in(
        self: &Arc<Self>,
        tenant: &TenantId,
        post: &Post<'_>,
    ) -> Option<Result<Answer, TransportError>> {
        let (token, path, query) = self.parts(post.url)?;
        if !self.is_own(tenant, post.url) {
            return Some(Ok(refused(&NotReceived::NoInbox)));
        }
        let incoming = Incoming {
            method: "POST".to_owned(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            headers: headers(post),
            via: Via::Direct,
            body: post.payload.clone(),
            incomplete: None,
        };
        let answered = tokio::time::timeout(post.timeout, self.hand_over(token, incoming));
        Some(answered.await.map_err(|_| TransportError {
            class: FailureClass::Timeout,
            detail: format!("no answer within {} ms", post.timeout.as_millis()),
        }))
    }

    async fn hand_over(self: &Arc<Self>, token: &str, incoming: Incoming) -> Answer {
        let kept = match self.enter(token) {
            Ok(place) => place.keep(incoming).await,
            Err(error) => Err(error),
        };
        match kept {
            Ok(reply) => {
                self.wait(reply.delay).await;
                answer(reply)
            }
            Err(error) => refused(&error),
        }
    }

    /// An answer's delay, cut short when the engine drains.
    async fn wait(&self, delay: Duration) {
        let mut draining = self.draining.clone();
        let drained = draining.wait_for(|draining| *draining);
        tokio::time::timeout(delay, drained).await.ok();
    }
}

fn headers(post: &Post<'_>) -> Vec<(String, Vec<u8>)> {
    let all = post.all_headers().into_iter();
    all.map(|(name, value)| (name.into_owned(), value.into_bytes()))
        .collect()
}

fn answer(reply: Reply) -> Answer {
    let mut headers = format!("content-type: {}\n", reply.content_type.as_str());
    if let Some(seconds) = reply.retry_after_s {
        headers += &format!("retry-after: {seconds}\n");
    }
    Answer {
        status: reply.status,
        headers,
        body: reply.body.into(),
        retry_after: reply.retry_after_s.map(|s| Duration::from_secs(s.into())),
    }
}

/// As the same request is refused over a connection.
fn refused(error: &NotReceived) -> Answer {
    let (status, retry_after) = match error {
        NotReceived::NoInbox => (404, None),
        NotReceived::TooMany { retry_after } => (429, Some(*retry_after)),
        NotReceived::Storage(_) => (503, None),
    };
    Answer {
        status,
        headers: String::new(),
        body: Bytes::from(error.to_string()),
        retry_after,
    }
}
