//! What may be said about an inbox, in a POST and in a PATCH.

use posthaste::{id::SubscriptionId, signature::Secret, subscription::EventPattern};
use posthaste_engine::operations::{AnswerPatch, InboxPatch, NewBin, NewCheck, NewInbox};
use posthaste_store::inbox::{AnswerType, InboxAnswer};
use utoipa::ToSchema;

use super::subscription_body::patterns;
use crate::{
    fields::{Fields, nested},
    problem::Problem,
    values::{Fault, Read, line, parsed, text, whole},
};

const NAME_MAX: usize = 255;
/// Bytes of an answer's body.
const ANSWER_MAX: usize = 16 * 1024;
const DELAY_MS_MAX: u32 = 30_000;
const RETRY_AFTER_S_MAX: u32 = 86_400;

/// An inbox to make.
#[derive(ToSchema)]
#[schema(as = NewInbox)]
#[allow(dead_code)] // the document's shape
pub(crate) struct NewInboxShape {
    /// `inbox` unless chosen; `webhook.site` asks there for a fresh URL.
    kind: Option<String>,
    #[serde(flatten)]
    rest: InboxShape,
}

/// What may be chosen.
#[derive(ToSchema)]
#[schema(as = InboxPatch)]
#[allow(dead_code)] // the document's shape
pub(crate) struct InboxShape {
    /// For people, at most 255 bytes.
    name: Option<String>,
    answer: Option<AnswerShape>,
    /// Verifies what comes with the secrets of this subscription, as they are by then.
    subscription: Option<String>,
    /// Verifies what comes with this secret, whatever scheme it is signed by.
    secret: Option<String>,
    subscribe: Option<SubscribeShape>,
}

/// Makes a subscription to the inbox, and verifies what comes with its secret.
#[derive(ToSchema)]
#[schema(as = InboxSubscription)]
#[allow(dead_code)] // the document's shape
pub(crate) struct SubscribeShape {
    /// Exact types, `prefix.*`, or `*`; none is all of the tenant's own types.
    events: Option<Vec<String>>,
}

/// What every request is answered.
#[derive(ToSchema)]
#[schema(as = InboxAnswerPatch)]
#[allow(dead_code)] // the document's shape
pub(crate) struct AnswerShape {
    /// 200 unless chosen.
    #[schema(minimum = 200, maximum = 599)]
    status: Option<u16>,
    /// 0 unless chosen.
    #[schema(minimum = 0, maximum = 30_000)]
    delay_ms: Option<u32>,
    /// Seconds for `Retry-After`; none unless chosen.
    #[schema(minimum = 0, maximum = 86_400)]
    retry_after_s: Option<u32>,
    /// `text/plain` unless chosen, `application/json`, `application/problem+json`,
    /// `application/xml` or `application/x-www-form-urlencoded`.
    content_type: Option<String>,
    /// At most 16 KiB.
    body: Option<String>,
}

const CREATE: &[&str] = &[
    "kind",
    "name",
    "answer",
    "subscription",
    "secret",
    "subscribe",
];
const PATCH: &[&str] = &["name", "answer", "subscription", "secret", "subscribe"];
const ANSWER: &[&str] = &[
    "status",
    "delay_ms",
    "retry_after_s",
    "content_type",
    "body",
];

pub(crate) fn create(body: &crate::body::JsonText) -> Result<NewInbox, Problem> {
    let mut fields = body.fields(CREATE)?;
    let site = fields.optional("kind", kind).unwrap_or(false);
    let (patch, kept) = patch_of(&mut fields);
    if kept {
        let detail = "*** stands for a secret that is set, and none is set here";
        fields.fault("secret", Fault::new("nothing_to_keep", detail));
    }
    if site {
        for (name, given) in [
            ("answer", patch.answer != AnswerPatch::default()),
            (
                "subscription",
                matches!(patch.check, Some(NewCheck::Subscription(_))),
            ),
            ("secret", matches!(patch.check, Some(NewCheck::Secret(_)))),
        ] {
            if given {
                let detail = "an inbox at webhook.site is answered and looked at there";
                fields.fault(name, Fault::new("webhook_site", detail));
            }
        }
    }
    fields.finish()?;
    let bin = match site {
        true => NewBin::WebhookSite,
        false => NewBin::Own {
            answer: patch.answer.applied(InboxAnswer::default()),
            check: patch.check.unwrap_or(NewCheck::Nothing),
        },
    };
    Ok(NewInbox {
        name: patch.name.unwrap_or_default(),
        bin,
        subscribe: patch.subscribe,
    })
}

pub(crate) fn patch_fields(body: &crate::body::JsonText) -> Result<Fields<'_>, Problem> {
    body.fields(PATCH)
}

/// Null clears `name`, `subscription` and `secret`, and sets `answer` back.
pub(crate) fn patch(mut fields: Fields<'_>) -> Result<InboxPatch, Problem> {
    let (patch, _) = patch_of(&mut fields);
    fields.finish()?;
    Ok(patch)
}

/// A member that says what to verify with.
enum Asked<T> {
    Nothing,
    Kept,
    New(T),
}

/// What is asked for; and whether a secret is to stay.
fn patch_of(fields: &mut Fields<'_>) -> (InboxPatch, bool) {
    let name = fields.present("name", |raw| match raw {
        "null" => Ok(String::new()),
        raw => line(NAME_MAX)(raw),
    });
    let answer = fields.present("answer", answer);
    let subscription = fields.present("subscription", |raw| match raw {
        "null" => Ok(Asked::Nothing),
        raw => parsed::<SubscriptionId>("invalid_id")(raw).map(Asked::New),
    });
    let secret = fields.present("secret", |raw| match raw {
        "null" => Ok(Asked::Nothing),
        // As it was shown.
        "\"***\"" => Ok(Asked::Kept),
        raw => secret(raw).map(Asked::New),
    });
    let subscribe = fields.optional("subscribe", subscribe);
    let ways = [
        matches!(subscription, Some(Asked::New(_))),
        matches!(secret, Some(Asked::New(_))),
        subscribe.is_some(),
    ];
    if ways.into_iter().filter(|given| *given).count() > 1 {
        let detail = "expected one of subscription, secret and subscribe";
        fields.fault("subscription", Fault::new("one_of", detail));
    }
    let kept = matches!(secret, Some(Asked::Kept));
    let check = match (subscription, secret) {
        (Some(Asked::New(id)), _) => Some(NewCheck::Subscription(id)),
        (_, Some(Asked::New(secret))) => Some(NewCheck::Secret(secret)),
        (_, Some(Asked::Kept)) | (None, None) => None,
        (Some(_), _) | (None, Some(Asked::Nothing)) => Some(NewCheck::Nothing),
    };
    let patch = InboxPatch {
        name,
        answer: answer.unwrap_or_default(),
        check,
        subscribe,
    };
    (patch, kept)
}

/// Whether it is at webhook.site.
fn kind(raw: &str) -> Read<bool> {
    match &*text(raw)? {
        "inbox" => Ok(false),
        "webhook.site" => Ok(true),
        _ => Err(Fault::new("invalid_kind", "expected inbox or webhook.site").into()),
    }
}

fn answer(raw: &str) -> Read<AnswerPatch> {
    if raw == "null" {
        let usual = InboxAnswer::default();
        return Ok(AnswerPatch {
            status: Some(usual.status),
            delay_ms: Some(usual.delay_ms),
            retry_after_s: Some(usual.retry_after_s),
            content_type: Some(usual.content_type),
            body: Some(usual.body),
        });
    }
    nested(raw, ANSWER, |fields| {
        Some(AnswerPatch {
            status: fields.present("status", whole(200, 599)),
            delay_ms: fields.present("delay_ms", whole(0, DELAY_MS_MAX)),
            retry_after_s: fields.present("retry_after_s", |raw| match raw {
                "null" => Ok(None),
                raw => whole(0, RETRY_AFTER_S_MAX)(raw).map(Some),
            }),
            content_type: fields.present("content_type", parsed::<AnswerType>("invalid_type")),
            body: fields.present("body", answer_body),
        })
    })
}

/// Any text.
fn answer_body(raw: &str) -> Read<String> {
    let body = text(raw)?;
    match body.len() <= ANSWER_MAX {
        true => Ok(body.into_owned()),
        false => Err(Fault::new("length", format!("expected at most {ANSWER_MAX} bytes")).into()),
    }
}

/// A secret of whoever sends there, in whatever form they have it.
fn secret(raw: &str) -> Read<Secret> {
    let secret = Secret::of_sender(&text(raw)?);
    secret.map_err(|error| Fault::new("invalid_secret", error.to_string()).into())
}

fn subscribe(raw: &str) -> Read<Vec<EventPattern>> {
    let events = nested(raw, &["events"], |fields| {
        Some(fields.optional("events", patterns))
    })?;
    Ok(events.unwrap_or_default())
}
