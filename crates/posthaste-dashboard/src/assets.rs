//! The files that pages need, from within the binary, under names that change with what is in them:
//! a browser asks for each once.

use std::sync::LazyLock;

use axum::{
    Router,
    extract::Path,
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use http::{StatusCode, header};
use sha2::{Digest, Sha256};

/// A file of ours.
pub(crate) struct Asset {
    name: &'static str,
    kind: &'static str,
    content: Bytes,
    /// The beginning of its SHA-256.
    version: String,
}

const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// All styles, in this order, as one file.
const STYLES: &[&str] = &[
    include_str!("../assets/vendor/uplot-1.6.32.min.css"),
    include_str!("../assets/css/base.css"),
    include_str!("../assets/css/parts.css"),
    include_str!("../assets/css/overview.css"),
    include_str!("../assets/css/log.css"),
    include_str!("../assets/css/subscriptions.css"),
    include_str!("../assets/css/inboxes.css"),
    include_str!("../assets/css/platform.css"),
    include_str!("../assets/css/portal.css"),
];

macro_rules! scripts {
    ($($name:literal = $file:literal;)*) => {
        [$(Asset::new($name, JAVASCRIPT, Bytes::from_static(include_bytes!($file)))),*]
    };
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let styles = Asset::new("posthaste.css", CSS, STYLES.join("\n").into());
    let scripts = scripts! {
        "htmx.js" = "../assets/vendor/htmx-2.0.11.min.js";
        "uplot.js" = "../assets/vendor/uplot-1.6.32.iife.min.js";
        "posthaste.js" = "../assets/js/posthaste.js";
        "charts.js" = "../assets/js/charts.js";
        "log.js" = "../assets/js/log.js";
        "subscriptions.js" = "../assets/js/subscriptions.js";
        "inboxes.js" = "../assets/js/inboxes.js";
    };
    let icon = include_bytes!("../assets/icon.svg");
    let icon = Asset::new("icon.svg", "image/svg+xml", Bytes::from_static(icon));
    scripts.into_iter().chain([styles, icon]).collect()
});

impl Asset {
    fn new(name: &'static str, kind: &'static str, content: Bytes) -> Self {
        let sum = HEXLOWER.encode(&Sha256::digest(&content));
        Self {
            name,
            kind,
            content,
            version: sum[..12].to_owned(),
        }
    }

    /// Where it is to be asked for.
    pub(crate) fn path(name: &str) -> String {
        let known = ASSETS.iter().find(|asset| asset.name == name);
        let version = known.map_or("", |asset| asset.version.as_str());
        format!("/assets/{version}/{name}")
    }
}

pub(crate) fn routes() -> Router {
    Router::new().route("/assets/{version}/{name}", get(asset))
}

async fn asset(Path((version, name)): Path<(String, String)>) -> Response {
    let mut known = ASSETS.iter();
    let known = known.find(|asset| asset.name == name && asset.version == version);
    let Some(asset) = known else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.content.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_what_was_written_down() {
        let sums = include_str!("../assets/README.md");
        let vendored: [&[u8]; 3] = [
            include_bytes!("../assets/vendor/htmx-2.0.11.min.js"),
            include_bytes!("../assets/vendor/uplot-1.6.32.iife.min.js"),
            include_bytes!("../assets/vendor/uplot-1.6.32.min.css"),
        ];
        for file in vendored {
            let sum = HEXLOWER.encode(&Sha256::digest(file));
            assert!(sums.contains(&sum), "{sum}");
        }
    }
}
