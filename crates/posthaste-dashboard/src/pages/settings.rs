//! What is set for one tenant, and its end: for the platform's operator.

use askama::Template;
use axum::{
    Router,
    response::Response,
    routing::{get, post},
};
use posthaste::{egress::DenyList, event::TenantId, origin::Origin};
use posthaste_engine::{Limits, Retention, operations::TenantChange};
use posthaste_store::settings::{Catalogue, EventRate, Scope, Tenant, TenantLimits};

use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Note, Tab},
    posted::Posted,
    query::Query,
    reading::Reading,
    render,
    viewer::Viewer,
    wrongs::Wrongs,
};

const NAME_MAX: usize = 255;
/// Days of retention and of holding at most.
const DAYS_MAX: u32 = 3650;
const SUBSCRIPTIONS_MAX: u32 = 1_000_000;
/// Origins that one header has room for.
const ORIGINS_MAX: usize = 20;

pub(crate) fn routes() -> Router<Pages> {
    Router::new()
        .route("/settings", get(form).post(save))
        .route("/settings/delete", post(delete))
}

#[derive(Template)]
#[template(path = "settings/form.html")]
struct Settings {
    frame: Frame,
    tenant: Tenant,
    typed: Typed,
    wrong: Wrongs,
    /// What holds where the tenant has nothing of its own.
    limits: Limits,
    retention: Retention,
}

/// What holds where a field is empty.
impl Settings {
    fn server_rate(&self) -> String {
        let rate = self.limits.events_per_s.map(EventRate::per_s);
        rate.map_or("The server has none.".to_owned(), |rate| {
            format!("The server's: {rate}.")
        })
    }

    fn server_subscriptions(&self) -> String {
        format!("The server's: {}.", self.limits.subscriptions)
    }

    fn server_days(&self, days: &u32) -> String {
        format!("The server's: {days}.")
    }

    fn is_default(&self) -> bool {
        self.tenant.id == TenantId::default_tenant()
    }
}

/// The fields' texts.
#[derive(Debug, Default)]
struct Typed {
    name: String,
    catalogue: &'static str,
    events_per_s: String,
    subscriptions: String,
    retention_days: String,
    hold_days: String,
    denied: String,
    portal_origins: String,
}

impl Typed {
    fn of(tenant: &Tenant) -> Self {
        let TenantLimits {
            events_per_s,
            subscriptions,
            retention_days,
            hold_days,
        } = tenant.limits;
        Self {
            name: tenant.name.clone(),
            catalogue: named(tenant.catalogue),
            events_per_s: text(events_per_s.map(EventRate::per_s)),
            subscriptions: text(subscriptions),
            retention_days: text(retention_days),
            hold_days: text(hold_days),
            denied: lines(tenant.denied.entries()),
            portal_origins: lines(&tenant.portal_origins),
        }
    }

    fn sent(fields: &Query) -> Self {
        let text = |field| fields.text(field).unwrap_or_default().to_owned();
        Self {
            name: text("name"),
            catalogue: named(catalogue(fields)),
            events_per_s: text("events_per_s"),
            subscriptions: text("subscriptions"),
            retention_days: text("retention_days"),
            hold_days: text("hold_days"),
            denied: text("denied"),
            portal_origins: text("portal_origins"),
        }
    }
}

fn text(limit: Option<impl ToString>) -> String {
    limit.map_or(String::new(), |limit| limit.to_string())
}

fn lines(entries: &[impl ToString]) -> String {
    let lines: Vec<_> = entries.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn named(catalogue: Catalogue) -> &'static str {
    match catalogue {
        Catalogue::Open => "open",
        Catalogue::Strict => "strict",
    }
}

fn catalogue(fields: &Query) -> Catalogue {
    match fields.text("catalogue") {
        Some("strict") => Catalogue::Strict,
        _ => Catalogue::Open,
    }
}

fn shown(viewer: &Viewer, typed: Option<Typed>, wrong: Wrongs) -> Result<Settings, Fault> {
    let engine = viewer.engine(Scope::TenantsManage)?;
    let tenant = engine.tenant(&viewer.tenant);
    let tenant = tenant.ok_or(Fault::NotFound("tenant"))?;
    Ok(Settings {
        frame: viewer.frame("Settings", Tab::Settings),
        typed: typed.unwrap_or_else(|| Typed::of(&tenant)),
        tenant,
        wrong,
        limits: *engine.limits(),
        retention: engine.retention(),
    })
}

async fn form(viewer: Viewer) -> Result<Response, Fault> {
    render::page(&shown(&viewer, None, Wrongs::default())?)
}

async fn save(viewer: Viewer, posted: Posted) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::TenantsManage)?;
    let mut form = Reading::of(&posted);
    let change = change(&posted, &mut form);
    if !form.wrongs.is_empty() {
        return render::refused(&shown(&viewer, Some(Typed::sent(&posted)), form.wrongs)?);
    }
    engine.change_tenant(&viewer.tenant, change, None).await?;
    let note = Note::Saved.code();
    Ok(render::see(&viewer.path(&format!("settings?note={note}"))))
}

/// The form shows all of it, so what is empty is taken away.
fn change(fields: &Query, form: &mut Reading<'_>) -> TenantChange {
    let name = form.line("name", NAME_MAX);
    if name.is_empty() {
        form.wrongs.add("name", "this is needed");
    }
    TenantChange {
        name: Some(name),
        catalogue: Some(catalogue(fields)),
        denied: Some(DenyList::new(form.entries("denied", DenyList::MAX))),
        portal_origins: Some(distinct(form.entries("portal_origins", ORIGINS_MAX))),
        events_per_s: Some(form.unless_empty("events_per_s", rate)),
        subscriptions: Some(form.up_to("subscriptions", SUBSCRIPTIONS_MAX)),
        retention_days: Some(form.up_to("retention_days", DAYS_MAX)),
        hold_days: Some(form.up_to("hold_days", DAYS_MAX)),
    }
}

/// The same in order, each once.
fn distinct(mut origins: Vec<Origin>) -> Vec<Origin> {
    origins.sort_unstable();
    origins.dedup();
    origins
}

fn rate(text: &str) -> Result<EventRate, String> {
    let number: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    EventRate::try_from(number).map_err(|error| error.to_string())
}

/// Whoever deletes a tenant has typed its id.
async fn delete(viewer: Viewer, posted: Posted) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::TenantsManage)?;
    let typed = posted.text("confirm").unwrap_or_default().trim();
    if typed.parse::<TenantId>().ok().as_ref() != Some(&viewer.tenant) {
        let mut wrong = Wrongs::default();
        wrong.add(
            "confirm",
            "this is not the tenant's id: nothing was deleted",
        );
        return render::refused(&shown(&viewer, None, wrong)?);
    }
    engine.delete_tenant(&viewer.tenant).await?;
    let note = Note::Deleted.code();
    Ok(render::see(&format!("/dashboard/tenants?note={note}")))
}
