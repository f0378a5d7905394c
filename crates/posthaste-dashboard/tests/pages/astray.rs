//! Whoever gets no page is told why, and can go on from there.

use http::{StatusCode, header};
use posthaste_store::settings::Scope;

use crate::site::{Answer, BASE, Site};

/// The page where someone arrives who follows wherever they are led.
async fn arrived(site: &Site, path: &str) -> (String, Answer) {
    let mut path = path.to_owned();
    loop {
        let answer = site.get(&path).await;
        match answer.status {
            StatusCode::SEE_OTHER => path = answer.header(header::LOCATION).to_owned(),
            _ => return (path, answer),
        }
    }
}

#[tokio::test]
async fn whoever_signs_in_comes_to_the_first_page_that_their_key_may_see() {
    let site = Site::closed().await;
    for (scope, page) in [
        (Scope::DeliveriesRead, ""),
        (Scope::EventsRead, "/events"),
        (Scope::SubscriptionsRead, "/subscriptions"),
        (Scope::KeysManage, "/keys"),
    ] {
        let holder = site.as_holder(&[scope]).await;
        for begin in ["/dashboard", BASE] {
            let (path, answer) = arrived(&holder, begin).await;
            assert_eq!(path, format!("{BASE}{page}"), "{scope}");
            assert_eq!(answer.status, StatusCode::OK, "{scope}");
        }
    }
    let publisher = site.as_holder(&[Scope::EventsPublish]).await;
    let (_, answer) = arrived(&publisher, "/dashboard").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text.contains("No page for this key"));
    assert!(answer.text.contains("Sign out"), "{}", answer.text);
    assert!(!answer.text.contains("aria-label=\"Pages\""));
}

#[tokio::test]
async fn a_page_that_says_why_there_is_none_leads_on_to_the_others() {
    let site = Site::open().await;
    let reader = site.as_holder(&[Scope::EventsRead]).await;
    for (who, path, status) in [
        (&site, format!("{BASE}/subscriptions/nonsense"), 404),
        (&site, format!("{BASE}/nothing"), 404),
        (&site, "/dashboard/tenants/nobody".to_owned(), 404),
        (&reader, format!("{BASE}/deliveries"), 403),
        (&reader, "/dashboard/tenants/other".to_owned(), 404),
        (&reader, "/dashboard/platform/keys".to_owned(), 403),
    ] {
        let answer = who.get(&path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text.contains("Sign out"), "{path}");
        assert!(answer.text.contains("aria-label=\"Pages\""), "{path}");
        assert!(!answer.text.contains("aria-current"), "{path}");
    }
    let refused = site.submit("/inboxes/none/subscribe", &[]).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    assert!(refused.text.contains("Sign out"), "{}", refused.text);
}
