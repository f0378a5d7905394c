//! Problems (RFC 9457): the one table from what went wrong to what HTTP says about it.
//!
//! It refuses to guess: a new domain error does not compile until it has chosen its kind. No
//! problem repeats more than 64 escaped bytes of what was sent, nor a path, statement or secret.

use std::{borrow::Cow, time::Duration};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use posthaste::id::SubscriptionId;
use posthaste_engine::{
    catalogue::Misfit,
    operations::{OperationError, PublishError, Refusal, batching::Unfit},
};
use posthaste_store::{StoreError, settings::Scope};
use serde::Serialize;
use utoipa::ToSchema;

macro_rules! kinds {
    ($($kind:ident = $status:literal $slug:literal $title:literal;)*) => {
        /// What kind of problem it is: its slug, status and title.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind { $($kind),* }

        impl Kind {
            const fn status(self) -> u16 {
                match self { $(Self::$kind => $status),* }
            }

            /// The `type` member, by which programs tell problems apart.
            pub(crate) const fn slug(self) -> &'static str {
                match self { $(Self::$kind => concat!("/problems/", $slug)),* }
            }

            const fn title(self) -> &'static str {
                match self { $(Self::$kind => $title),* }
            }
        }
    };
}

kinds! {
    MalformedJson = 400 "malformed-json" "The body is not valid JSON";
    InvalidUtf8 = 400 "invalid-utf8" "The body is not valid UTF-8";
    MalformedRequest = 400 "malformed-request" "The request is not valid HTTP";
    InvalidCursor = 400 "invalid-cursor" "The cursor does not belong to this list";
    Unauthenticated = 401 "unauthenticated" "A valid API key is needed";
    InsufficientScope = 403 "insufficient-scope" "The API key lacks a scope";
    PortalAlone = 403 "portal-alone" "A portal link opens the portal alone";
    NotFound = 404 "not-found" "There is nothing here";
    MethodNotAllowed = 405 "method-not-allowed" "The method is not allowed here";
    RequestTimeout = 408 "request-timeout" "The request took too long to arrive";
    IdempotencyConflict = 409 "idempotency-conflict" "The idempotency key was used for another body";
    AlreadyExists = 409 "already-exists" "The name is taken";
    DefaultTenant = 409 "default-tenant" "The tenant default stays";
    RotationUnderWay = 409 "rotation-under-way" "The last rotation still overlaps";
    SubscriptionDisabled = 409 "subscription-disabled" "The subscription is disabled";
    PreconditionFailed = 412 "precondition-failed" "It changed since it was read";
    PayloadTooLarge = 413 "payload-too-large" "The body is too large";
    UriTooLong = 414 "uri-too-long" "The request line is too long";
    UnsupportedMediaType = 415 "unsupported-media-type" "The body is of an unsupported type";
    Validation = 422 "validation" "Some of the request is not valid";
    InvalidEventType = 422 "invalid-event-type" "The event type is not valid";
    UnsupportedEventType = 422 "unsupported-event-type" "The event type is not in the catalogue";
    InvalidUrl = 422 "invalid-url" "The URL may not be a target";
    InvalidHeader = 422 "invalid-header" "The header may not be sent";
    QuotaExceeded = 422 "quota-exceeded" "The tenant has as many as it may have";
    RateLimited = 429 "rate-limited" "Too many requests";
    TooManyStreams = 429 "too-many-streams" "As many streams are open as may be";
    HeadTooLarge = 431 "head-too-large" "The request's head is too large";
    Internal = 500 "internal" "Something went wrong here";
    UpstreamFailed = 502 "upstream-failed" "Another server did not do its part";
    StorageUnavailable = 503 "storage-unavailable" "Storage is unavailable";
    Overloaded = 503 "overloaded" "Too much is waiting";
    LoopDetected = 508 "loop-detected" "The event came back too often";
}

/// How long a client waits before it asks a storage that is down again.
const STORAGE_RETRY: Duration = Duration::from_secs(1);
/// How long one waits who found no place for a stream.
const STREAM_RETRY: Duration = Duration::from_secs(5);

/// One field of the request that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    #[serde(skip)]
    pub(crate) kind: Kind,
    /// A JSON Pointer into the body; `?name` for a query parameter, `@name` for a header.
    pub(crate) pointer: String,
    /// Stable, for programs.
    pub(crate) code: Cow<'static, str>,
    /// For people.
    pub(crate) detail: Cow<'static, str>,
}

/// What the caller is told.
#[derive(Debug)]
pub(crate) struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    required_scope: Option<Scope>,
    retry_after: Option<Duration>,
    closes: bool,
}

/// A problem as it is written (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemView<'a> {
    /// A stable slug such as `/problems/validation`.
    r#type: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    /// The first of `errors`' codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    /// The scope that the key lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    required_scope: Option<&'a str>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            required_scope: None,
            retry_after: None,
            closes: false,
        }))
    }

    /// Fields that are not as they should be; of their own kind if they all share it.
    pub(crate) fn fields(errors: Vec<FieldError>) -> Self {
        let first = errors.first().map_or(Kind::Validation, |error| error.kind);
        let shared = errors.iter().all(|error| error.kind == first);
        let unreadable = errors.iter().all(|error| error.kind.status() == 400);
        let kind = match (shared, unreadable) {
            (true, _) => first,
            (false, true) => Kind::MalformedJson,
            (false, false) => Kind::Validation,
        };
        let detail = match &errors[..] {
            [one] => one.detail.clone(),
            many => format!("{} fields are not valid", many.len()).into(),
        };
        Self::new(kind, detail).with_errors(errors)
    }

    /// One fault of one field.
    pub(crate) fn field(
        kind: Kind,
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::fields(vec![FieldError {
            kind,
            pointer: pointer.into(),
            code: code.into(),
            detail: detail.into(),
        }])
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, format!("no such {what}"))
    }

    /// The same for whatever is wrong with a key.
    pub(crate) fn unauthenticated() -> Self {
        let detail = "send one header, Authorization: Bearer <key>, with a key that is valid";
        Self::new(Kind::Unauthenticated, detail)
    }

    /// The same for whoever shows too many wrong keys, right ones being no matter.
    pub(crate) fn too_many_guesses(wait: Duration) -> Self {
        let detail = "too many failed attempts from this address; try again later";
        Self::new(Kind::RateLimited, detail).retry_after(wait)
    }

    pub(crate) fn lacks(scope: Scope) -> Self {
        let mut problem = Self::new(Kind::InsufficientScope, format!("{scope} is needed"));
        problem.0.required_scope = Some(scope);
        problem
    }

    /// The connection ends with it: what is left of the request is not read.
    pub(crate) fn closing(mut self) -> Self {
        self.0.closes = true;
        self
    }

    pub(crate) fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Not now, but perhaps in a moment.
    pub(crate) fn retry_soon(self) -> Self {
        self.retry_after(STREAM_RETRY)
    }

    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// A refused publish of one event, which named these subscriptions.
    pub(crate) fn publish_of_one(error: PublishError, named: &[SubscriptionId]) -> Self {
        let PublishError::Refused(refused) = error else {
            return Self::publish(error, |_| String::new());
        };
        let errors = refused.into_iter().map(|(_, why)| {
            let place = match why {
                Refusal::UnknownSubscription(id) => named.iter().position(|one| *one == id),
                _ => None,
            };
            let mut error = refusal("", why);
            if let Some(place) = place {
                error.pointer = format!("/subscriptions/{place}");
            }
            error
        });
        Self::fields(errors.collect())
    }

    /// A refused publish; `pointer` is where the event of an index stands in the body.
    pub(crate) fn publish(error: PublishError, pointer: impl Fn(usize) -> String) -> Self {
        match error {
            PublishError::UnknownTenant => Self::not_found("tenant"),
            PublishError::Refused(refused) => {
                let errors = refused.into_iter();
                Self::fields(
                    errors
                        .map(|(index, why)| refusal(&pointer(index), why))
                        .collect(),
                )
            }
            PublishError::LoopDetected => Self::new(
                Kind::LoopDetected,
                "this event has been delivered to this very server too often",
            ),
            PublishError::IdempotencyConflict { index } => Self::field(
                Kind::IdempotencyConflict,
                pointer(index),
                "idempotency_conflict",
                "this idempotency key was used for another body; nothing was stored",
            ),
            PublishError::RateLimited { per_s, retry_after } => Self::new(
                Kind::RateLimited,
                format!("nothing was stored: the tenant may publish {per_s} events per second"),
            )
            .retry_after(retry_after),
            PublishError::Overloaded { retry_after } => {
                Self::new(Kind::Overloaded, "nothing was stored; try again later")
                    .retry_after(retry_after)
            }
            PublishError::TooManyDeliveries { .. } => {
                Self::new(Kind::PayloadTooLarge, error.to_string())
            }
            PublishError::Storage(error) => error.into(),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.kind.status()).expect("the table's statuses are valid")
    }
}

impl From<OperationError> for Problem {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::NotFound(what) => Self::not_found(what),
            OperationError::Exists { what } => {
                Self::new(Kind::AlreadyExists, format!("this {what} is taken"))
            }
            OperationError::BeingDeleted => Self::new(
                Kind::AlreadyExists,
                "a tenant of this id was deleted; the id is free when all that it had is gone",
            ),
            OperationError::DefaultTenant => {
                Self::new(Kind::DefaultTenant, "the tenant default cannot be deleted")
            }
            OperationError::Stale => {
                Self::new(Kind::PreconditionFailed, "read it again, then change it")
            }
            OperationError::Disabled => {
                Self::new(Kind::SubscriptionDisabled, "make it active first")
            }
            OperationError::UnknownSubscription { index, .. } => Self::field(
                Kind::Validation,
                format!("/subscriptions/{index}"),
                "unknown_subscription",
                error.to_string(),
            ),
            OperationError::EmptyWindow => Self::field(
                Kind::Validation,
                "/since",
                "empty_window",
                error.to_string(),
            ),
            OperationError::IdempotencyConflict => Self::new(
                Kind::IdempotencyConflict,
                "this idempotency key was used for another body; nothing was begun",
            ),
            OperationError::RotationUnderWay { until } => Self::new(
                Kind::RotationUnderWay,
                format!("the secret before signs until {until}"),
            ),
            OperationError::ScopeNotHeld(scope) => Self::lacks(scope),
            OperationError::Unfit(unfit) => {
                let (pointer, code) = match unfit {
                    Unfit::Limits => ("/batch", "batch_without_mode"),
                    Unfit::Format { asked: true } => ("/format", "format_in_batches"),
                    Unfit::Format { asked: false } => ("/mode", "format_in_batches"),
                };
                Self::field(Kind::Validation, pointer, code, unfit.to_string())
            }
            OperationError::Unsendable(why) => {
                let (pointer, code) = (why.pointer(), why.code());
                let kind = match pointer.starts_with("/headers") {
                    true => Kind::InvalidHeader,
                    false => Kind::Validation,
                };
                Self::field(kind, pointer, code, why.to_string())
            }
            OperationError::Unsignable(why) => {
                Self::field(Kind::Validation, why.pointer(), why.code(), why.to_string())
            }
            OperationError::UnsupportedTypes(places) => Self::fields(
                places
                    .into_iter()
                    .map(|place| unsupported(format!("/events/{place}")))
                    .collect(),
            ),
            OperationError::Misfits(misfits) => {
                let errors = misfits.into_iter().map(|one| misfit("", one));
                Self::fields(errors.collect())
            }
            OperationError::UnknownTarget(_) => Self::field(
                Kind::Validation,
                "/subscription",
                "unknown_subscription",
                error.to_string(),
            ),
            OperationError::AnsweredElsewhere(member) => Self::field(
                Kind::Validation,
                format!("/{member}"),
                "webhook_site",
                error.to_string(),
            ),
            OperationError::WebhookSiteOff => Self::field(
                Kind::Validation,
                "/kind",
                "webhook_site_off",
                error.to_string(),
            ),
            OperationError::Upstream(_) => Self::new(Kind::UpstreamFailed, error.to_string()),
            OperationError::Quota { what, limit } => {
                Self::new(Kind::QuotaExceeded, format!("at most {limit} {what}"))
            }
            OperationError::Storage(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => {
                Self::new(Kind::StorageUnavailable, "nothing was stored; try again")
                    .retry_after(STORAGE_RETRY)
            }
            StoreError::Corrupt(_) => Self::new(Kind::Internal, "what is stored cannot be read"),
            StoreError::Stale => OperationError::Stale.into(),
            StoreError::Exists(_) => OperationError::Exists { what: "name" }.into(),
            StoreError::Missing => Self::not_found("object"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let view = ProblemView {
            r#type: self.0.kind.slug(),
            title: self.0.kind.title(),
            status: self.0.kind.status(),
            detail: &self.0.detail,
            code: self.0.errors.first().map(|error| &*error.code),
            errors: &self.0.errors,
            required_scope: self.0.required_scope.map(Scope::as_str),
        };
        let body = serde_json::to_vec(&view).expect("a problem is plain JSON");
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        if self.0.kind == Kind::Unauthenticated {
            let challenge = HeaderValue::from_static("Bearer realm=\"posthaste\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(wait) = self.0.retry_after {
            let whole_s = wait.as_millis().div_ceil(1000).max(1);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_s as u64));
        }
        if self.0.closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Why an event cannot be published; `pointer` is where it stands in the body.
pub(crate) fn refusal(pointer: &str, why: Refusal) -> FieldError {
    match why {
        Refusal::PlatformType => FieldError {
            kind: Kind::InvalidEventType,
            pointer: format!("{pointer}/type"),
            code: "reserved_event_type".into(),
            detail: "types that begin with posthaste. are the platform's own".into(),
        },
        Refusal::UnsupportedType => unsupported(format!("{pointer}/type")),
        Refusal::UnknownVersion => FieldError {
            kind: Kind::Validation,
            pointer: format!("{pointer}/version"),
            code: "unknown_version".into(),
            detail: "the catalogue has other versions of this type; an absent one is 1".into(),
        },
        Refusal::Data(one) => misfit(&format!("{pointer}/data"), one),
        Refusal::UnknownSubscription(id) => FieldError {
            kind: Kind::Validation,
            pointer: format!("{pointer}/subscriptions"),
            code: "unknown_subscription".into(),
            detail: format!("there is no subscription {id}").into(),
        },
    }
}

fn unsupported(pointer: String) -> FieldError {
    FieldError {
        kind: Kind::UnsupportedEventType,
        pointer,
        code: "unsupported_event_type".into(),
        detail: "the tenant's catalogue is strict, and this type is not in it".into(),
    }
}

/// A place that does not fit a schema, in what stands at `pointer`.
fn misfit(pointer: &str, one: Misfit) -> FieldError {
    FieldError {
        kind: Kind::Validation,
        pointer: format!("{pointer}{}", one.pointer),
        code: one.code,
        detail: one.detail,
    }
}

/// What was sent, safe to repeat: escaped, and at most 64 bytes of it.
pub(crate) fn shown(input: &str) -> String {
    const MOST: usize = 64;
    let mut shown = String::new();
    for c in input.chars() {
        let escaped = c.escape_debug();
        if shown.len() + escaped.clone().map(char::len_utf8).sum::<usize>() > MOST - 3 {
            shown.push_str("...");
            break;
        }
        shown.extend(escaped);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_repeated_escaped_and_in_part() {
        assert_eq!(shown("a\0\u{202e}b"), "a\\0\\u{202e}b");
        assert!(shown(&"\u{1}".repeat(100)).len() <= 64);
        assert!(shown(&"é".repeat(100)).len() <= 64);
    }

    #[test]
    fn storage_that_is_down_is_a_503_that_says_when_to_come_back() {
        let down = || StoreError::Unavailable("disk full at /secret/path".to_owned());
        for problem in [
            Problem::from(OperationError::Storage(down())),
            Problem::publish(PublishError::Storage(down()), |_| String::new()),
        ] {
            assert!(!problem.0.detail.contains("secret"), "{problem:?}");
            let response = problem.into_response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        }
    }

    #[test]
    fn fields_of_one_kind_give_the_problem_its_kind() {
        #[track_caller]
        fn check(kinds: &[Kind], expected: Kind) {
            let errors = kinds.iter().map(|&kind| FieldError {
                kind,
                pointer: String::new(),
                code: "x".into(),
                detail: "x".into(),
            });
            assert_eq!(Problem::fields(errors.collect()).0.kind, expected);
        }
        check(&[Kind::InvalidUrl], Kind::InvalidUrl);
        check(&[Kind::InvalidUrl, Kind::InvalidUrl], Kind::InvalidUrl);
        check(&[Kind::InvalidUrl, Kind::InvalidHeader], Kind::Validation);
        check(
            &[Kind::InvalidUtf8, Kind::MalformedJson],
            Kind::MalformedJson,
        );
        check(&[Kind::Validation], Kind::Validation);
    }
}
