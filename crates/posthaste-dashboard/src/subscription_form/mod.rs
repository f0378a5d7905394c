//! A subscription as a form of text fields: what stands in them for one that there is, and what
//! someone means who sends them. Pure: what a text may be is said by the types that it becomes, and
//! what goes together by the operations.
//!
//! Whoever sends back a form as it was shown changes nothing: secrets are shown as `***`, and `***`
//! keeps them.

mod refusal;
mod retry;
mod access;
mod written;
mod labels;
mod meaning;

pub(crate) use labels::{differences, label};
pub(crate) use meaning::{Asked, told};
pub(crate) use refusal::{events, refused};
pub(crate) use written::{blank, written};

#[cfg(test)]
pub(crate) mod tests;
