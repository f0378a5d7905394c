//! The server itself: how it fares, and what it runs on.

use askama::Template;
use axum::{Router, extract::State, response::Response, routing::get};
use posthaste_engine::operations::Node;
use posthaste_store::settings::Scope;

use crate::{
    Pages, Setting,
    fault::Fault,
    frame::{Frame, Tab},
    platform::Platform,
    render,
};

pub(crate) fn routes() -> Router<Pages> {
    Router::new().route("/dashboard/platform/settings", get(server))
}

#[derive(Template)]
#[template(path = "node/page.html")]
struct Page<'a> {
    frame: Frame,
    node: Node,
    version: &'static str,
    settings: &'a [Setting],
}

impl Page<'_> {
    /// Where the store is, as it is set.
    fn database(&self) -> &str {
        let mut known = self.settings.iter();
        let known = known.find(|setting| setting.key == "database");
        known
            .and_then(|setting| setting.value.as_deref())
            .map_or("–", |value| value.trim_matches('"'))
    }
}

async fn server(State(pages): State<Pages>, platform: Platform) -> Result<Response, Fault> {
    let engine = platform.engine(Scope::TenantsManage)?;
    render::page(&Page {
        frame: platform.frame("Server", Tab::Server),
        node: engine.node().await?,
        version: env!("CARGO_PKG_VERSION"),
        settings: &pages.options.settings,
    })
}
