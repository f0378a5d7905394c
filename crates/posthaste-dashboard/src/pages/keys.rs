//! API keys, a tenant's and on the platform's pages its own: what each may do, from where and until
//! when. A key's value is shown once, where it was made, and nobody gives a scope that they lack.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::FromRequestParts,
    response::Response,
    routing::{get, post},
};
use posthaste::{clock::Timestamp, event::TenantId, id::KeyId};
use posthaste_engine::{
    Engine,
    operations::{NewKey, Principal},
};
use posthaste_store::settings::{ApiKey, Scope};

use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Note, Tab},
    path::Id,
    platform::Platform,
    posted::Posted,
    query::Query,
    reading::Reading,
    render,
    viewer::Viewer,
    wrongs::Wrongs,
};

const NAME_MAX: usize = 255;
/// Networks that one key may be bound to.
const NETWORKS_MAX: usize = 100;

/// A tenant's keys.
pub(crate) fn routes() -> Router<Pages> {
    routes_of::<Viewer>("/keys")
}

/// The platform's keys.
pub(crate) fn of_the_platform() -> Router<Pages> {
    routes_of::<Platform>("/dashboard/platform/keys")
}

fn routes_of<H: Holder>(at: &str) -> Router<Pages> {
    Router::new()
        .route(at, get(list::<H>).post(create::<H>))
        .route(&format!("{at}/new"), get(fresh::<H>))
        .route(&format!("{at}/{{id}}"), get(show::<H>))
        .route(&format!("{at}/{{id}}/delete"), post(delete::<H>))
}

/// Who looks at a ring of keys.
trait Holder: FromRequestParts<Pages, Rejection = Fault> + Send + 'static {
    fn ring(self, title: &str) -> Result<(Frame, Ring), Fault>;
}

/// Some keys, and who has them before them.
struct Ring {
    /// Whose keys; none is the platform.
    tenant: Option<TenantId>,
    engine: Engine,
    principal: Principal,
    /// The path of the list.
    path: String,
}

impl Holder for Viewer {
    fn ring(self, title: &str) -> Result<(Frame, Ring), Fault> {
        let frame = self.frame(title, Tab::Keys);
        let ring = Ring {
            engine: self.engine(Scope::KeysManage)?,
            principal: self.principal()?.clone(),
            path: self.path("keys"),
            tenant: Some(self.tenant),
        };
        Ok((frame, ring))
    }
}

impl Holder for Platform {
    fn ring(self, title: &str) -> Result<(Frame, Ring), Fault> {
        let ring = Ring {
            engine: self.engine(Scope::KeysManage)?,
            principal: self.principal().clone(),
            path: "/dashboard/platform/keys".to_owned(),
            tenant: None,
        };
        Ok((self.frame(title, Tab::PlatformKeys), ring))
    }
}

impl Ring {
    fn key(&self, id: KeyId) -> Result<Arc<ApiKey>, Fault> {
        let mut keys = self.engine.keys(self.tenant.as_ref()).into_iter();
        keys.find(|key| key.id == id).ok_or(Fault::NotFound("key"))
    }

    /// What they may give: what they hold, less what is the platform's alone.
    fn scopes(&self) -> Vec<Scope> {
        let fits = |scope: &Scope| self.tenant.is_none() || *scope != Scope::TenantsManage;
        let every = Scope::EVERY.iter().copied().filter(fits);
        every.filter(|scope| self.principal.may(*scope)).collect()
    }
}

#[derive(Template)]
#[template(path = "keys/list.html")]
struct List {
    keys: Vec<Arc<ApiKey>>,
    now: Timestamp,
    ring: Ring,
    frame: Frame,
}

async fn list<H: Holder>(holder: H) -> Result<Response, Fault> {
    let (frame, ring) = holder.ring("Keys")?;
    render::page(&List {
        keys: ring.engine.keys(ring.tenant.as_ref()),
        now: ring.engine.now(),
        ring,
        frame,
    })
}

/// A key that is being made, as it was typed.
#[derive(Template)]
#[template(path = "keys/new.html")]
struct Fresh<'a> {
    scopes: Vec<Scope>,
    typed: &'a Query,
    wrong: Wrongs,
    ring: Ring,
    frame: Frame,
}

impl Fresh<'_> {
    fn typed(&self, field: &str) -> &str {
        self.typed.text(field).unwrap_or_default()
    }

    fn has(&self, scope: &Scope) -> bool {
        self.typed
            .all("scopes")
            .any(|typed| typed == scope.as_str())
    }
}

async fn fresh<H: Holder>(holder: H) -> Result<Response, Fault> {
    let (frame, ring) = holder.ring("New key")?;
    render::page(&Fresh {
        scopes: ring.scopes(),
        typed: &Query::default(),
        wrong: Wrongs::default(),
        ring,
        frame,
    })
}

/// A key with its value, this once.
#[derive(Template)]
#[template(path = "keys/made.html")]
struct Made<'a> {
    key: ApiKey,
    value: &'a str,
    ring: Ring,
    frame: Frame,
}

async fn create<H: Holder>(holder: H, posted: Posted) -> Result<Response, Fault> {
    let (frame, ring) = holder.ring("New key")?;
    let mut form = Reading::of(&posted);
    let new = new_key(&ring, &posted, &mut form);
    if !form.wrongs.is_empty() {
        return render::refused(&Fresh {
            scopes: ring.scopes(),
            typed: &posted,
            wrong: form.wrongs,
            ring,
            frame,
        });
    }
    let (key, value) = ring.engine.create_key(&ring.principal, new).await?;
    let value = value.expose();
    render::page(&Made {
        key,
        value,
        ring,
        frame,
    })
}

fn new_key(ring: &Ring, posted: &Query, form: &mut Reading<'_>) -> NewKey {
    let given = ring.scopes();
    let scopes = posted.all("scopes").map(str::parse::<Scope>);
    let scopes: Vec<_> = scopes
        .flatten()
        .filter(|scope| given.contains(scope))
        .collect();
    if scopes.is_empty() {
        form.wrongs.add("scopes", "choose what the key may do");
    }
    let expires_at = form.later("expires_at", ring.engine.now());
    let mut allowed_ips = form.entries("allowed_ips", NETWORKS_MAX);
    allowed_ips.sort_unstable();
    allowed_ips.dedup();
    NewKey {
        name: form.line("name", NAME_MAX),
        scopes,
        tenant: ring.tenant.clone(),
        expires_at,
        allowed_ips,
    }
}

#[derive(Template)]
#[template(path = "keys/show.html")]
struct Show {
    key: Arc<ApiKey>,
    now: Timestamp,
    /// Whether they are signed in with this very key.
    is_own: bool,
    ring: Ring,
    frame: Frame,
}

async fn show<H: Holder>(holder: H, Id(id): Id<KeyId>) -> Result<Response, Fault> {
    let (mut frame, ring) = holder.ring("Key")?;
    let key = ring.key(id)?;
    if !key.name.is_empty() {
        frame.title.clone_from(&key.name);
    }
    render::page(&Show {
        is_own: ring.principal.key.id == id,
        now: ring.engine.now(),
        key,
        ring,
        frame,
    })
}

async fn delete<H: Holder>(
    holder: H,
    Id(id): Id<KeyId>,
    _posted: Posted,
) -> Result<Response, Fault> {
    let (_, ring) = holder.ring("Key")?;
    ring.engine.delete_key(ring.tenant.as_ref(), id).await?;
    Ok(render::see(&format!(
        "{}?note={}",
        ring.path,
        Note::Deleted.code()
    )))
}
