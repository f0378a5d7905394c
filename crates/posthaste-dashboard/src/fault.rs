//! Why there is no page, said as one.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;
use posthaste_engine::operations::OperationError;
use posthaste_store::settings::Scope;

use crate::{frame::Frame, render};

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
    /// A path that only takes forms, asked for as a page; or the reverse.
    WrongMethod,
    Lacks(Scope),
    /// A key for which there is no page.
    NoPage,
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
struct Alone<'a> {
    status: u16,
    title: &'a str,
    detail: &'a str,
    /// Where to go on from here, if there is anywhere.
    home: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "fault_framed.html")]
struct Framed {
    frame: Frame,
    status: u16,
    detail: String,
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
            Self::WrongMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                "No page",
                "What stands here is not asked for in this way. Nothing was done.".to_owned(),
            ),
            Self::Lacks(scope) => (
                StatusCode::FORBIDDEN,
                "Not allowed",
                format!("This needs the scope {scope}, which you do not hold."),
            ),
            Self::NoPage => (
                StatusCode::FORBIDDEN,
                "No page for this key",
                "Its scopes show none of these pages: what it may do is done by the API. Sign in \
                 with a key that reads."
                    .to_owned(),
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
    pub(crate) fn status(&self) -> StatusCode {
        self.told().0
    }

    /// Whether it is about whoever is not let in, who has no pages to go on to.
    pub(crate) fn is_outside(&self) -> bool {
        matches!(self, Self::SignIn { .. } | Self::LinkEnded)
    }

    pub(crate) fn title(&self) -> &'static str {
        self.told().1
    }

    /// For someone who is let in: with the way on to the pages that they may see.
    pub(crate) fn framed(&self, frame: Frame) -> Response {
        let (status, _, detail) = self.told();
        let page = Framed {
            frame,
            status: status.as_u16(),
            detail,
        };
        let written = page.render().unwrap_or_default();
        (status, Html(written)).into_response()
    }

    fn alone(&self) -> Response {
        let (status, title, detail) = self.told();
        let ended = matches!(self, Self::LinkEnded);
        let page = Alone {
            status: status.as_u16(),
            title,
            detail: &detail,
            home: (!ended).then_some("/dashboard"),
        };
        let written = page.render().unwrap_or_default();
        (status, Html(written)).into_response()
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

/// Where someone signs in who is to come back to this page.
pub(crate) fn sign_in(next: &str) -> String {
    let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("/dashboard/sign-in?next={next}")
}

impl IntoResponse for Fault {
    /// The fault goes along with the page, for whoever knows more of who asked (`telling.rs`).
    fn into_response(self) -> Response {
        let mut response = match &self {
            Self::SignIn { next } => render::see(&sign_in(next)),
            told => told.alone(),
        };
        response.extensions_mut().insert(self);
        response
    }
}
