//! Whose pages may show a tenant's portal in a frame: the member `portal` of a tenant.

use posthaste::origin::Origin;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    fields::nested,
    values::{Read, distinct, list, parsed},
};

/// As many as one header has room for.
const ORIGINS_MAX: usize = 20;

/// What is set of a tenant's portal.
#[derive(Serialize, ToSchema)]
#[schema(as = TenantPortal)]
pub(crate) struct PortalShape {
    /// At most 20 origins such as `https://app.example.com`.
    #[schema(value_type = Vec<String>, max_items = 20)]
    origins: Vec<Origin>,
}

impl PortalShape {
    /// None where nobody may frame it.
    pub(crate) fn of(origins: &[Origin]) -> Option<Self> {
        let origins = origins.to_vec();
        (!origins.is_empty()).then_some(Self { origins })
    }
}

/// `{"origins": […]}`; the list replaces the one before, and null is an empty one.
pub(crate) fn portal(raw: &str) -> Read<Vec<Origin>> {
    nested(raw, &["origins"], |fields| {
        let origins = list(ORIGINS_MAX, parsed::<Origin>("invalid_origin"));
        Some(fields.optional("origins", distinct(origins)))
    })
    .map(Option::unwrap_or_default)
}
