//! Posthaste's pages: the operator's dashboard and, with one tenant's power, the consumer portal.
//!
//! They are rendered here, whole, and read without a script; scripts add what is live. Handlers
//! translate and the engine's operations decide, as in the API: a page can do nothing that the API
//! cannot, and asks for the same scopes. Nothing here asks another host for anything.

mod show;
mod outline;
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
mod origin;
mod theme;
mod policy;
mod portal;
mod viewer;
mod live;
mod platform;
mod posted;
mod wrongs;
mod reading;
mod meanwhile;
mod subscription_form;
mod event_type_form;
mod assets;
pub mod verification_code;
mod pages;

use std::{ops::Deref, sync::Arc};

use axum::{Router, middleware};
use posthaste::{origin::Origin, signature::Secret};
use posthaste_callers::Callers;
use posthaste_engine::Engine;

use crate::{live::Places, session::Cookie};

/// What may be set about the pages.
#[derive(Clone)]
pub struct Options {
    /// Who asks; the same as the API's.
    pub callers: Callers,
    /// How this server is reached; over https, sessions are kept to it. Default
    /// `http://127.0.0.1:8400`.
    pub public_url: Origin,
    /// The key of whoever looks from this machine, so that they are signed in without being asked:
    /// for development. Default none.
    pub own_key: Option<Secret>,
    /// What the server runs on, to be shown to its operator; default none.
    pub settings: Vec<Setting>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            callers: Callers::default(),
            public_url: "http://127.0.0.1:8400".parse().expect("it is an origin"),
            own_key: None,
            settings: Vec::new(),
        }
    }
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
    cookie: Cookie,
    /// For pages that listen.
    places: Places,
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
        cookie: Cookie::new(options.public_url.is_https()),
        places: Places::default(),
        engine,
        options,
    }));
    pages::all(&pages)
        .with_state(pages)
        .layer(middleware::map_response(policy::applied))
        .merge(assets::routes())
}
