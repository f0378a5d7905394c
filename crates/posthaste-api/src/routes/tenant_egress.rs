//! Where a tenant does not want to send: the member `egress` of a tenant.

use posthaste::egress::{Deny, DenyError, DenyList};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    fields::nested,
    values::{Fault, Read, list, text},
};

/// A tenant's own egress rules, beside the server's; they can only take away.
#[derive(Serialize, ToSchema)]
#[schema(as = TenantEgress)]
pub(crate) struct EgressShape {
    /// At most 1,000 addresses, CIDRs, host names, or suffixes such as `.example.com`.
    #[schema(value_type = Vec<String>)]
    deny: DenyList,
}

impl EgressShape {
    /// None where it denies nothing.
    pub(crate) fn of(denied: &DenyList) -> Option<Self> {
        let deny = denied.clone();
        (!deny.entries().is_empty()).then_some(Self { deny })
    }
}

/// `{"deny": […]}`; the list replaces the one before, and null is an empty one.
pub(crate) fn egress(raw: &str) -> Read<DenyList> {
    let denied = nested(raw, &["deny"], |fields| {
        Some(fields.optional("deny", list(DenyList::MAX, entry)))
    })?;
    Ok(DenyList::new(denied.unwrap_or_default()))
}

fn entry(raw: &str) -> Read<Deny> {
    let entry = text(raw)?.parse();
    entry.map_err(|error: DenyError| Fault::new("invalid_entry", error.to_string()).into())
}
