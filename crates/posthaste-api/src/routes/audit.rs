//! Auditing the delivery log: working its chains out anew, a stretch of it a request.

use axum::{extract::State, response::Response};
use http::StatusCode;
use posthaste::{id::DeliveryId, provenance::Link};
use posthaste_engine::operations::{Audit, Mismatch};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api, answer,
    cursor::Cursors,
    parameters::Parameters,
    principal::{Authorized, ReadDeliveries},
    problem::Problem,
};

/// What a stretch of the log came to.
#[derive(Serialize, ToSchema)]
#[schema(as = Audit)]
pub(crate) struct AuditView {
    /// Deliveries of this stretch that were attempted.
    deliveries: u64,
    /// Their attempts.
    attempts: u64,
    /// Of these, the ones that were made before provenance was kept.
    without: u64,
    /// The first record of this stretch that does not fit, if one does not.
    first_mismatch: Option<MismatchView>,
    next_cursor: Option<String>,
}

/// A record that does not fit.
#[derive(Serialize, ToSchema)]
#[schema(as = Mismatch)]
pub(crate) struct MismatchView {
    #[schema(value_type = String)]
    delivery_id: DeliveryId,
    /// The attempt's number; null where the delivery says that there was another.
    attempt: Option<u32>,
    /// By all that the record says: 64 hex digits.
    #[schema(value_type = String)]
    expected: Link,
    /// As it is stored.
    #[schema(value_type = Option<String>)]
    found: Option<Link>,
}

impl AuditView {
    fn of(audit: &Audit, cursors: &Cursors) -> Self {
        let seal = |next: DeliveryId| cursors.seal(&next.as_u64().to_be_bytes());
        Self {
            deliveries: audit.deliveries,
            attempts: audit.attempts,
            without: audit.without,
            first_mismatch: audit.first_mismatch.map(MismatchView::from),
            next_cursor: audit.next.map(seal),
        }
    }
}

impl From<Mismatch> for MismatchView {
    fn from(mismatch: Mismatch) -> Self {
        Self {
            delivery_id: mismatch.delivery,
            attempt: mismatch.attempt,
            expected: mismatch.expected,
            found: mismatch.found,
        }
    }
}

/// Check the delivery log against its provenance, the oldest first.
#[utoipa::path(
    get, path = "/api/v1/webhooks/deliveries/audit", tag = "deliveries",
    params(
        ("since" = Option<String>, Query, description = "created at or after (RFC 3339)"),
        ("until" = Option<String>, Query, description = "created before (RFC 3339)"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the stretch before"),
    ),
    responses((status = 200, description = "What a stretch of the log came to", body = AuditView)),
)]
pub(crate) async fn audit_deliveries(
    auth: Authorized<ReadDeliveries>,
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let tenant = &auth.tenant;
    let cursors = Cursors::new(&api.cursor_key, "audit", Some(tenant), &parameters);
    let after = cursors.number(&mut parameters)?.map(DeliveryId::from_u64);
    let window = (parameters.time("since"), parameters.time("until"));
    parameters.finish()?;
    let audit = api.engine.audit(tenant, window, after).await?;
    let view = AuditView::of(&audit, &cursors);
    Ok(answer::json(StatusCode::OK, &view))
}
