//! Who looks at whose pages, and what they may do there: an extractor, so that no page of a tenant
//! is made for someone who may not see it.

use std::time::Duration;

use axum::extract::FromRequestParts;
use http::request::Parts;
use posthaste::event::TenantId;
use posthaste_callers::Caller;
use posthaste_engine::{Engine, operations::Principal};
use posthaste_store::{audit::Actor, settings::Scope};

use crate::{
    Pages,
    came::Said,
    fault::Fault,
    frame::{Brand, Frame, Tab},
    live::{Leave, Listener},
    origin, path,
    portal::Guest,
    query::Query,
    session::Token,
};

/// How often whoever watches something live is looked at again.
const LOOK: Duration = Duration::from_secs(5);

/// Someone at the pages of one tenant.
pub(crate) struct Viewer {
    pub(crate) tenant: TenantId,
    /// What the paths of these pages begin with.
    pub(crate) base: String,
    who: Who,
    pages: Pages,
    note: Option<Said>,
}

/// Someone with a key, or with a link.
#[derive(Clone)]
pub(crate) enum Who {
    Operator(Box<Operator>),
    Guest(Box<Guest>),
}

impl Viewer {
    pub(crate) fn may(&self, scope: Scope) -> bool {
        match &self.who {
            Who::Operator(operator) => operator.principal.may(scope),
            Who::Guest(guest) => guest.portal.may(scope),
        }
    }

    /// The engine in their hands, where they may do what this scope is for: what is changed or
    /// revealed goes through this one, so that the audit log tells of it.
    pub(crate) fn engine(&self, scope: Scope) -> Result<Engine, Fault> {
        if !self.may(scope) {
            return Err(Fault::Lacks(scope));
        }
        Ok(match &self.who {
            Who::Operator(operator) => operator.engine(),
            Who::Guest(guest) => guest.engine(&self.pages),
        })
    }

    /// Whose key it is that they are signed in with; who came by a link has none to manage keys by.
    pub(crate) fn principal(&self) -> Result<&Principal, Fault> {
        match &self.who {
            Who::Operator(operator) => Ok(&operator.principal),
            Who::Guest(_) => Err(Fault::Lacks(Scope::KeysManage)),
        }
    }

    pub(crate) fn is_portal(&self) -> bool {
        matches!(self.who, Who::Guest(_))
    }

    pub(crate) fn csrf(&self) -> String {
        self.who.token().csrf()
    }

    /// The path of a page of theirs.
    pub(crate) fn path(&self, below: &str) -> String {
        format!("{}/{below}", self.base)
    }

    /// The path of the first page that they may see.
    pub(crate) fn first(&self) -> Result<String, Fault> {
        let mut tabs = Tab::EVERY.iter().filter(|tab| self.may(tab.needs()));
        let first = tabs.next().ok_or(Fault::NoPage)?;
        Ok(format!("{}{}", self.base, first.path()))
    }

    /// What stands around a page.
    pub(crate) fn frame(&self, title: impl Into<String>, tab: impl Into<Option<Tab>>) -> Frame {
        let sees = |tab: &Tab| self.may(tab.needs());
        let (operator, brand) = match &self.who {
            Who::Operator(operator) => (Some(operator), None),
            Who::Guest(guest) => (None, Some(Brand::of(&guest.portal))),
        };
        Frame {
            title: title.into(),
            tab: tab.into(),
            tabs: Tab::EVERY.iter().copied().filter(sees).collect(),
            base: self.base.clone(),
            tenant: self.tenant.to_string(),
            who: operator.map(|operator| operator.name()),
            is_platform: operator.is_some_and(|operator| operator.principal.is_platform()),
            is_portal: self.is_portal(),
            brand,
            csrf: self.csrf(),
            note: self.note.map(|said| said.text()),
        }
    }

    /// What is ended here is noticed at once, what another node or time ends within [`LOOK`].
    pub(crate) fn leave(&self) -> Leave {
        let (who, engine) = (self.who.clone(), self.pages.engine.clone());
        let listener = who.listener();
        let ended = Box::pin(async move {
            let mut some_ended = engine.passes_ended();
            while who.is_let_in(&engine).await {
                tokio::select! {
                    () = who.revoked(&engine) => return,
                    _ = some_ended.changed() => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
        });
        Leave { listener, ended }
    }
}

impl FromRequestParts<Pages> for Viewer {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Fault> {
        let who = Who::from_request_parts(parts, pages).await?;
        let (tenant, base) = match &who {
            Who::Operator(operator) => {
                let tenant = path::named(parts, pages, "tenant").await;
                let tenant = tenant.and_then(|tenant| tenant.parse::<TenantId>().ok());
                let tenant = tenant.filter(|tenant| operator.sees(tenant));
                let tenant = tenant.ok_or(Fault::NotFound("tenant"))?;
                let base = operators(&tenant);
                (tenant, base)
            }
            Who::Guest(guest) => (guest.portal.link.tenant.clone(), guest.base()),
        };
        Ok(Self {
            tenant,
            base,
            who,
            pages: pages.clone(),
            note: Said::of(&Query::parse(parts.uri.query().unwrap_or_default())),
        })
    }
}

impl Who {
    pub(crate) fn token(&self) -> &Token {
        match self {
            Self::Operator(operator) => &operator.token,
            Self::Guest(guest) => &guest.token,
        }
    }

    fn listener(&self) -> Listener {
        match self {
            Self::Operator(operator) => Listener::Key(operator.principal.key.id),
            Self::Guest(guest) => Listener::Link(guest.portal.link.id),
        }
    }

    /// A store that does not answer sends nobody away.
    async fn is_let_in(&self, engine: &Engine) -> bool {
        match self {
            Self::Operator(operator) => {
                let session = engine.session(&operator.token.0, operator.caller.address);
                session.await.map_or(true, |session| session.is_some())
            }
            Self::Guest(guest) => {
                let portal = engine.portal(&guest.token.0).await;
                portal.map_or(true, |portal| portal.is_some())
            }
        }
    }

    /// Returns when the key is gone, at once.
    async fn revoked(&self, engine: &Engine) {
        match self {
            Self::Operator(operator) => engine.revoked(&operator.principal).await,
            Self::Guest(_) => std::future::pending().await,
        }
    }
}

impl FromRequestParts<Pages> for Who {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Fault> {
        if let Some(guest) = parts.extensions.get::<Guest>() {
            return Ok(Self::Guest(Box::new(guest.clone())));
        }
        let operator = Operator::from_request_parts(parts, pages).await?;
        Ok(Self::Operator(Box::new(operator)))
    }
}

/// Someone who is signed in with a key.
#[derive(Clone)]
pub(crate) struct Operator {
    pub(crate) principal: Principal,
    pub(crate) token: Token,
    caller: Caller,
    pages: Pages,
}

impl Operator {
    /// The engine in their hands; see [`Viewer::engine`].
    pub(crate) fn engine(&self) -> Engine {
        acting(&self.pages.engine, &self.principal, &self.caller)
    }

    /// What their key is called.
    pub(crate) fn name(&self) -> String {
        let key = &self.principal.key;
        match key.name.is_empty() {
            true => key.id.to_string(),
            false => key.name.clone(),
        }
    }

    /// At the pages of the tenant that they come to first.
    pub(crate) fn at_home(self) -> Viewer {
        let own = self.principal.key.tenant.clone();
        let tenant = own.unwrap_or_else(TenantId::default_tenant);
        Viewer {
            base: operators(&tenant),
            tenant,
            pages: self.pages.clone(),
            who: Who::Operator(Box::new(self)),
            note: None,
        }
    }

    fn sees(&self, tenant: &TenantId) -> bool {
        match &self.principal.key.tenant {
            Some(own) => own == tenant,
            None => self.pages.engine.tenant(tenant).is_some(),
        }
    }
}

/// Where an operator finds the pages of a tenant.
fn operators(tenant: &TenantId) -> String {
    format!("/dashboard/tenants/{tenant}")
}

/// The engine in the hands of whoever holds a key.
pub(crate) fn acting(engine: &Engine, principal: &Principal, caller: &Caller) -> Engine {
    engine.by(Actor {
        key: Some(principal.acting()),
        address: caller.address,
        request_id: caller.request_id.clone(),
        ..Actor::default()
    })
}

impl FromRequestParts<Pages> for Operator {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Fault> {
        let caller = pages.options.callers.caller(parts);
        let next = || Fault::SignIn {
            next: origin::wanted(parts),
        };
        let token = pages.cookie.token(&parts.headers).ok_or_else(next)?;
        let principal = pages.engine.session(&token.0, caller.address).await?;
        Ok(Self {
            principal: principal.ok_or_else(next)?,
            token,
            caller,
            pages: pages.clone(),
        })
    }
}
