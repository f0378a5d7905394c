//! Posthaste's pages: the operator's dashboard and, with one tenant's power, the consumer portal.
//!
//! They are rendered here, whole, and read without a script; scripts add what is live. Handlers
//! translate and the engine's operations decide, as in the API: a page can do nothing that the API
//! cannot, and asks for the same scopes. Nothing here asks another host for anything.

mod show;
mod pretty;
mod payload;
mod curl;
mod moment;
mod timeline;
mod frame;
mod render;
mod fault;
mod query;
mod filters;
mod path;
mod session;
mod viewer;
mod platform;
mod posted;
mod form;
mod subscription_form;
mod assets;
mod policy;
pub mod verification_code;
mod pages;

use std::{ops::Deref, sync::Arc};

use axum::{Router, middleware};
use posthaste_engine::Engine;

use crate::session::Sessions;

/// What may be set about the pages.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether whoever looks from this machine is signed in without being asked: for development.
    pub signs_in_by_itself: bool,
    /// What the server runs on, to be shown to its operator; default none.
    pub settings: Vec<Setting>,
}

/// A setting of the server's, as `serve --print-config` shows it.
#[derive(Clone, Debug)]
pub struct Setting {
    pub key: String,
    /// None where nothing is set; a secret's is hidden.
    pub value: Option<String>,
    /// Where it was written.
    pub source: String,
}

/// What every handler has at hand.
#[derive(Clone)]
pub(crate) struct Pages(Arc<Shared>);

pub(crate) struct Shared {
    engine: Engine,
    options: Options,
    sessions: Sessions,
}

impl Deref for Pages {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// All pages over an engine: `/dashboard`, `/portal` and the files that they need.
pub fn router(engine: Engine, options: Options) -> Router {
    let pages = Pages(Arc::new(Shared {
        sessions: Sessions::default(),
        engine,
        options,
    }));
    pages::all()
        .with_state(pages)
        .layer(middleware::map_response(policy::applied))
        .merge(assets::routes())
}
