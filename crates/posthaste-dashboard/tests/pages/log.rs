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
use posthaste_engine::operations::{NewSubscription, SubscriptionPatch};
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
    let rest = format!("/events?text=ada&before={}", two.as_u64());
    let page = site.page(&rest).await;
    assert!(
        page.contains("1 found in 1 payload: the last of them"),
        "{page}"
    );
    assert!(page.contains("byte for byte"));
    let page = site.page("/events?text=ada&type=order.paid").await;
    assert!(page.contains("1 found in 2 payloads: all that the other fields leave"));
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
        format!("{BASE}/events/{id}?note=redelivered.1.0.0.0")
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
    let back = format!("{BASE}/deliveries?status=failed&note=discarded.2.0.0.0");
    assert_eq!(answer.header(header::LOCATION), back);
    site.until(DeliveryStatus::Discarded, 2).await;
    let fields = [("id", ids[2].as_str()), ("verb", "redeliver")];
    let answer = site.submit("/deliveries/selected", &fields).await;
    assert!(
        answer
            .header(header::LOCATION)
            .ends_with("note=redelivered.1.0.0.0")
    );
    let none = site
        .submit("/deliveries/selected", &[("verb", "redeliver")])
        .await;
    assert!(none.header(header::LOCATION).ends_with("note=none"));
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
        format!("{BASE}/dead-letters?note=discarded.3.0.0.0")
    );
    let said = site.get(answer.header(header::LOCATION)).await.text;
    assert!(said.contains("3 are discarded: they stay in the log."));
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

/// The value of a hidden field of a page.
fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let named = format!("name=\"{name}\" value=\"");
    let (_, rest) = page.split_once(&named).expect(name);
    rest.split_once('"').expect("its end").0
}

#[tokio::test]
async fn what_is_let_go_is_what_was_counted_and_a_status_that_was_chosen_counts() {
    let site = Site::before(receiver()).await;
    let down = site.subscribe_once("/down").await.to_string();
    site.publish("order.paid", "1").await;
    let ids = site.until(DeliveryStatus::Failed, 1).await;
    let fields = [("id", ids[0].to_string()), ("verb", "discard".to_owned())];
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    site.submit("/deliveries/selected", &fields).await;
    site.publish("order.paid", "1").await;
    site.until(DeliveryStatus::Failed, 1).await;
    let filter = format!("status=discarded&subscription={down}");
    let page = site
        .page(&format!("/deliveries/all?{filter}&verb=discard"))
        .await;
    assert!(page.contains("no dead letter among what matches"), "{page}");
    let list = site.page(&format!("/deliveries?{filter}")).await;
    assert!(!list.contains("verb=discard"), "it is not even offered");
    let page = site
        .page(&format!("/deliveries/all?subscription={down}&verb=discard"))
        .await;
    assert!(page.contains("Discard 1</button>"), "{page}");
    let counted_at = hidden(&page, "counted_at");
    while site.engine.now().to_string().as_str() <= counted_at {
        tokio::task::yield_now().await;
    }
    site.publish("order.paid", "1").await;
    site.until(DeliveryStatus::Failed, 2).await;
    let fields = [
        ("subscription", down.as_str()),
        ("counted_at", counted_at),
        ("verb", "discard"),
    ];
    let answer = site.submit("/deliveries/all", &fields).await;
    assert!(
        answer
            .header(header::LOCATION)
            .ends_with("note=discarded.1.0.0.0")
    );
    site.until(DeliveryStatus::Failed, 1).await;
}

#[tokio::test]
async fn only_what_would_be_sent_again_is_counted_and_a_note_says_what_is_held() {
    let site = Site::before(receiver()).await;
    let down = site.subscribe_once("/down").await;
    let tenant = TenantId::default_tenant();
    site.publish("order.paid", "1").await;
    let dead = site.until(DeliveryStatus::Failed, 1).await[0];
    site.engine.pause(&tenant, down).await.expect("paused");
    site.publish("order.paid", "2").await;
    let held = site.until(DeliveryStatus::Held, 1).await[0];
    let page = site
        .page("/deliveries/all?status=held&verb=redeliver")
        .await;
    assert!(page.contains("There is nothing to send again."), "{page}");
    assert!(page.contains("<strong>1</strong> more match and wait already"));
    let all = format!("/deliveries/all?subscription={down}&verb=redeliver");
    let page = site.page(&all).await;
    assert!(page.contains("Redeliver 1</button>"), "{page}");
    assert!(page.contains("<strong>1</strong> of them will be held"));
    let (dead, held) = (dead.to_string(), held.to_string());
    let fields = [
        ("id", dead.as_str()),
        ("id", held.as_str()),
        ("verb", "redeliver"),
    ];
    let answer = site.submit("/deliveries/selected", &fields).await;
    let said = site.get(answer.header(header::LOCATION)).await.text;
    let expected = "1 is held until its subscription is resumed. 1 waits already.";
    assert!(said.contains(expected), "{said}");
    site.engine.unsubscribe(&tenant, down).await.expect("gone");
    let page = site.page(&all).await;
    assert!(
        page.contains("<strong>2</strong> more match and are skipped"),
        "{page}"
    );
}

#[tokio::test]
async fn an_event_that_nobody_wants_says_that_nothing_was_sent() {
    let site = Site::before(receiver()).await;
    let id = site.publish("order.paid", "1").await;
    let answer = site.submit(&format!("/events/{id}/redeliver"), &[]).await;
    let said = site.get(answer.header(header::LOCATION)).await.text;
    assert!(
        said.contains("no subscription wants this event today"),
        "{said}"
    );
}

#[tokio::test]
async fn the_command_that_an_empty_list_names_is_one_that_works() {
    let site = Site::open().await;
    for path in ["/events", "/deliveries"] {
        let page = site.page(path).await;
        assert!(
            page.contains("posthaste publish order.paid --data "),
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_field_of_a_time_says_that_it_is_utc() {
    let site = Site::open().await;
    for path in ["/events", "/deliveries", "/audit", "/replays/new"] {
        let page = site.page(path).await;
        for field in ["since", "until"] {
            let (_, label) = page
                .split_once(&format!("<label for=\"{field}\">"))
                .expect(path);
            let (label, _) = label.split_once("</label>").expect("its end");
            assert!(label.ends_with("(UTC)"), "{path}: {label}");
        }
    }
}

#[tokio::test]
async fn a_delivery_says_what_it_waits_for_and_its_page_renews_itself_until_it_has_ended() {
    let site = Site::before(receiver()).await;
    let (tenant, to) = (
        TenantId::default_tenant(),
        site.subscribe_once("/well").await,
    );
    site.engine.pause(&tenant, to).await.expect("paused");
    site.publish("order.paid", "1").await;
    let id = site.until(DeliveryStatus::Held, 1).await[0];
    let page = site.page(&format!("/deliveries/{id}")).await;
    assert!(
        page.contains("its subscription, which is paused: by someone"),
        "{page}"
    );
    assert!(page.contains(&format!("action=\"{BASE}/subscriptions/{to}/resume\"")));
    let (_, poll) = page.split_once("hx-get=\"").expect("it is renewed");
    let (poll, _) = poll.split_once('"').expect("its end");
    assert_eq!(site.get(poll).await.status, StatusCode::NO_CONTENT);
    site.submit(&format!("/subscriptions/{to}/resume"), &[])
        .await;
    site.until(DeliveryStatus::Delivered, 1).await;
    let renewed = site.get(poll).await;
    assert_eq!(renewed.status, StatusCode::OK);
    assert!(renewed.text.contains("hx-swap-oob") && renewed.text.contains(">delivered<"));
    assert!(
        !renewed.text.contains("hx-get"),
        "it has ended: {}",
        renewed.text
    );
    let ended = site.page(&format!("/deliveries/{id}")).await;
    assert!(!ended.contains("hx-get") && !ended.contains("Waits for"));
}

#[tokio::test]
async fn a_retry_says_when_it_is() {
    let site = Site::before_up_and_down().await;
    site.subscribe(crate::site::DOWN).await;
    site.publish("order.paid", "1").await;
    let id = site.until(DeliveryStatus::Retrying, 1).await[0];
    let page = site.page(&format!("/deliveries/{id}")).await;
    assert!(page.contains("its next try, at <time"), "{page}");
}

#[tokio::test]
async fn an_attempt_before_a_change_does_not_claim_the_url_of_today() {
    let site = Site::before(receiver()).await;
    let (tenant, to) = (
        TenantId::default_tenant(),
        site.subscribe_once("/well").await,
    );
    site.publish("order.paid", "1").await;
    let id = site.until(DeliveryStatus::Delivered, 1).await[0];
    let path = format!("/deliveries/{id}");
    assert!(!site.page(&path).await.contains("The URL is today"));
    let change = SubscriptionPatch {
        url: Some("https://hooks.example.com/new".parse().expect("a URL")),
        ..SubscriptionPatch::default()
    };
    let changed = site
        .engine
        .change_subscription(&tenant, to, change, None)
        .await;
    changed.expect("changed");
    let page = site.page(&path).await;
    assert!(page.contains("may have gone to another"), "{page}");
    assert!(page.contains("The URL is today&#39;s") || page.contains("The URL is today's"));
}
