//! Whoever gets no page is told why, and can go on from there.

use http::{StatusCode, header};
use posthaste_store::settings::Scope;

use crate::{
    portal::forms,
    site::{Answer, BASE, KEY, Site},
};

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

/// Where the sign-in page leads that this answer leads to.
fn next(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let query = answer.header(header::LOCATION).split_once('?');
    let (_, query) = query.expect("a page to come back to");
    let mut fields = url::form_urlencoded::parse(query.as_bytes());
    let next = fields.find(|(name, _)| name == "next");
    next.expect("a page to come back to").1.into_owned()
}

#[tokio::test]
async fn a_form_after_the_session_ended_leads_back_to_its_page_which_says_that_nothing_was_done() {
    let closed = Site::closed().await;
    let subscription = closed.subscribe("https://example.com/hook").await;
    let event = closed.publish("memory.created", "{}").await;
    let delivery = event.delivery(0);
    let forms = forms();
    let mut pages = Vec::new();
    for form in &forms {
        let id = match form.split('/').nth(1) {
            Some("subscriptions") => subscription.to_string(),
            Some("events") => event.to_string(),
            Some("deliveries") => delivery.to_string(),
            _ => "none".to_owned(),
        };
        let path = format!("{BASE}{}", form.replace("{id}", &id));
        pages.push(next(&closed.send(&path, &[]).await));
    }
    let form = closed.get("/dashboard/sign-in?next=%2Fdashboard%3Fnote%3Dundone");
    let form = form.await.text;
    assert!(form.contains("nothing was done"), "{form}");
    let open = closed.signed_in(KEY).await;
    for page in pages {
        let answer = open.get(&page).await;
        if page.contains("none?") {
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{page}");
            continue;
        }
        assert_eq!(answer.status, StatusCode::OK, "{page}");
        assert!(answer.text.contains("nothing was done"), "{page}");
    }
}

#[tokio::test]
async fn a_path_that_takes_forms_alone_says_so_as_a_page() {
    let site = Site::open().await;
    let subscription = site.subscribe("https://example.com/hook").await;
    for path in [
        format!("{BASE}/subscriptions/{subscription}/pause"),
        "/dashboard/sign-out".to_owned(),
    ] {
        let answer = site.get(&path).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert!(answer.text.contains("Nothing was done"), "{path}");
        assert!(answer.text.contains("Sign out"), "{path}");
    }
    let posted = site.send(&format!("{BASE}/events"), &[]).await;
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(posted.text.contains("Nothing was done"));
}

#[tokio::test]
async fn a_slash_too_many_leads_to_the_page_and_nothing_is_unknown_without_a_page() {
    let site = Site::open().await;
    for path in [
        "/dashboard",
        BASE,
        "/dashboard/tenants",
        "/portal/ptk_x",
        &format!("{BASE}/events"),
    ] {
        let answer = site.get(&format!("{path}/")).await;
        assert_eq!(answer.header(header::LOCATION), path);
    }
    for path in ["/portal", "/portal/", "/portal/ptk_x/events/"] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(answer.text.contains("This link has ended"), "{path}");
    }
    for path in ["/dashboard/nothing", "/dashboard/platform/nothing"] {
        let answer = site.send(path, &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text.contains("Sign out"), "{path}");
    }
}

/// What an open page is told that asks for a piece of itself.
async fn piece(site: &Site, base: &str, open: &str) -> Answer {
    let path = format!("{base}/overview/figures?window=hour");
    let headers = [("hx-request", "true"), ("hx-current-url", open)];
    site.send_as("GET", &path, &headers, None, &[]).await
}

#[tokio::test]
async fn a_page_that_is_open_when_the_session_ends_leads_to_sign_in_as_a_whole() {
    let site = Site::closed().await;
    let sign_in = "/dashboard/sign-in?next=";
    for (open, next) in [
        (
            "http://127.0.0.1:8400/dashboard/tenants/default?window=hour",
            "%2Fdashboard%2Ftenants%2Fdefault%3Fwindow%3Dhour",
        ),
        ("https://evil.example//evil.example", "%2F%2Fevil.example"),
        ("javascript:alert(1)", "alert%281%29"),
        ("nonsense", "%2Fdashboard"),
    ] {
        let answer = piece(&site, BASE, open).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.header("hx-redirect"), format!("{sign_in}{next}"));
        assert_eq!(answer.text, "", "nothing to put in its place");
    }
    let astray = site.get(&format!("{sign_in}%2F%2Fevil.example")).await;
    assert!(astray.text.contains("name=\"next\" value=\"/dashboard\""));
    let ended = piece(&site, "/portal/ptk_x", "http://127.0.0.1:8400/").await;
    assert_eq!(ended.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ended.header("hx-refresh"), "true");
    assert_eq!(ended.text, "");
}

#[tokio::test]
async fn what_is_no_page_is_refused_without_one() {
    let site = Site::closed().await;
    let path = format!("{BASE}/deliveries/live");
    for kind in ["text/event-stream", "application/json"] {
        let headers = [("accept", kind)];
        let answer = site.send_as("GET", &path, &headers, None, &[]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{kind}");
        assert_eq!(answer.text, "", "{kind}");
        assert_eq!(answer.header(header::LOCATION), "", "{kind}");
    }
    let page = [("accept", "text/html,application/xml;q=0.9,*/*;q=0.8")];
    let answer = site.send_as("GET", &path, &page, None, &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}
