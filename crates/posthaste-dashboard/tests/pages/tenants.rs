use http::{StatusCode, header};
use posthaste::event::TenantId;
use posthaste_store::settings::Catalogue;

use crate::site::{Answer, Site};

/// Sends a form of the platform's pages.
async fn submit(site: &Site, path: &str, fields: &[(&str, &str)]) -> Answer {
    let page = site.get("/dashboard/tenants").await;
    let mut all = vec![("csrf", page.csrf())];
    all.extend(fields);
    site.send(path, &all).await
}

#[tokio::test]
async fn a_tenant_is_made_set_up_and_deleted_by_whoever_types_its_id() {
    let site = Site::open().await;
    let id: TenantId = "acme".parse().unwrap();
    let made = submit(
        &site,
        "/dashboard/tenants",
        &[("id", "acme"), ("name", "Acme")],
    )
    .await;
    let settings = "/dashboard/tenants/acme/settings";
    assert_eq!(
        made.header(header::LOCATION),
        format!("{settings}?note=created")
    );
    let list = site.get("/dashboard/tenants?search=ACM").await.text;
    assert!(
        list.contains("Acme") && !list.contains(">default<"),
        "{list}"
    );
    let fields = [
        ("name", "Acme Ltd"),
        ("catalogue", "strict"),
        ("events_per_s", "2.5"),
        ("retention_days", "7"),
        ("denied", "10.0.0.0/8\n.example.com"),
        ("portal_origins", "https://app.example.com"),
    ];
    let saved = submit(&site, settings, &fields).await;
    assert_eq!(
        saved.header(header::LOCATION),
        format!("{settings}?note=saved")
    );
    let tenant = site.engine.tenant(&id).unwrap();
    assert_eq!(tenant.catalogue, Catalogue::Strict);
    assert_eq!(tenant.limits.retention_days, Some(7));
    assert_eq!(tenant.limits.subscriptions, None);
    assert_eq!(tenant.denied.entries().len(), 2);
    assert_eq!(tenant.portal_origins[0].as_str(), "https://app.example.com");
    let form = site.get(settings).await.text;
    assert!(
        form.contains("value=\"2.5\"") && form.contains("10.0.0.0/8\n.example.com"),
        "{form}"
    );

    let delete = format!("{settings}/delete");
    let refused = submit(&site, &delete, &[("confirm", "acm")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(site.engine.has_tenant(&id));
    let deleted = submit(&site, &delete, &[("confirm", "acme")]).await;
    assert_eq!(
        deleted.header(header::LOCATION),
        "/dashboard/tenants?note=deleted"
    );
    assert!(!site.engine.has_tenant(&id));
}

#[tokio::test]
async fn what_is_wrong_with_a_tenant_stands_beside_its_field() {
    let site = Site::open().await;
    for (id, told) in [
        ("", "this is needed"),
        ("No!", "id-error"),
        ("default", "is taken"),
    ] {
        let answer = submit(&site, "/dashboard/tenants", &[("id", id)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{id}");
        assert!(answer.text.contains(told), "{id}: {}", answer.text);
    }
    let fields = [
        ("name", ""),
        ("events_per_s", "0"),
        ("subscriptions", "many"),
        ("hold_days", "3651"),
        ("denied", "not a host"),
    ];
    let answer = site.submit("/settings", &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for field in [
        "name",
        "events_per_s",
        "subscriptions",
        "hold_days",
        "denied",
    ] {
        assert!(
            answer.text.contains(&format!("id=\"{field}-error\"")),
            "{field}: {}",
            answer.text
        );
    }
    assert!(answer.text.contains("value=\"3651\""), "{}", answer.text);
}

#[tokio::test]
async fn the_server_says_how_it_fares() {
    let site = Site::open().await;
    let page = site.get("/dashboard/platform/settings").await;
    assert_eq!(page.status, StatusCode::OK);
    for text in [
        env!("CARGO_PKG_VERSION"),
        &site.engine.server_name(),
        "Up for",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
}
