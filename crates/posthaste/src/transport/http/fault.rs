//! What went wrong in an exchange, in the words of the contract.
//!
//! The text is for the tenant: fixed phrases and error kinds, nothing that names an address.

use std::{error::Error, io};

use super::wire::Tally;
use crate::{delivery::FailureClass, transport::TransportError};

/// A failed exchange.
#[derive(Debug)]
pub(super) struct Fault {
    pub error: TransportError,
    /// Whether no byte of the request was written, so that it may be sent again.
    pub unsent: bool,
}

pub(super) fn error(class: FailureClass, detail: impl Into<String>) -> TransportError {
    TransportError {
        class,
        detail: detail.into(),
    }
}

pub(super) fn head_too_large() -> TransportError {
    let detail = "the answer's head is over 16 KiB";
    error(FailureClass::ResponseTooLarge, detail)
}

impl From<TransportError> for Fault {
    fn from(error: TransportError) -> Self {
        Self {
            error,
            unsent: false,
        }
    }
}

/// Why a connection gave no answer.
pub(super) fn no_answer(cause: &hyper::Error, tally: &Tally) -> TransportError {
    if tally.is_spent() {
        return head_too_large();
    }
    if let Some(tls) = find::<io::Error>(cause).and_then(tls_cause) {
        return error(FailureClass::Tls, tls.to_string());
    }
    error(FailureClass::Protocol, phrase(cause))
}

fn phrase(cause: &hyper::Error) -> String {
    if cause.is_parse() {
        return "the answer is not HTTP that can be read".into();
    }
    if cause.is_incomplete_message() || cause.is_canceled() || cause.is_closed() {
        return "the connection was closed before an answer".into();
    }
    match find::<io::Error>(cause) {
        Some(io) => format!("the connection broke before an answer: {}", io.kind()),
        None => "the connection broke before an answer".into(),
    }
}

/// The TLS error inside an I/O error.
pub(super) fn tls_cause(io: &io::Error) -> Option<&rustls::Error> {
    io.get_ref()?.downcast_ref()
}

fn find<'a, E: Error + 'static>(cause: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(cause);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
