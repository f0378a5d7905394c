//! Inboxes: made in one click, looked into, set to fail.

use http::{StatusCode, header};
use posthaste::event::TenantId;
use posthaste_engine::inboxes::Incoming;
use posthaste_store::inbox::{Inbox, Via};
use std::sync::Arc;

use crate::site::{BASE, Site};

/// An inbox that the page's one click makes, and its path below the tenant's.
async fn made(site: &Site, fields: &[(&str, &str)]) -> (Arc<Inbox>, String) {
    let answer = site.submit("/inboxes", fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let to = answer.header(header::LOCATION).to_owned();
    let path = to.strip_prefix(BASE).expect("its page").to_owned();
    let inboxes = site.engine.inboxes(&TenantId::default_tenant());
    (
        inboxes[0].clone(),
        path.split('?').next().unwrap().to_owned(),
    )
}

async fn takes(site: &Site, inbox: &Inbox, headers: &[(&str, &[u8])], body: &[u8]) {
    let url = site.engine.inbox_url(inbox).to_string();
    let token = url.rsplit('/').next().unwrap();
    let headers = headers.iter();
    let incoming = Incoming {
        method: "PATCH".to_owned(),
        path: "/<b>".to_owned(),
        query: None,
        headers: headers
            .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
            .collect(),
        via: Via::Network("192.0.2.7".parse().ok()),
        body: body.to_vec().into(),
        incomplete: None,
    };
    let place = site.engine.enter_inbox(token).expect("a place");
    place.keep(incoming).await.expect("it is kept");
}

#[tokio::test]
async fn an_inbox_is_made_in_one_click_and_shows_what_comes_as_text() {
    let site = Site::open().await;
    let empty = site.page("/inboxes").await;
    assert!(empty.contains("No inbox yet"), "{empty}");
    let (inbox, path) = made(&site, &[("subscribe", "yes")]).await;
    let page = site.page(&path).await;
    assert!(page.contains("Nothing yet"), "{page}");
    assert!(
        page.contains(site.engine.inbox_url(&inbox).as_str()),
        "{page}"
    );
    let script: &[u8] = b"<script>alert(1)</script>";
    takes(
        &site,
        &inbox,
        &[("x-evil", script), ("x-raw", b"caf\xe9")],
        script,
    )
    .await;
    takes(&site, &inbox, &[], b"\xff\x00\x01").await;
    let page = site.page(&path).await;
    assert!(!page.contains("<script>alert"), "{page}");
    for text in [
        "&#60;script&#62;alert(1)&#60;/script&#62;",
        "caf\\xe9",
        "does not verify",
        "the header webhook-id is missing",
        "192.0.2.7",
        "000000  ff 00 01",
        "curl --globoff -X PATCH",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    let alone = site.page(&format!("{path}/requests/1")).await;
    assert!(alone.contains("x-evil"), "{alone}");
    let missing = site.get(&format!("{BASE}{path}/requests/9")).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let list = site.page("/inboxes").await;
    assert!(
        list.contains("PATCH") && list.contains("subscribed"),
        "{list}"
    );
}

#[tokio::test]
async fn an_answer_is_chosen_with_a_click_or_typed_and_what_is_wrong_is_told_at_its_field() {
    let site = Site::open().await;
    let (inbox, path) = made(&site, &[("name", "mine")]).await;
    let answer = || {
        let tenant = TenantId::default_tenant();
        let now = site.engine.inbox(&tenant, inbox.id).expect("it is there");
        match &now.bin {
            posthaste_store::inbox::Bin::Own { answer, .. } => answer.clone(),
            posthaste_store::inbox::Bin::WebhookSite { .. } => unreachable!("it is here"),
        }
    };
    let at = format!("{path}/answer");
    assert_eq!(
        site.submit(&at, &[("preset", "429")]).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!((answer().status, answer().retry_after_s), (429, Some(10)));
    let typed = [("status", "503"), ("delay_ms", "8000"), ("body", "no")];
    assert_eq!(site.submit(&at, &typed).await.status, StatusCode::SEE_OTHER);
    assert_eq!((answer().status, answer().delay_ms), (503, 8000));
    assert_eq!(
        (answer().retry_after_s, answer().body.as_str()),
        (None, "no")
    );
    let refused = site
        .submit(&at, &[("status", "99"), ("body", "kept")])
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let why = "expected 200 to 599";
    for text in [
        why,
        "aria-describedby=\"status-error\"",
        "value=\"99\"",
        ">kept</textarea>",
    ] {
        assert!(refused.text.contains(text), "{text} in {}", refused.text);
    }
    assert_eq!(answer().status, 503);
}

#[tokio::test]
async fn what_it_verifies_with_is_changed_and_never_shown() {
    let site = Site::open().await;
    let (inbox, path) = made(&site, &[]).await;
    let secret = "a secret of sixteen bytes";
    let with = [("with", "secret"), ("secret", secret)];
    let check = format!("{path}/check");
    assert_eq!(
        site.submit(&check, &with).await.status,
        StatusCode::SEE_OTHER
    );
    let page = site.page(&path).await;
    assert!(
        page.contains("a secret of its own") && !page.contains(secret),
        "{page}"
    );
    let subscribed = site
        .submit(&format!("{path}/subscribe"), &[("events", "a.*")])
        .await;
    assert_eq!(
        subscribed.status,
        StatusCode::SEE_OTHER,
        "{}",
        subscribed.text
    );
    let page = site.page(&path).await;
    assert!(page.contains("the secrets of its subscription"), "{page}");
    let asked = site.page(&format!("{path}/delete")).await;
    assert!(
        asked.contains("The subscription that was made with it goes too"),
        "{asked}"
    );
    let deleted = site.submit(&format!("{path}/delete"), &[]).await;
    assert_eq!(deleted.status, StatusCode::SEE_OTHER);
    let tenant = TenantId::default_tenant();
    assert!(site.engine.inbox(&tenant, inbox.id).is_none());
    assert!(site.engine.subscriptions(&tenant).is_empty());
}
