//! Events, deliveries and dead letters: what is found, what is shown of strangers' bytes, what is
//! sent again.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use http::{StatusCode, header};
use posthaste::{
    CallbackTransport,
    delivery::DeliveryStatus,
    event::TenantId,
    id::{DeliveryId, SubscriptionId},
    retry::{Preset, RetryPolicy},
    transport::{Answer, WebhookTransport},
};
use posthaste_engine::operations::NewSubscription;
use posthaste_store::query::{DeliveryQuery, Stretch};

use crate::site::{BASE, Site};

/// What the receiver of these tests says, whatever it is sent.
const HOSTILE: &[u8] = b"<script>alert(1)</script> \xe2\x80\xae\x00 it's";

fn receiver() -> Arc<dyn WebhookTransport> {
    Arc::new(CallbackTransport::new(|url, _, _| {
        match url.path_and_query() {
            "/well" => Answer::from(200),
            "/bytes" => Answer::from((500, &b"\xff\xfe\x00<b>"[..])),
            _ => Answer {
                headers: "x-evil: <img src=x>\n".to_owned(),
                ..Answer::from((404, HOSTILE))
            },
        }
    }))
}

impl Site {
    /// One attempt for each delivery, and never paused.
    async fn subscribe_once(&self, path: &str) -> SubscriptionId {
        let url = format!("https://hooks.example.com{path}");
        let new = NewSubscription {
            retry: RetryPolicy::preset(Preset::None),
            auto_pause_after: Some(0),
            ..NewSubscription::to(url.parse().expect("a URL"))
        };
        let tenant = TenantId::default_tenant();
        let made = self.engine.subscribe(&tenant, new).await;
        made.expect("a subscription").id
    }

    /// Waits until so many deliveries have this status; and their ids, the newest first.
    async fn until(&self, status: DeliveryStatus, count: usize) -> Vec<DeliveryId> {
        let query = DeliveryQuery {
            status: Some(status),
            ..DeliveryQuery::default()
        };
        let stretch = Stretch {
            before: None,
            limit: 100,
        };
        let tenant = TenantId::default_tenant();
        loop {
            let found = self.engine.deliveries(&tenant, &query, stretch).await;
            let ids: Vec<_> = found
                .expect("a list")
                .items
                .iter()
                .map(|one| one.id)
                .collect();
            if ids.len() == count {
                return ids;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn a_list_is_narrowed_by_its_path_and_says_what_it_cannot_read() {
    let site = Site::before(receiver()).await;
    let (well, down) = (
        site.subscribe_once("/well").await,
        site.subscribe_once("/down").await,
    );
    site.publish("order.paid", "1").await;
    let delivered = site.until(DeliveryStatus::Delivered, 1).await[0].to_string();
    let failed = site.until(DeliveryStatus::Failed, 1).await[0].to_string();
    let all = site.page("/deliveries").await;
    assert!(all.contains(&delivered) && all.contains(&failed));
    for query in [
        "status=failed".to_owned(),
        format!("subscription={down}"),
        "error=http+404".to_owned(),
        format!("subscription={down}&since=1h&type=order.paid&until="),
    ] {
        let page = site.page(&format!("/deliveries?{query}")).await;
        assert!(
            page.contains(&failed) && !page.contains(&delivered),
            "{query}"
        );
    }
    let page = site
        .page(&format!("/deliveries?subscription={well}&until=1h"))
        .await;
    assert!(page.contains("No delivery matches"));
    let wrong = site
        .get(&format!("{BASE}/deliveries?since=soon&status=failed"))
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("id=\"since-wrong\"") && wrong.text.contains("value=\"soon\""));
    assert!(
        !wrong.text.contains(&failed),
        "nothing is listed by half a filter"
    );
}

#[tokio::test]
async fn an_event_is_found_by_text_by_id_and_by_what_it_belongs_to() {
    let site = Site::before(receiver()).await;
    let one = site
        .publish("order.paid", r#"{"customer":"Ada Lovelace"}"#)
        .await;
    let two = site
        .publish("order.paid", r#"{"customer":"Alan Turing"}"#)
        .await;
    let page = site.page("/events?text=ada+love").await;
    assert!(page.contains(&one.to_string()) && !page.contains(&two.to_string()));
    assert!(
        page.contains("1 found in 2 payloads: all there are"),
        "{page}"
    );
    let page = site.page("/events?text=grace").await;
    assert!(page.contains("Nothing found in 2 payloads: all there are"));
    let answer = site.get(&format!("{BASE}/events?id={one}")).await;
    assert_eq!(
        answer.header(header::LOCATION),
        format!("{BASE}/events/{one}")
    );
    let wrong = site.get(&format!("{BASE}/events?id=7")).await;
    assert!(wrong.status == 422 && wrong.text.contains("id=\"id-wrong\""));
}

#[tokio::test]
async fn an_event_shows_its_payload_to_the_last_digit_and_why_it_went_where() {
    let site = Site::before(receiver()).await;
    site.subscribe_once("/well").await;
    let none = NewSubscription {
        events: vec!["other.*".parse().expect("a pattern")],
        ..NewSubscription::to("https://hooks.example.com/other".parse().expect("a URL"))
    };
    let tenant = TenantId::default_tenant();
    site.engine
        .subscribe(&tenant, none)
        .await
        .expect("a subscription");
    let data = r#"{"a":1.0,"b":9007199254740993,"c":"</pre><script>\u202e"}"#;
    let id = site.publish("order.paid", data).await;
    site.until(DeliveryStatus::Delivered, 1).await;
    let page = site.page(&format!("/events/{id}")).await;
    assert!(
        page.contains("1.0,\n") && page.contains("9007199254740993,\n"),
        "{page}"
    );
    assert!(!page.contains("<script>\\u202e"), "it is text");
    assert!(page.contains("It wants other types."));
    assert!(page.contains("badge is-ok\">yes"));
    let file = site.get(&format!("{BASE}/events/{id}/data")).await;
    assert_eq!(file.text, data);
    assert_eq!(file.header("x-content-type-options"), "nosniff");
    assert!(
        file.header(header::CONTENT_DISPOSITION)
            .starts_with("attachment")
    );
    let back = site.submit(&format!("/events/{id}/redeliver"), &[]).await;
    assert_eq!(
        back.header(header::LOCATION),
        format!("{BASE}/events/{id}?note=redelivered")
    );
}

#[tokio::test]
async fn a_delivery_shows_each_attempt_and_strangers_bytes_as_text() {
    let site = Site::before(receiver()).await;
    site.subscribe_once("/down?token='x").await;
    site.publish("order.paid", r#"{"name":"O'Hara"}"#).await;
    let id = site.until(DeliveryStatus::Failed, 1).await[0];
    let page = site.page(&format!("/deliveries/{id}")).await;
    assert!(
        !page.contains("<script>alert") && !page.contains("<img src=x>"),
        "{page}"
    );
    assert!(
        page.contains("&#60;script&#62;alert(1)&#60;/script&#62; \\u202e\\u0000"),
        "{page}"
    );
    assert!(page.contains("x-evil: &#60;img src=x&#62;"));
    assert!(page.contains("badge is-bad wrap-badge\">http 404"));
    assert!(page.contains("badge is-ok\">intact"));
    assert!(page.contains("webhook-signature: v1,"));
    assert!(page.contains("curl --globoff -X POST"));
    assert!(
        page.contains("O&#39;\\&#39;&#39;Hara"),
        "quoted for a shell, and then for the page"
    );
}

#[tokio::test]
async fn a_body_that_is_no_text_is_shown_in_hexadecimal() {
    let site = Site::before(receiver()).await;
    site.subscribe_once("/bytes").await;
    site.publish("order.paid", "1").await;
    let id = site.until(DeliveryStatus::Failed, 1).await[0];
    let page = site.page(&format!("/deliveries/{id}")).await;
    assert!(page.contains("000000  ff fe 00 3c 62 3e"), "{page}");
    assert!(page.contains("...&#60;b&#62;"));
}

#[tokio::test]
async fn what_is_selected_is_sent_again_or_let_go() {
    let site = Site::before(receiver()).await;
    site.subscribe_once("/down").await;
    for _ in 0..3 {
        site.publish("order.paid", "1").await;
    }
    let ids = site.until(DeliveryStatus::Failed, 3).await;
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let fields = [
        ("id", ids[0].as_str()),
        ("id", ids[1].as_str()),
        ("id", "nonsense"),
        ("verb", "discard"),
        ("back", "status=failed&note=created"),
    ];
    let answer = site.submit("/deliveries/selected", &fields).await;
    let back = format!("{BASE}/deliveries?status=failed&note=discarded");
    assert_eq!(answer.header(header::LOCATION), back);
    site.until(DeliveryStatus::Discarded, 2).await;
    let fields = [("id", ids[2].as_str()), ("verb", "redeliver")];
    let answer = site.submit("/deliveries/selected", &fields).await;
    assert!(
        answer
            .header(header::LOCATION)
            .ends_with("note=redelivered")
    );
    let none = site
        .submit("/deliveries/selected", &[("verb", "redeliver")])
        .await;
    assert!(none.header(header::LOCATION).ends_with("note=nothing"));
}

#[tokio::test]
async fn a_group_of_dead_letters_is_let_go_after_its_count_was_shown() {
    let site = Site::before(receiver()).await;
    let (down, bytes) = (
        site.subscribe_once("/down").await,
        site.subscribe_once("/bytes").await,
    );
    for _ in 0..3 {
        site.publish("order.paid", "1").await;
    }
    site.until(DeliveryStatus::Failed, 6).await;
    let page = site.page("/dead-letters").await;
    assert!(page.contains("6 dead letters in 2 groups"), "{page}");
    assert!(page.contains("http 404") && page.contains("http 500"));
    let filter = format!("status=failed&subscription={down}&error=http+404");
    let link = format!("{BASE}/deliveries/all?{filter}").replace('&', "&#38;");
    assert!(page.contains(&link), "{link} in {page}");
    let ask = format!("/deliveries/all?{filter}&verb=discard&from=dead-letters");
    let asked = site.page(&ask).await;
    assert!(asked.contains("<strong>3</strong> deliveries"), "{asked}");
    let subscription = down.to_string();
    let fields = [
        ("status", "failed"),
        ("subscription", &subscription),
        ("error", "http 404"),
        ("verb", "discard"),
        ("from", "dead-letters"),
    ];
    let answer = site.submit("/deliveries/all", &fields).await;
    assert_eq!(
        answer.header(header::LOCATION),
        format!("{BASE}/dead-letters?note=discarded")
    );
    let page = site.page("/dead-letters").await;
    assert!(page.contains("3 dead letters in 1 group") && page.contains(&bytes.to_string()));
    let everything = site.submit("/deliveries/all", &[("verb", "discard")]).await;
    assert_eq!(
        everything.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "an empty filter means nothing"
    );
}

#[tokio::test]
async fn who_may_only_read_sees_no_button_and_changes_nothing() {
    let site = Site::before(receiver()).await;
    site.subscribe_once("/down").await;
    site.publish("order.paid", "1").await;
    let id = site.until(DeliveryStatus::Failed, 1).await[0];
    let reader = site.as_reader().await;
    for path in ["/deliveries", "/dead-letters", &format!("/deliveries/{id}")] {
        let page = reader.page(path).await;
        let changes = format!("action=\"{BASE}");
        assert!(!page.contains(&changes), "{path}: {page}");
        assert!(!page.contains("verb="), "{path}: {page}");
    }
    let path = format!("{BASE}/deliveries/{id}/redeliver");
    let answer = reader
        .send(&path, &[("csrf", reader.get(BASE).await.csrf())])
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn outcomes_come_as_rows_of_the_list_and_only_those_that_match() {
    let site = Site::before(receiver()).await;
    site.subscribe_once("/well").await;
    let down = site.subscribe_once("/down").await;
    let path = format!("{BASE}/deliveries/live?status=failed");
    let answer = site.stream(&path).await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut body = answer.into_body().into_data_stream();
    let mut said = String::new();
    site.publish("order.paid", "1").await;
    while !said.contains("</tr>") {
        let chunk = body.next().await.expect("more").expect("bytes");
        said.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
    }
    assert!(
        said.starts_with("retry: 500\n\nevent: row\ndata: "),
        "{said}"
    );
    assert!(said.contains(&format!("{BASE}/subscriptions/{down}")));
    assert!(!said.contains("delivered"), "{said}");
    let wrong = site
        .get(&format!("{BASE}/deliveries/live?since=soon"))
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_subscription_is_chosen_by_what_people_call_it() {
    let site = Site::open().await;
    let new = NewSubscription {
        description: "Billing".to_owned(),
        ..NewSubscription::to("https://example.com/hook".parse().unwrap())
    };
    let tenant = TenantId::default_tenant();
    let id = site.engine.subscribe(&tenant, new).await.expect("one").id;
    let choice = format!("<option value=\"{id}\">Billing: https://example.com/hook</option>");
    assert!(site.page("/deliveries").await.contains(&choice));
}
