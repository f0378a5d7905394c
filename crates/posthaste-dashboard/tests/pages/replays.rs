use http::{StatusCode, header};

use crate::site::{Answer, BASE, Site, UP};

async fn with_deliveries() -> Site {
    let site = Site::before_up_and_down().await;
    site.subscribe(UP).await;
    for n in 0..3 {
        site.publish("memory.created", &n.to_string()).await;
    }
    site.until_attempts(3).await;
    site
}

/// The value of a hidden or typed field of a page.
fn field(page: &Answer, name: &str) -> String {
    let named = format!("name=\"{name}\" value=\"");
    let (_, rest) = page
        .text
        .split_once(&named)
        .unwrap_or_else(|| panic!("{name}: {}", page.text));
    rest.split_once('"').expect("its end").0.to_owned()
}

#[tokio::test]
async fn a_replay_is_counted_then_started_once_and_shown() {
    let site = with_deliveries().await;
    let counted = site
        .submit("/replays", &[("since", "1h"), ("act", "count")])
        .await;
    assert_eq!(counted.status, StatusCode::OK, "{}", counted.text);
    assert!(
        counted.text.contains("3 deliveries would be sent"),
        "{}",
        counted.text
    );
    let replays = site.page("/replays").await;
    assert!(
        replays.contains("No replays"),
        "counting sends nothing: {replays}"
    );
    let names = ["since", "until", "counted", "key"];
    let values = names.map(|name| field(&counted, name));
    let mut start = vec![("act", "start")];
    start.extend(names.iter().copied().zip(values.iter().map(String::as_str)));
    let started = site.submit("/replays", &start).await;
    assert_eq!(started.status, StatusCode::SEE_OTHER, "{}", started.text);
    let place = started.header(header::LOCATION).to_owned();
    let again = site.submit("/replays", &start).await;
    assert_eq!(again.header(header::LOCATION), place, "sent twice");
    site.until_attempts(6).await;
    let shown = site.get(&place).await.text;
    assert!(
        shown.contains("Created.") && shown.contains("all subscriptions"),
        "{shown}"
    );
    let id = place
        .split('?')
        .next()
        .expect("a path")
        .rsplit('/')
        .next()
        .expect("an id");
    assert!(site.page("/replays").await.contains(id));
    let stopped = site.submit(&format!("/replays/{id}/stop"), &[]).await;
    assert_eq!(
        stopped.header(header::LOCATION),
        format!("{BASE}/replays/{id}?note=stopped")
    );
}

#[tokio::test]
async fn what_was_not_counted_does_not_start() {
    let site = with_deliveries().await;
    let counted = site.submit("/replays", &[("since", "1h")]).await;
    let hash = field(&counted, "counted");
    let other = [
        ("since", "2h"),
        ("act", "start"),
        ("counted", hash.as_str()),
    ];
    let counted = site.submit("/replays", &other).await;
    assert_eq!(counted.status, StatusCode::OK);
    assert!(counted.text.contains("3 deliveries would be sent"));
    assert!(site.page("/replays").await.contains("No replays"));
    let form = site.page("/replays/new").await;
    assert!(form.contains("The picture counts outcomes when they happened"));
}

#[tokio::test]
async fn a_wrong_field_keeps_what_was_typed_and_says_what_is_wrong() {
    let site = with_deliveries().await;
    let typed = [
        ("since", "<b>soon"),
        ("types", "a..b"),
        ("rate_per_s", "fast"),
    ];
    let refused = site.submit("/replays", &typed).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for expected in [
        "&#60;b&#62;soon",
        "a..b",
        "since-error",
        "types-error",
        "rate-error",
    ] {
        assert!(
            refused.text.contains(expected),
            "{expected}: {}",
            refused.text
        );
    }
    let later = [("since", "2090-01-01"), ("until", "2091-01-01")];
    let refused = site.submit("/replays", &later).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.text.contains("expected a time before now"),
        "{}",
        refused.text
    );
}
