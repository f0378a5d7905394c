//! All that is secret of a subscription: one value, sealed as a whole.

use std::sync::Arc;

use posthaste::{
    clock::Timestamp,
    signature::{Secret, Secrets},
    subscription::{Access, Subscription},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::fault::{Fault, Result};

/// The members of a store's settings from before secrets were sealed that belong here.
pub const MEMBERS: [&str; 3] = ["secret", "previous", "access"];

/// Room for all of it, so that it is not moved as it is written and leaves no copy behind.
const BYTES: usize = 16 * 1024;

/// `S` and `A` are borrowed on the way in and owned on the way out.
#[derive(Serialize, Deserialize)]
struct Secretive<S, A> {
    secret: S,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    previous: Option<(S, Timestamp)>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    access: Option<A>,
}

fn none<T>() -> Option<T> {
    None
}

/// What is sealed.
pub fn written(subscription: &Subscription) -> Result<Zeroizing<Vec<u8>>> {
    let secrets = &subscription.secrets;
    let previous = secrets.previous.as_ref();
    let secretive = Secretive {
        secret: secrets.current.expose(),
        previous: previous.map(|(secret, until)| (secret.expose(), *until)),
        access: Some(&*subscription.access).filter(|access| !access.is_none()),
    };
    let mut written = Zeroizing::new(Vec::with_capacity(BYTES));
    let done = serde_json::to_writer(&mut *written, &secretive);
    done.map_err(|error| Fault::Corrupt(error.to_string()))?;
    Ok(written)
}

/// None where it is not what [`written`] makes.
pub fn read(opened: &[u8]) -> Option<(Secrets, Arc<Access>)> {
    let secretive: Secretive<String, Arc<Access>> = serde_json::from_slice(opened).ok()?;
    let previous = secretive.previous;
    let secrets = Secrets {
        current: Secret::trusted(secretive.secret),
        previous: previous.map(|(secret, until)| (Secret::trusted(secret), until)),
    };
    Some((secrets, secretive.access.unwrap_or_default()))
}
