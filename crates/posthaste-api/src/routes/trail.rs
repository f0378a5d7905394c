//! The audit log: who changed or revealed what, when and from where. It is read and never written
//! through the API.
//!
//! A platform key sees the platform's entries (of tenants and of its own keys) beside those of the
//! tenant that it acts for.

use std::net::IpAddr;

use axum::{extract::State, response::Response};
use http::StatusCode;
use posthaste::{
    clock::Timestamp,
    id::{AuditId, KeyId, PortalLinkId},
    json::RawJson,
};
use posthaste_store::{
    audit::{Action, Actor, AuditEntry, AuditQuery},
    query::Stretch,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api,
    answer::{self, PageView},
    cursor::Cursors,
    parameters::Parameters,
    principal::{Authorized, ManageKeys},
    problem::Problem,
};

/// Something that someone did.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(crate) struct EntryView<'a> {
    #[schema(value_type = String, example = "aud_05z4c8q1s0g00")]
    id: AuditId,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Null where nothing was shown.
    actor: Option<ActorView<'a>>,
    /// Such as `subscription.create`.
    action: &'a str,
    /// The id or name of what it was done to; null where it was many.
    object: Option<&'a str>,
    /// The client's.
    #[schema(value_type = Option<String>)]
    address: Option<IpAddr>,
    request_id: Option<&'a str>,
    /// The members that were given, or of a change each with `old` and `new`; long values are told by
    /// their length, and secret ones are `"***"`.
    #[schema(value_type = Object)]
    details: &'a RawJson,
}

/// The key that acted, by the name that it had then, or the portal link.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditActor)]
pub(crate) struct ActorView<'a> {
    /// Null where a portal link acted.
    #[schema(value_type = Option<String>)]
    key_id: Option<KeyId>,
    key_name: Option<&'a str>,
    /// Whether it is one of the platform's.
    platform: bool,
    /// Where someone acted who came through this link.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "ptl_05z4c8q1s0g00")]
    portal_link_id: Option<PortalLinkId>,
}

impl<'a> ActorView<'a> {
    /// None where nobody showed anything.
    fn of(actor: &'a Actor) -> Option<Self> {
        let (key, portal_link_id) = (actor.key.as_ref(), actor.portal_link);
        let someone = key.is_some() || portal_link_id.is_some();
        someone.then(|| Self {
            key_id: key.map(|key| key.id),
            key_name: key.map(|key| key.name.as_str()),
            platform: key.is_some_and(|key| key.platform),
            portal_link_id,
        })
    }
}

impl<'a> EntryView<'a> {
    fn of(entry: &'a AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at(),
            actor: ActorView::of(&entry.actor),
            action: &entry.action,
            object: entry.object.as_deref(),
            address: entry.actor.address,
            request_id: entry.actor.request_id.as_deref(),
            details: &entry.details,
        }
    }
}

/// Read the audit log, newest first.
#[utoipa::path(
    get, path = "/api/v1/webhooks/audit", tag = "audit",
    params(
        ("actor" = Option<String>, Query, description = "`key_…` or `ptl_…`"),
        ("action" = Option<String>, Query, description = "such as `subscription.create`"),
        ("object" = Option<String>, Query, description = "exactly this id or name"),
        ("since" = Option<String>, Query, description = "at or after (RFC 3339)"),
        ("until" = Option<String>, Query, description = "before (RFC 3339)"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "items of a page, default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of entries", body = PageView<EntryView<'static>>)),
)]
pub(crate) async fn list_audit(
    auth: Authorized<ManageKeys>,
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let cursors = Cursors::new(&api.cursor_key, "audit", Some(&auth.tenant), &parameters);
    let before = cursors.number(&mut parameters)?;
    let limit = parameters.limit();
    let query = AuditQuery {
        platforms: auth.principal.is_platform(),
        actor: parameters.parsed("actor"),
        action: parameters.parsed::<Action>("action"),
        object: parameters.text("object"),
        since: parameters.time("since"),
        until: parameters.time("until"),
    };
    parameters.finish()?;
    let stretch = Stretch { before, limit };
    let page = auth
        .engine()
        .audit_log(&auth.tenant, &query, stretch)
        .await?;
    let view = PageView {
        data: page.items.iter().map(EntryView::of).collect(),
        next_cursor: page.next.map(|next| cursors.seal(&next.to_be_bytes())),
    };
    Ok(answer::json(StatusCode::OK, &view))
}
