//! Which addresses may be dialled.
//!
//! A tenant's URL is somebody else's input that makes this machine open sockets. Registration
//! judges the URL alone, early and clearly, and never resolves a name ([`EgressRules::judge`]);
//! what counts is the same judgement on the very address that is dialled
//! ([`EgressRules::judge_address`]). Nothing in here opens a socket or follows a redirect.

mod refusal;
mod address;
mod name;
mod port;
mod target;
mod deny;
mod rules;
#[cfg(feature = "http")]
mod resolve;

pub use deny::{Deny, DenyError, DenyList};
pub use refusal::{AddressRefusal, UrlRefusal};
#[cfg(feature = "http")]
pub use resolve::{Answers, Resolver, SystemResolver, VetError, vet, vet_for};
pub use rules::EgressRules;
pub use target::{TargetHost, TargetUrl};
