//! Who looks at whose pages, and what they may do there: an extractor, so that no page of a tenant
//! is made for someone who may not see it.

use axum::extract::{FromRequestParts, OriginalUri};
use http::request::Parts;
use posthaste::event::TenantId;
use posthaste_engine::{Engine, operations::Principal};
use posthaste_store::{
    audit::{ActingKey, Actor},
    settings::Scope,
};

use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Note, Tab},
    path,
    query::Query,
    session::Token,
};

/// Someone at the pages of one tenant.
pub(crate) struct Viewer {
    pub(crate) tenant: TenantId,
    /// What the paths of these pages begin with.
    pub(crate) base: String,
    operator: Operator,
    note: Option<Note>,
}

impl Viewer {
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.operator.principal.may(scope)
    }

    /// The engine in their hands, where they may do what this scope is for: what is changed or
    /// revealed goes through this one, so that the audit log tells of it.
    pub(crate) fn engine(&self, scope: Scope) -> Result<Engine, Fault> {
        if self.may(scope) {
            return Ok(self.operator.engine());
        }
        Err(Fault::Lacks(scope))
    }

    /// Whose key it is that they are signed in with.
    pub(crate) fn principal(&self) -> &Principal {
        &self.operator.principal
    }

    pub(crate) fn is_portal(&self) -> bool {
        false
    }

    pub(crate) fn csrf(&self) -> String {
        self.operator.token.csrf()
    }

    /// The path of a page of theirs.
    pub(crate) fn path(&self, below: &str) -> String {
        format!("{}/{below}", self.base)
    }

    /// What stands around a page.
    pub(crate) fn frame(&self, title: impl Into<String>, tab: Tab) -> Frame {
        let sees = |tab: &Tab| self.may(tab.needs());
        Frame {
            title: title.into(),
            tab,
            tabs: Tab::EVERY.iter().copied().filter(sees).collect(),
            base: self.base.clone(),
            tenant: self.tenant.to_string(),
            who: Some(self.operator.name()),
            is_platform: self.operator.principal.is_platform(),
            is_portal: self.is_portal(),
            csrf: self.csrf(),
            note: self.note,
        }
    }
}

impl FromRequestParts<Pages> for Viewer {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Fault> {
        let operator = Operator::from_request_parts(parts, pages).await?;
        let tenant = path::named(parts, pages, "tenant").await;
        let tenant = tenant.and_then(|tenant| tenant.parse::<TenantId>().ok());
        let tenant = tenant.filter(|tenant| operator.sees(tenant));
        let tenant = tenant.ok_or(Fault::NotFound("tenant"))?;
        Ok(Self {
            base: format!("/dashboard/tenants/{tenant}"),
            tenant,
            operator,
            note: Note::of(&Query::parse(parts.uri.query().unwrap_or_default())),
        })
    }
}

/// Someone who is signed in with a key.
pub(crate) struct Operator {
    pub(crate) principal: Principal,
    pub(crate) token: Token,
    pages: Pages,
}

impl Operator {
    /// The engine in their hands; see [`Viewer::engine`].
    pub(crate) fn engine(&self) -> Engine {
        let key = &self.principal.key;
        let acting = ActingKey {
            id: key.id,
            name: key.name.clone(),
            platform: self.principal.is_platform(),
        };
        self.pages.engine.by(Actor {
            key: Some(acting),
            ..Actor::default()
        })
    }

    /// What their key is called.
    pub(crate) fn name(&self) -> String {
        let key = &self.principal.key;
        match key.name.is_empty() {
            true => key.id.to_string(),
            false => key.name.clone(),
        }
    }

    /// The tenant whose pages they come to first.
    pub(crate) fn home(&self) -> TenantId {
        let own = self.principal.key.tenant.clone();
        own.unwrap_or_else(TenantId::default_tenant)
    }

    fn sees(&self, tenant: &TenantId) -> bool {
        match &self.principal.key.tenant {
            Some(own) => own == tenant,
            None => self.pages.engine.tenant(tenant).is_some(),
        }
    }
}

impl FromRequestParts<Pages> for Operator {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Fault> {
        let token = Token::of(&parts.headers);
        let known = token.and_then(|token| {
            let principal = pages.sessions.of(&token, &pages.engine)?;
            Some((token, principal))
        });
        // A nested router sees what is left of the path; they wanted all of it.
        let asked = parts.extensions.get::<OriginalUri>();
        let asked = asked.map_or(&parts.uri, |asked| &asked.0);
        let next = || asked.path_and_query().map(ToString::to_string);
        let (token, principal) = known.ok_or_else(|| Fault::SignIn {
            next: next().unwrap_or_default(),
        })?;
        Ok(Self {
            principal,
            token,
            pages: pages.clone(),
        })
    }
}
