//! How an inbox is shown, and what came to it: bytes that are no text as base64, so that nothing is
//! lost.

use std::net::IpAddr;

use data_encoding::BASE64;
use posthaste::{
    clock::Timestamp,
    id::{InboxId, SubscriptionId},
    signature::Scheme,
};
use posthaste_engine::Engine;
use posthaste_store::inbox::{
    Bin, Check, HeaderBytes, Inbox, InboxAnswer, InboxRequest, Verdict, Verification, Via,
};
use serde::Serialize;
use utoipa::ToSchema;

/// A request bin.
#[derive(Serialize, ToSchema)]
#[schema(as = Inbox)]
pub(crate) struct InboxView<'a> {
    #[schema(value_type = String)]
    id: InboxId,
    /// `inbox` or `webhook.site`.
    kind: &'static str,
    name: &'a str,
    /// Where requests to it go: any method, any path below it, no key.
    url: String,
    /// Where webhook.site shows what came; null for an inbox of this server.
    view_url: Option<&'a str>,
    /// Null for an inbox at webhook.site.
    answer: Option<AnswerView<'a>>,
    /// What comes is verified with the secrets of this subscription.
    #[schema(value_type = Option<String>)]
    subscription: Option<SubscriptionId>,
    /// `***` where it is verified with a secret of its own.
    secret: Option<&'static str>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// What every request is answered.
#[derive(Serialize, ToSchema)]
#[schema(as = InboxAnswer)]
pub(crate) struct AnswerView<'a> {
    status: u16,
    delay_ms: u32,
    retry_after_s: Option<u32>,
    content_type: &'static str,
    body: &'a str,
}

impl<'a> InboxView<'a> {
    pub(crate) fn of(inbox: &'a Inbox, engine: &Engine) -> Self {
        let (kind, view_url, answer) = match &inbox.bin {
            Bin::Own { answer, .. } => ("inbox", None, Some(AnswerView::of(answer))),
            Bin::WebhookSite { view_url, .. } => ("webhook.site", Some(view_url.as_str()), None),
        };
        Self {
            id: inbox.id,
            kind,
            name: &inbox.name,
            url: engine.inbox_url(inbox).to_string(),
            view_url,
            answer,
            subscription: inbox.subscription(),
            secret: matches!(inbox.check, Check::Secret(_)).then_some("***"),
            created_at: inbox.created_at(),
        }
    }
}

impl<'a> AnswerView<'a> {
    fn of(answer: &'a InboxAnswer) -> Self {
        Self {
            status: answer.status,
            delay_ms: answer.delay_ms,
            retry_after_s: answer.retry_after_s,
            content_type: answer.content_type.as_str(),
            body: &answer.body,
        }
    }
}

/// Something that came to an inbox.
#[derive(Serialize, ToSchema)]
#[schema(as = InboxRequest)]
pub(crate) struct RequestView<'a> {
    /// From 1, in its inbox; never given again.
    number: u64,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    method: &'a str,
    /// Below the inbox's URL, as it was written.
    path: &'a str,
    query: Option<&'a str>,
    headers: Vec<HeaderView<'a>>,
    /// `network`, or `direct`: a delivery of this server's, without a connection.
    via: &'static str,
    #[schema(value_type = Option<String>)]
    address: Option<IpAddr>,
    /// Its text; null where it is not UTF-8.
    body: Option<&'a str>,
    /// Null where `body` is there.
    body_base64: Option<String>,
    /// Bytes that came; of a longer body the first 262,144 are kept.
    body_bytes: u64,
    /// The body was too large, too late or broke off, and the request was refused.
    incomplete: bool,
    /// Null where there was nothing to verify it with.
    verification: Option<VerificationView<'a>>,
    /// The status that it was answered with.
    answered: u16,
}

/// One header of a request.
#[derive(Serialize, ToSchema)]
#[schema(as = InboxRequestHeader)]
pub(crate) struct HeaderView<'a> {
    /// In lower case.
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    /// Where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
}

/// Whether a request's signatures verify.
#[derive(Serialize, ToSchema)]
#[schema(as = InboxVerification)]
pub(crate) struct VerificationView<'a> {
    /// It is signed, and every signature that it carries or should carry verifies.
    valid: bool,
    schemes: Vec<VerdictView<'a>>,
}

/// Of one scheme.
#[derive(Serialize, ToSchema)]
#[schema(as = InboxVerdict)]
pub(crate) struct VerdictView<'a> {
    /// `standard`, `pt` or `x-webhook`.
    #[schema(value_type = String)]
    scheme: Scheme,
    valid: bool,
    /// Why not.
    reason: Option<&'a str>,
}

impl<'a> RequestView<'a> {
    pub(crate) fn of(request: &'a InboxRequest) -> Self {
        let (arrival, head) = (&request.arrival, &request.arrival.head);
        let body = std::str::from_utf8(&arrival.body);
        let (via, address) = match head.via {
            Via::Network(address) => ("network", address),
            Via::Direct => ("direct", None),
        };
        Self {
            number: request.number,
            at: arrival.at,
            method: &head.method,
            path: &head.path,
            query: head.query.as_deref(),
            headers: head.headers.iter().map(HeaderView::of).collect(),
            via,
            address,
            body: body.ok(),
            body_base64: body.err().map(|_| BASE64.encode(&arrival.body)),
            body_bytes: head.body_bytes,
            incomplete: head.incomplete,
            verification: head.verification.as_ref().map(VerificationView::of),
            answered: head.answered,
        }
    }
}

impl<'a> HeaderView<'a> {
    fn of((name, value): &'a (String, HeaderBytes)) -> Self {
        let text = std::str::from_utf8(&value.0);
        Self {
            name,
            value: text.ok(),
            value_base64: text.err().map(|_| BASE64.encode(&value.0)),
        }
    }
}

impl<'a> VerificationView<'a> {
    fn of(verification: &'a Verification) -> Self {
        let view = |verdict: &'a Verdict| VerdictView {
            scheme: verdict.scheme,
            valid: verdict.fault.is_none(),
            reason: verdict.fault.as_deref(),
        };
        Self {
            valid: verification.is_valid(),
            schemes: verification.0.iter().map(view).collect(),
        }
    }
}
