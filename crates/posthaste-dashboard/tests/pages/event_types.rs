use http::{StatusCode, header};
use posthaste::event::TenantId;

use crate::site::{BASE, Site};

const SCHEMA: &str = r#"{"type":"object","required":["amount"],"properties":{"amount":{"type":"number","minimum":1,"description":"In euros"}}}"#;

/// The catalogue with one type, `order.paid`.
async fn described() -> Site {
    let site = Site::open().await;
    let fields = [
        ("name", "order.paid"),
        ("description", "Someone paid."),
        ("example", r#"{"amount": 12}"#),
        ("version", "1"),
        ("schema", SCHEMA),
        ("version", "2"),
        ("schema", ""),
    ];
    let answer = site.submit("/new-event-type", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let to = format!("{BASE}/event-types/order.paid?note=created");
    assert_eq!(answer.header(header::LOCATION), to);
    site
}

#[tokio::test]
async fn a_type_is_told_with_its_members_an_example_and_who_takes_it() {
    let site = described().await;
    let id = site.subscribe("https://example.com/hook").await;
    let page = site.page("/event-types/order.paid").await;
    for part in [
        "Someone paid.",
        "Version 1",
        "In euros (at least 1)",
        "required",
        "&#34;amount&#34;: 12",
        &id.to_string(),
        "https://example.com/hook",
        "Publish it",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let list = site.page("/event-types").await;
    assert!(list.contains("order.paid") && list.contains("Someone paid."));
    assert!(
        site.page("/event-types?q=refund")
            .await
            .contains("None matches")
    );
    let form = site.page("/subscriptions/new?events=order.paid").await;
    assert!(
        form.contains("<option value=\"order.paid\">"),
        "the catalogue is at hand"
    );
    assert!(
        form.contains("&#34;amount&#34;: 12"),
        "its example is there to try a filter on"
    );
}

#[tokio::test]
async fn a_type_is_described_anew_and_taken_away() {
    let site = described().await;
    let edit = "/event-types/order.paid/edit";
    let form = site.page(edit).await;
    assert!(form.contains("name=\"revision\" value=\"1\"") && form.contains("value=\"2\""));
    let fields = [
        ("revision", "1"),
        ("description", "Paid."),
        ("version", "2"),
        ("schema", "{}"),
    ];
    let answer = site.submit(edit, &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let page = site.page("/event-types/order.paid").await;
    assert!(page.contains("Version 2") && !page.contains("Version 1"));
    let stale = site.submit(edit, &fields).await;
    assert_eq!(stale.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(stale.text.contains("someone changed it") && stale.text.contains("load it anew</a>"));
    assert!(stale.text.contains("Both say the same."), "{}", stale.text);
    let other = [
        ("revision", "1"),
        ("description", "Or not."),
        ("version", "2"),
        ("schema", "{}"),
    ];
    let stale = site.submit(edit, &other).await;
    assert!(stale.text.contains("<bdi>Or not.</bdi>") && stale.text.contains("<bdi>Paid.</bdi>"));
    assert!(stale.text.contains("name=\"revision\" value=\"2\""));
    let delete = "/event-types/order.paid/delete";
    assert!(site.page(delete).await.contains("Keep it"));
    site.submit(delete, &[]).await;
    assert!(
        site.page("/event-types")
            .await
            .contains("The catalogue is empty")
    );
}

#[tokio::test]
async fn a_type_that_is_saved_as_it_was_shown_stays_as_it_is() {
    let site = described().await;
    let (tenant, name) = (TenantId::default_tenant(), "order.paid".parse().unwrap());
    let entry = || {
        let known = site.engine.event_type(&tenant, &name);
        known.expect("it is there").entry.clone()
    };
    let before = entry();
    let laid_out = "{\r\n  \"amount\": 12\r\n}";
    let form = site.page("/event-types/order.paid/edit").await;
    let (_, schema) = form.split_once("of version 1\"").expect("its schema");
    let (_, schema) = schema.split_once('>').expect("its start");
    let (schema, _) = schema.split_once("</textarea>").expect("its end");
    let schema = schema.replace("&#34;", "\"");
    let fields = [
        ("revision", "1"),
        ("description", "Someone paid."),
        ("example", laid_out),
        ("version", "1"),
        ("schema", schema.as_str()),
    ];
    let edit = "/event-types/order.paid/edit";
    let answer = site.submit(edit, &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert_eq!(entry(), before);
    assert!(!site.page("/audit").await.contains(">event_type.update</a>"));
}

#[tokio::test]
async fn what_the_catalogue_refuses_stands_beside_its_field() {
    let site = Site::open().await;
    let fields = [
        ("name", "order.paid"),
        ("example", r#"{"amount":0}"#),
        ("version", "1"),
        ("schema", SCHEMA),
    ];
    let answer = site.submit("/new-event-type", &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer.text.contains("id=\"example-error\""),
        "{}",
        answer.text
    );
    let fields = [("name", "a"), ("version", "1"), ("schema", r#"{"type":7}"#)];
    let answer = site.submit("/new-event-type", &fields).await;
    assert!(
        answer.text.contains("id=\"versions-error\""),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn an_example_is_published_where_it_fits() {
    let site = described().await;
    let publish = "/event-types/order.paid/publish";
    let answer = site
        .submit(publish, &[("version", "1"), ("data", r#"{"amount":0}"#)])
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer.text.contains("id=\"data-error\">/amount: "),
        "{}",
        answer.text
    );
    let answer = site
        .submit(
            publish,
            &[("version", "1"), ("data", r#"{"amount":1e400}"#)],
        )
        .await;
    let to = answer.header(header::LOCATION);
    let event = to
        .strip_prefix(&format!("{BASE}/events/"))
        .expect("an event's page");
    let id = event
        .split('?')
        .next()
        .and_then(|id| id.parse().ok())
        .expect("an id");
    let stored = site
        .engine
        .event(&TenantId::default_tenant(), id)
        .await
        .expect("an event");
    assert_eq!(stored.event.data.as_str(), r#"{"amount":1e400}"#);
}
