//! Why there is no page, said as one.

use askama::Template;
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::StatusCode;
use posthaste_engine::operations::OperationError;
use posthaste_store::settings::Scope;

/// Why a request got no page.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Nobody is signed in; then they see this page.
    SignIn {
        next: String,
    },
    /// A portal link that was revoked, is past its time, or never was.
    LinkEnded,
    NotFound(&'static str),
    Lacks(Scope),
    /// A form that none of our pages of this session has sent.
    Forged,
    /// Bytes that are no UTF-8.
    NoText,
    TooLarge,
    TooLate,
    Refused(String),
    Internal,
}

#[derive(Template)]
#[template(path = "fault.html")]
struct Page<'a> {
    status: u16,
    title: &'a str,
    detail: &'a str,
    /// Where to go on from here, if there is anywhere.
    home: Option<&'a str>,
}

impl Fault {
    fn told(&self) -> (StatusCode, &'static str, String) {
        match self {
            Self::SignIn { .. } => (StatusCode::UNAUTHORIZED, "Sign in", String::new()),
            Self::LinkEnded => (
                StatusCode::UNAUTHORIZED,
                "This link has ended",
                "Go back to where you found it: there is a new one there.".to_owned(),
            ),
            Self::NotFound(what) => (
                StatusCode::NOT_FOUND,
                "Not found",
                format!("There is no such {what}, or it is not this tenant's."),
            ),
            Self::Lacks(scope) => (
                StatusCode::FORBIDDEN,
                "Not allowed",
                format!("This needs the scope {scope}, which you do not hold."),
            ),
            Self::Forged => (
                StatusCode::FORBIDDEN,
                "Not sent",
                "This form is too old, or was not sent by this page. Go back, reload, and try \
                 again."
                    .to_owned(),
            ),
            Self::NoText => (
                StatusCode::BAD_REQUEST,
                "Not read",
                "What was sent is not UTF-8. Nothing was changed.".to_owned(),
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "Too large",
                "A form may have 1 MiB.".to_owned(),
            ),
            Self::TooLate => (
                StatusCode::REQUEST_TIMEOUT,
                "Too slow",
                "The form did not arrive in time.".to_owned(),
            ),
            Self::Refused(why) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "Not done",
                format!("Nothing was changed: {why}."),
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Our mistake",
                "What happened is in the server's log.".to_owned(),
            ),
        }
    }
}

impl Fault {
    fn page(&self, home: &str) -> Response {
        let (status, title, detail) = self.told();
        let ended = matches!(self, Self::LinkEnded);
        let page = Page {
            status: status.as_u16(),
            title,
            detail: &detail,
            home: (!ended).then_some(home),
        };
        let written = page.render().unwrap_or_default();
        (status, Html(written)).into_response()
    }

    /// An answer within pages that begin there: one that says why there is no page leads back to them.
    pub(crate) fn at_home(response: Response, base: &str) -> Response {
        let fault = response.extensions().get::<Self>();
        let page = fault.map(|fault| fault.page(base));
        page.unwrap_or(response)
    }
}

impl From<OperationError> for Fault {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::NotFound(what) => Self::NotFound(what),
            OperationError::ScopeNotHeld(scope) => Self::Lacks(scope),
            OperationError::Storage(error) => {
                tracing::error!(%error, "page.store");
                Self::Internal
            }
            refused => Self::Refused(refused.to_string()),
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        if let Self::SignIn { next } = &self {
            let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
            return Redirect::to(&format!("/dashboard/sign-in?next={next}")).into_response();
        }
        let mut response = self.page("/dashboard");
        response.extensions_mut().insert(self);
        response
    }
}
