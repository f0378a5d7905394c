//! Who looks at the platform's own pages, its tenants, its keys, its server: whoever holds one of
//! its keys, and nobody else.

use axum::extract::FromRequestParts;
use http::request::Parts;
use posthaste_engine::{Engine, operations::Principal};
use posthaste_store::settings::Scope;

use crate::{
    Pages,
    came::Said,
    fault::Fault,
    frame::{Frame, Tab},
    query::Query,
    viewer::Operator,
};

/// What the paths of these pages begin with.
const BASE: &str = "/dashboard";

/// Someone at the platform's pages.
pub(crate) struct Platform {
    operator: Operator,
    note: Option<Said>,
}

impl Platform {
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.operator.principal.may(scope)
    }

    /// The engine in their hands; see [`crate::viewer::Viewer::engine`].
    pub(crate) fn engine(&self, scope: Scope) -> Result<Engine, Fault> {
        if self.may(scope) {
            return Ok(self.operator.engine());
        }
        Err(Fault::Lacks(scope))
    }

    pub(crate) fn principal(&self) -> &Principal {
        &self.operator.principal
    }

    /// What stands around a page.
    pub(crate) fn frame(&self, title: impl Into<String>, tab: impl Into<Option<Tab>>) -> Frame {
        let sees = |tab: &Tab| self.may(tab.needs());
        Frame {
            title: title.into(),
            tab: tab.into(),
            tabs: Tab::PLATFORM.iter().copied().filter(sees).collect(),
            base: BASE.to_owned(),
            tenant: String::new(),
            who: Some(self.operator.name()),
            is_platform: true,
            is_portal: false,
            brand: None,
            csrf: self.operator.token.csrf(),
            note: self.note.map(|said| said.text()),
        }
    }
}

impl FromRequestParts<Pages> for Platform {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Fault> {
        let operator = Operator::from_request_parts(parts, pages).await?;
        if !operator.principal.is_platform() {
            return Err(Fault::Lacks(Scope::TenantsManage));
        }
        Ok(Self {
            operator,
            note: Said::of(&Query::parse(parts.uri.query().unwrap_or_default())),
        })
    }
}
