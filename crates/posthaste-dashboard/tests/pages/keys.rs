use http::StatusCode;
use posthaste::event::TenantId;
use posthaste_store::settings::Scope;

use crate::site::{Answer, BASE, KEY, Site};

/// The value of a key that was just made.
fn value(answer: &Answer) -> &str {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let (_, rest) = answer.text.split_once("id=\"value\">").expect("a value");
    rest.split_once('<').expect("its end").0
}

#[tokio::test]
async fn a_key_is_made_shown_once_and_deleted() {
    let site = Site::open().await;
    let fields = [
        ("name", "billing <b>"),
        ("scopes", "events:read"),
        ("scopes", "keys:manage"),
        ("expires_at", "2199-01-31 10:00"),
        ("allowed_ips", "203.0.113.0/24\n2001:db8::1"),
    ];
    let made = site.submit("/keys", &fields).await;
    let key = site
        .engine
        .keys(Some(&TenantId::default_tenant()))
        .remove(0);
    assert_eq!(key.scopes, [Scope::EventsRead, Scope::KeysManage]);
    assert_eq!(key.allowed_ips.len(), 2);
    let from = "203.0.113.9".parse().ok();
    assert!(site.engine.authenticate(value(&made), from).is_some());
    let list = site.page("/keys").await;
    assert!(list.contains("billing &#60;b&#62;"), "{list}");
    assert!(!list.contains(value(&made)));
    assert!(
        !site
            .page(&format!("/keys/{}", key.id))
            .await
            .contains(value(&made))
    );
    let deleted = site.submit(&format!("/keys/{}/delete", key.id), &[]).await;
    assert_eq!(deleted.status, StatusCode::SEE_OTHER);
    assert!(site.engine.authenticate(value(&made), from).is_none());
}

#[tokio::test]
async fn what_is_wrong_with_a_key_stands_beside_its_field_and_what_was_typed_stays() {
    let site = Site::open().await;
    let fields = [
        ("name", "one\u{202e}two"),
        ("expires_at", "2001-01-31T10:00"),
        ("allowed_ips", "10.0.0.0/8\nhome"),
    ];
    let answer = site.submit("/keys", &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for text in [
        "bidirectional control",
        "choose what the key may do",
        "expected a time to come",
        "home: expected an address",
        "10.0.0.0/8\nhome",
        "aria-describedby=\"allowed_ips-error\"",
    ] {
        assert!(answer.text.contains(text), "{text}: {}", answer.text);
    }
    assert!(
        site.engine
            .keys(Some(&TenantId::default_tenant()))
            .is_empty()
    );
}

#[tokio::test]
async fn nobody_gives_a_scope_that_they_lack_nor_sees_what_is_the_platforms() {
    let site = Site::open().await;
    let scopes = [("scopes", "keys:manage"), ("scopes", "events:read")];
    let made = site.submit("/keys", &scopes).await;
    let key = value(&made).to_owned();
    let site = site.signed_in(&key).await;
    let form = site.page("/keys/new").await;
    assert!(form.contains("value=\"events:read\""), "{form}");
    assert!(!form.contains("value=\"*\""), "{form}");
    for given in ["*", "deliveries:read", "tenants:manage"] {
        let answer = site
            .send(&format!("{BASE}/keys"), &fields(&form, given))
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{given}");
    }
    for path in [
        "/dashboard/tenants",
        "/dashboard/platform/keys",
        "/dashboard/platform/settings",
    ] {
        assert_eq!(site.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let settings = site.get(&format!("{BASE}/settings")).await;
    assert_eq!(settings.status, StatusCode::FORBIDDEN);
    let site = site.signed_in(KEY).await;
    assert_eq!(
        site.get("/dashboard/platform/keys").await.status,
        StatusCode::OK
    );
}

/// A form that chooses one scope, with the token of the page that it stood on.
fn fields<'a>(page: &'a str, scope: &'a str) -> [(&'static str, &'a str); 2] {
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect("a form");
    let (csrf, _) = rest.split_once('"').expect("its end");
    [("csrf", csrf), ("scopes", scope)]
}
