//! The tenants of the platform, each with a few figures of its last day, and making one.

use askama::Template;
use axum::{Router, response::Response, routing::get};
use posthaste::event::TenantId;
use posthaste_engine::{
    Engine,
    operations::{OperationError, TenantChange},
};
use posthaste_store::settings::{Scope, Tenant};

use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Note, Tab},
    platform::Platform,
    posted::Posted,
    query::Query,
    reading::Reading,
    render,
    wrongs::Wrongs,
};

/// Rows of a page.
const ROWS: usize = 50;
const NAME_MAX: usize = 255;
const DAY_MIN: u32 = 24 * 60;

pub(crate) fn routes() -> Router<Pages> {
    Router::new().route("/dashboard/tenants", get(list).post(create))
}

#[derive(Template)]
#[template(path = "tenants/list.html")]
struct List<'a> {
    frame: Frame,
    rows: Vec<Row>,
    more: Option<String>,
    query: &'a Query,
    /// Of the form for a new one.
    typed: &'a Query,
    wrong: Wrongs,
}

/// A tenant, and how it fared in the last 24 h.
struct Row {
    tenant: Tenant,
    subscriptions: u64,
    keys: u64,
    delivered: u64,
    failed: u64,
}

impl Row {
    async fn of(tenant: Tenant, engine: &Engine) -> Result<Self, OperationError> {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let fared = engine.stats(&tenant.id, None, DAY_MIN, None).await?.total;
        Ok(Self {
            subscriptions: count(engine.subscriptions(&tenant.id).len()),
            keys: count(engine.keys(Some(&tenant.id)).len()),
            delivered: fared.delivered,
            failed: fared.failed,
            tenant,
        })
    }

    /// Of what ended, what was delivered; none where nothing did.
    fn success(&self) -> Option<String> {
        let ended = self.delivered + self.failed;
        let per_mille = (self.delivered * 1000).checked_div(ended)?;
        Some(format!("{}.{} %", per_mille / 10, per_mille % 10))
    }
}

async fn list(platform: Platform, query: Query) -> Result<Response, Fault> {
    let empty = Query::default();
    render::page(&shown(&platform, &query, &empty, Wrongs::default()).await?)
}

/// By id, a page from the one after `?after=` on; with `?search=` those that have it in id or name.
async fn shown<'a>(
    platform: &Platform,
    query: &'a Query,
    typed: &'a Query,
    wrong: Wrongs,
) -> Result<List<'a>, Fault> {
    let engine = platform.engine(Scope::TenantsManage)?;
    let after = query.read::<TenantId>("after");
    let wanted = query
        .text("search")
        .unwrap_or_default()
        .trim()
        .to_lowercase();
    let mut left = engine.tenants().into_iter().filter(|tenant| {
        let named = || tenant.name.to_lowercase().contains(&wanted);
        after.as_ref().is_none_or(|after| tenant.id > *after)
            && (tenant.id.as_str().contains(&wanted) || named())
    });
    let mut rows = Vec::new();
    for tenant in left.by_ref().take(ROWS) {
        rows.push(Row::of(tenant, &engine).await?);
    }
    let last = rows.last().filter(|_| left.next().is_some());
    Ok(List {
        frame: platform.frame("Tenants", Tab::Tenants),
        more: last.map(|last| query.with("after", last.tenant.id.as_str())),
        rows,
        query,
        typed,
        wrong,
    })
}

async fn create(platform: Platform, posted: Posted) -> Result<Response, Fault> {
    let engine = platform.engine(Scope::TenantsManage)?;
    let mut form = Reading::of(&posted);
    let (id, name) = (form.required::<TenantId>("id"), form.line("name", NAME_MAX));
    let mut wrong = form.wrongs;
    if let (Some(id), true) = (id, wrong.is_empty()) {
        let settings = TenantChange {
            name: (!name.is_empty()).then_some(name),
            ..TenantChange::default()
        };
        match engine.create_tenant(id, settings).await {
            Ok(tenant) => {
                let note = Note::Created.code();
                let path = format!("/dashboard/tenants/{}/settings?note={note}", tenant.id);
                return Ok(render::see(&path));
            }
            Err(error @ (OperationError::Exists { .. } | OperationError::BeingDeleted)) => {
                wrong.add("id", error);
            }
            Err(other) => return Err(other.into()),
        }
    }
    let all = Query::default();
    render::refused(&shown(&platform, &all, &posted, wrong).await?)
}
