//! The audit log: who changed or revealed what, when and from where.

use std::net::IpAddr;

use askama::Template;
use axum::{Router, response::Response, routing::get};
use posthaste_store::{
    audit::{Action, AuditEntry},
    query::Stretch,
    settings::Scope,
};
use serde_json::{Map, Value};

use crate::{
    Pages,
    fault::Fault,
    filters,
    frame::{Frame, Tab},
    query::Query,
    render,
    viewer::Viewer,
    wrongs::Wrongs,
};

/// Rows of a page.
const ROWS: usize = 50;

pub(crate) fn routes() -> Router<Pages> {
    Router::new().route("/audit", get(log))
}

#[derive(Template)]
#[template(path = "audit/log.html")]
struct Log {
    frame: Frame,
    query: Query,
    entries: Vec<Entry>,
    older: Option<String>,
    wrong: Wrongs,
}

/// An entry, and its details as people read them.
struct Entry {
    entry: AuditEntry,
    details: Vec<Detail>,
}

/// A member that was given, or what it was changed from and to.
#[derive(Debug, PartialEq, Eq)]
struct Detail {
    name: String,
    old: Option<String>,
    new: String,
}

async fn log(viewer: Viewer, query: Query) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::KeysManage)?;
    let platforms = viewer.principal()?.is_platform();
    let (wanted, wrong) = filters::audit(&query, engine.now(), platforms);
    let stretch = Stretch {
        before: query.read("before"),
        limit: ROWS,
    };
    let found = engine.audit_log(&viewer.tenant, &wanted, stretch).await?;
    render::page(&Log {
        frame: viewer.frame("Audit log", Tab::Audit),
        older: found
            .next
            .map(|next| query.with("before", &next.to_string())),
        entries: found.items.into_iter().map(Entry::of).collect(),
        query,
        wrong,
    })
}

impl Entry {
    fn of(entry: AuditEntry) -> Self {
        let details = serde_json::from_str::<Map<_, _>>(entry.details.as_str());
        let details = details.unwrap_or_default().into_iter();
        Self {
            details: details.map(Detail::of).collect(),
            entry,
        }
    }

    /// The filter's link to all that was done to the same.
    fn object(&self) -> Option<(&str, String)> {
        let object = self.entry.object.as_deref()?;
        Some((object, Query::default().with("object", object)))
    }

    /// Too long to be read at a glance.
    fn is_long(&self) -> bool {
        self.details.len() > 4
    }

    fn address(&self) -> Option<IpAddr> {
        self.entry.actor.address
    }
}

impl Detail {
    fn of((name, value): (String, Value)) -> Self {
        let (old, new) = match &value {
            Value::Object(both) if both.len() == 2 => (both.get("old"), both.get("new")),
            _ => (None, None),
        };
        match (old, new) {
            (Some(old), Some(new)) => Self {
                name,
                old: Some(plain(old)),
                new: plain(new),
            },
            _ => Self {
                name,
                old: None,
                new: plain(&value),
            },
        }
    }
}

/// Text as it is, a list with commas, nothing as a dash, and anything else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if !items.is_empty() => {
            items.iter().map(plain).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(value: Value, old: Option<&str>, new: &str) {
        let detail = Detail::of(("a".into(), value));
        assert_eq!((detail.old.as_deref(), detail.new.as_str()), (old, new));
    }

    #[test]
    fn details_read_as_what_was_given_or_what_became_of_it() {
        check(json!("https://a.example"), None, "https://a.example");
        check(json!({"old": 5, "new": null}), Some("5"), "–");
        check(
            json!({"old": ["a.*"], "new": ["a.*", "b"]}),
            Some("a.*"),
            "a.*, b",
        );
        check(json!({"old": 1}), None, r#"{"old":1}"#);
        check(json!([]), None, "[]");
    }
}
