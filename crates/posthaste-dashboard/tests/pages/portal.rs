//! The portal: what a link leads to, for how long, in whose frames, and what it never does.

use std::time::Duration;

use http::{StatusCode, header};
use posthaste::event::TenantId;
use posthaste_engine::operations::{NewPortalLink, TenantChange};
use posthaste_store::{
    audit::AuditQuery,
    pass::PortalLink,
    query::Stretch,
    theme::{Mode, Theme},
};

use crate::site::Site;

/// A link into the portal of `default`, and the path that it leads to.
pub(crate) async fn link(site: &Site, read_only: bool) -> (PortalLink, String) {
    let new = NewPortalLink {
        expires_in: Duration::from_secs(3600),
        read_only,
        theme: Theme {
            name: Some("Acme <b>".to_owned()),
            accent: "#0a5bb1".parse().ok(),
            mode: Mode::Dark,
        },
        logo: "data:image/png;base64,iVBORw==".parse().ok(),
    };
    let tenant = TenantId::default_tenant();
    let made = site.engine.create_portal_link(&tenant, new).await;
    let (link, token) = made.expect("a link");
    (link, format!("/portal/{}", token.expose()))
}

#[tokio::test]
async fn a_link_shows_one_tenants_pages_under_its_own_name() {
    let site = Site::closed().await;
    let (_, base) = link(&site, false).await;
    let page = site.get(&format!("{base}/deliveries")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("Acme &#60;b&#62;"), "{}", page.text);
    assert!(page.text.contains("<html lang=\"en\" class=\"is-dark\">"));
    assert!(
        page.text
            .contains(&format!("href=\"{base}/subscriptions\""))
    );
    for hidden in [
        "/dashboard",
        "/keys\"",
        "/audit\"",
        "/settings\"",
        "Sign out",
    ] {
        assert!(!page.text.contains(hidden), "{hidden}");
    }
    for closed in ["keys", "audit", "settings", "nothing", "dashboard"] {
        let answer = site.get(&format!("{base}/{closed}")).await;
        let refused = [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND];
        assert!(
            refused.contains(&answer.status),
            "{closed}: {}",
            answer.status
        );
        assert!(!answer.text.contains("/dashboard"), "{}", answer.text);
        let on = format!("href=\"{base}/subscriptions\"");
        assert!(answer.text.contains(&on), "{}", answer.text);
    }
    let slash = site.get(&format!("{base}/events/")).await;
    assert_eq!(slash.header(header::LOCATION), format!("{base}/events"));
    let form = site.get(&format!("{base}/deliveries/selected")).await;
    assert_eq!(form.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(form.text.contains("Nothing was done"), "{}", form.text);
    let styles = site.get(&format!("{base}/theme.css")).await;
    assert!(
        styles.text.contains("--accent: #0a5bb1;"),
        "{}",
        styles.text
    );
    let logo = site.send_raw(&format!("{base}/logo")).await;
    assert_eq!(logo.headers()[header::CONTENT_TYPE], "image/png");
    assert!(
        logo.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .is_ok_and(|policy| policy.contains("sandbox"))
    );
}

#[tokio::test]
async fn a_link_that_is_revoked_or_never_was_leads_to_a_page_that_says_so() {
    let site = Site::closed().await;
    let (made, base) = link(&site, false).await;
    let tenant = TenantId::default_tenant();
    assert_eq!(site.get(&base).await.status, StatusCode::OK);
    let revoked = site.engine.revoke_portal_link(&tenant, made.id).await;
    revoked.expect("it is there");
    let made_up = base.replace("ptk_", "ptk_0");
    for path in [base.clone(), format!("{base}/deliveries"), made_up] {
        let answer = site.get(&path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(
            answer.text.contains("This link has ended"),
            "{}",
            answer.text
        );
        assert!(!answer.text.contains("/dashboard"));
    }
}

#[tokio::test]
async fn it_is_framed_by_the_origins_that_the_tenant_names_and_by_nobody_else() {
    let site = Site::closed().await;
    let (_, base) = link(&site, false).await;
    let page = site.get(&base).await;
    assert!(
        page.header(header::CONTENT_SECURITY_POLICY)
            .ends_with("frame-ancestors 'none'")
    );
    assert_eq!(page.header(header::X_FRAME_OPTIONS), "DENY");
    let origins = ["https://app.example.com", "http://localhost:3000"];
    let origins = origins.map(|origin| origin.parse().expect("an origin"));
    let change = TenantChange {
        portal_origins: Some(origins.to_vec()),
        ..TenantChange::default()
    };
    let tenant = TenantId::default_tenant();
    let changed = site.engine.change_tenant(&tenant, change, None).await;
    changed.expect("it is there");
    for below in ["", "/keys", "/nothing"] {
        let page = site.get(&format!("{base}{below}")).await;
        let policy = page.header(header::CONTENT_SECURITY_POLICY);
        let framed = "frame-ancestors https://app.example.com http://localhost:3000";
        assert!(policy.ends_with(framed), "{below}: {policy}");
        assert_eq!(page.header(header::X_FRAME_OPTIONS), "");
        let shared = page.header("cross-origin-resource-policy");
        assert_eq!(shared, "cross-origin");
    }
}

#[tokio::test]
async fn what_is_changed_through_a_link_is_in_the_log_under_its_name() {
    let site = Site::closed().await;
    let subscription = site.subscribe("https://example.com/hook").await;
    let (made, base) = link(&site, false).await;
    let csrf = site
        .get(&format!("{base}/subscriptions/{subscription}"))
        .await;
    let csrf = csrf.csrf().to_owned();
    let path = format!("{base}/subscriptions/{subscription}/pause");
    let unsigned = site.send(&path, &[]).await;
    assert_eq!(unsigned.status, StatusCode::FORBIDDEN);
    let paused = site.send(&path, &[("csrf", &csrf)]).await;
    assert_eq!(paused.status, StatusCode::SEE_OTHER, "{}", paused.text);
    assert!(paused.header(header::LOCATION).starts_with(&base));
    let stretch = Stretch {
        before: None,
        limit: 1,
    };
    let (tenant, query) = (TenantId::default_tenant(), AuditQuery::default());
    let log = site.engine.audit_log(&tenant, &query, stretch);
    let log = log.await.expect("a log");
    assert_eq!(log.items[0].action, "subscription.pause");
    assert_eq!(log.items[0].actor.portal_link, Some(made.id));
    assert_eq!(log.items[0].actor.key, None);
}

/// Every route of the pages of a tenant that takes a form, as the pages' sources have it.
pub(crate) fn forms() -> Vec<String> {
    let mut places = vec![concat!(env!("CARGO_MANIFEST_DIR"), "/src/pages").into()];
    let mut forms = Vec::new();
    while let Some(place) = places.pop() {
        let place: std::path::PathBuf = place;
        if place.is_dir() {
            let inside = std::fs::read_dir(place).expect("a directory");
            places.extend(inside.map(|entry| entry.expect("a file").path()));
            continue;
        }
        let source = std::fs::read_to_string(place).expect("a source");
        // Keys are at two places.
        let source = source.replace(".route(at,", ".route(\"/keys\",");
        let source = source.replace("{at}", "/keys").replace("{{id}}", "{id}");
        for route in source.split(".route(").skip(1) {
            let path = route.split('"').nth(1).expect("a path");
            let end = route.find(";\n").unwrap_or(route.len());
            if route[..end].contains("post(") && !path.starts_with("/dashboard") {
                forms.push(path.to_owned());
            }
        }
    }
    forms
}

/// Forms that change nothing: who may look may send them.
const READING: &[&str] = &["/subscriptions/filter-test"];

#[tokio::test]
async fn a_link_that_is_read_only_changes_nothing_by_any_form() {
    let site = Site::closed().await;
    let subscription = site.subscribe("https://example.com/hook").await;
    let event = site.publish("memory.created", "{}").await;
    let delivery = event.delivery(0);
    let (_, base) = link(&site, true).await;
    let page = site.get(&format!("{base}/deliveries")).await;
    let csrf = page.text.split_once("data-csrf=\"").expect("a token").1;
    let csrf = csrf.split('"').next().expect("its end");
    let forms = forms();
    assert!(forms.len() > 5, "{forms:?}");
    for form in forms
        .iter()
        .filter(|form| !READING.contains(&form.as_str()))
    {
        let id = match form.split('/').nth(1) {
            Some("subscriptions") => subscription.to_string(),
            Some("events") => event.to_string(),
            Some("deliveries") => delivery.to_string(),
            _ => "none".to_owned(),
        };
        let path = form
            .replace("{id}", &id)
            .replace("{type}", "memory.created");
        let fields = [
            ("csrf", csrf),
            ("verb", "redeliver"),
            ("url", "https://example.com/other"),
            ("id", &id),
        ];
        let answer = site.send(&format!("{base}{path}"), &fields).await;
        let refused = [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND];
        assert!(
            refused.contains(&answer.status),
            "{path}: {} {}",
            answer.status,
            answer.text
        );
    }
    let log = AuditQuery::default();
    let stretch = Stretch {
        before: None,
        limit: 9,
    };
    let tenant = TenantId::default_tenant();
    let log = site.engine.audit_log(&tenant, &log, stretch).await;
    assert_eq!(log.expect("a log").items, []);
}
