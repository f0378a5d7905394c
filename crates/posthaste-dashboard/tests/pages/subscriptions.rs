use http::{StatusCode, header};
use posthaste::{event::TenantId, id::SubscriptionId, subscription::SubscriptionStatus};

use crate::site::{Answer, BASE, Site};

const URL: &str = "https://example.com/hook";

/// What a browser sends of a new subscription's form that somebody only gave a URL.
const BLANK: &[(&str, &str)] = &[
    ("url", URL),
    ("algorithm", "hmac-sha256"),
    ("schemes", "standard"),
    ("retry", "default"),
    ("timeout_ms", "10000"),
    ("max_in_flight", "32"),
    ("format", "envelope"),
    ("ordering", "none"),
    ("mode", "single"),
    ("auth", "none"),
];

fn with<'a>(over: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = BLANK
        .iter()
        .filter(|(name, _)| over.iter().all(|(own, _)| own != name));
    kept.chain(over).copied().collect()
}

/// The id of the subscription that an answer leads to.
#[track_caller]
fn leads_to(answer: &Answer) -> SubscriptionId {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let to = answer
        .header(header::LOCATION)
        .strip_prefix(BASE)
        .expect("a page of ours");
    let id = to.strip_prefix("/subscriptions/").expect("a subscription");
    id.split('?').next().expect("an id").parse().expect("an id")
}

/// The values that a form's fields hold, as a browser would send them.
fn hidden(page: &str, name: &str) -> String {
    let (_, rest) = page
        .split_once(&format!("name=\"{name}\" value=\""))
        .expect("the field");
    rest.split('"').next().expect("its end").to_owned()
}

#[tokio::test]
async fn a_subscription_is_made_and_changed_by_its_form() {
    let site = Site::open().await;
    let form = site.page("/subscriptions/new").await;
    assert!(form.contains("datalist id=\"event-types\"") && form.contains("Try the filter"));
    let answer = site
        .submit("/subscriptions/new", &with(&[("events", "order.*")]))
        .await;
    let id = leads_to(&answer);
    let page = site
        .page(&format!("/subscriptions/{id}?note=created"))
        .await;
    for part in [
        URL,
        "order.*",
        "Created.",
        "untried",
        "WEBHOOK_SECRET",
        "def verify(",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let edit = format!("/subscriptions/{id}/edit");
    let revision = hidden(&site.page(&edit).await, "revision");
    let changes = [("revision", revision.as_str()), ("description", "of Ada")];
    let answer = site.submit(&edit, &with(&changes)).await;
    assert_eq!(leads_to(&answer), id);
    let found = site.engine.subscription(&TenantId::default_tenant(), id);
    assert_eq!(found.expect("it is there").description, "of Ada");
    let stale = site.submit(&edit, &with(&changes)).await;
    assert_eq!(stale.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(stale.text.contains("someone changed it"), "{}", stale.text);
}

#[tokio::test]
async fn whoever_comes_second_sees_what_they_would_overwrite_and_may() {
    let site = Site::open().await;
    let id = leads_to(&site.submit("/subscriptions/new", BLANK).await);
    let edit = format!("/subscriptions/{id}/edit");
    let first = with(&[("revision", "1"), ("description", "of Ada")]);
    leads_to(&site.submit(&edit, &first).await);
    let basic = [
        ("auth", "basic"),
        ("auth_username", "u"),
        ("auth_password", "canary"),
    ];
    let mut second = with(&[
        ("revision", "1"),
        ("description", "of Bob"),
        ("max_in_flight", "7"),
    ]);
    second.retain(|(name, _)| *name != "auth");
    second.extend(basic);
    let told = site.submit(&edit, &second).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in [
        "load it anew</a>",
        "<th scope=\"row\">Description</th>",
        "<bdi>of Bob</bdi>",
        "<bdi>of Ada</bdi>",
        "<th scope=\"row\">Requests at once, at most</th>",
        "<bdi>another one</bdi>",
        "value=\"of Bob\"",
    ] {
        assert!(told.text.contains(part), "{part}: {}", told.text);
    }
    assert!(!told.text.contains("<bdi>canary"), "no secret is told");
    let now = hidden(&told.text, "revision");
    second.retain(|(name, _)| *name != "revision");
    second.push(("revision", now.as_str()));
    leads_to(&site.submit(&edit, &second).await);
    let found = site.engine.subscription(&TenantId::default_tenant(), id);
    assert_eq!(found.expect("it is there").description, "of Bob");
}

#[tokio::test]
async fn a_subscription_that_is_saved_as_it_was_shown_stays_as_it_is() {
    let site = Site::open().await;
    let id = leads_to(&site.submit("/subscriptions/new", BLANK).await);
    let found = || site.engine.subscription(&TenantId::default_tenant(), id);
    let before = found();
    let shown = with(&[("revision", "1"), ("status", "active")]);
    leads_to(
        &site
            .submit(&format!("/subscriptions/{id}/edit"), &shown)
            .await,
    );
    assert_eq!(found(), before);
    assert!(
        !site
            .page("/audit")
            .await
            .contains(">subscription.update</a>")
    );
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field_with_what_was_typed() {
    let site = Site::open().await;
    let fields = [
        ("url", "http://10.0.0.1/"),
        ("timeout_ms", "7"),
        ("events", "a..b"),
        ("description", "mine"),
    ];
    let answer = site.submit("/subscriptions/new", &with(&fields)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in [
        "id=\"url-error\"",
        "aria-describedby=\"url-error\"",
        "value=\"http://10.0.0.1/\"",
        "id=\"timeout_ms-error\">expected 100 to 60000",
        "<a href=\"#timeout_ms\">Timeout of an attempt (ms)</a>: expected",
        "value=\"a..b\"",
        "value=\"mine\"",
    ] {
        assert!(answer.text.contains(part), "{part}: {}", answer.text);
    }
    let twice = with(&[("external_id", "own")]);
    leads_to(&site.submit("/subscriptions/new", &twice).await);
    let answer = site.submit("/subscriptions/new", &twice).await;
    assert!(
        answer
            .text
            .contains("id=\"external_id-error\">another one has it")
    );
    assert!(site.engine.subscriptions(&TenantId::default_tenant()).len() == 1);
}

#[tokio::test]
async fn a_filter_is_tried_with_and_without_a_script() {
    let site = Site::open().await;
    let fields = [
        ("act", "try"),
        ("filter", r#"{"data":{"amount":{"$gte":100}}}"#),
        ("sample", r#"{"type":"order.paid","data":{"amount":99}}"#),
    ];
    let answer = site.submit("/subscriptions/new", &fields).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    for part in [
        "<!doctype html>",
        "is not wanted",
        "/data/amount",
        "$gte 100",
        ">99<",
    ] {
        assert!(answer.text.contains(part), "{part}: {}", answer.text);
    }
    let tried = async |events, amount| {
        let filter = r#"{"data":{"amount":100}}"#;
        let sample = format!(r#"{{"type":"memory.created","data":{{"amount":{amount}}}}}"#);
        let fields = [
            ("act", "try"),
            ("events", events),
            ("filter", filter),
            ("sample", &sample),
        ];
        site.submit("/subscriptions/new", &fields).await.text
    };
    let by_types = tried("order.*", 100).await;
    assert!(
        by_types.contains("not wanted: its type is none"),
        "{by_types}"
    );
    let by_filter = tried("memory.*", 99).await;
    assert!(by_filter.contains("the filter says no"), "{by_filter}");
    assert!(
        tried("memory.*", 100)
            .await
            .contains("The event is wanted.")
    );
    let fields = [("act", "try"), ("filter", "{"), ("sample", "{}")];
    let answer = site.submit("/subscriptions/new", &fields).await;
    assert!(answer.text.contains("The filter: "), "{}", answer.text);
    assert!(
        site.engine
            .subscriptions(&TenantId::default_tenant())
            .is_empty()
    );
}

#[tokio::test]
async fn buttons_pause_resume_test_and_delete() {
    let site = Site::open().await;
    let id = site.subscribe(URL).await;
    let tenant = TenantId::default_tenant();
    let of = |verb: &str| format!("/subscriptions/{id}/{verb}");
    let status = || {
        site.engine
            .subscription(&tenant, id)
            .map(|one| one.status.as_str())
    };
    leads_to(&site.submit(&of("pause"), &[]).await);
    assert_eq!(status(), Some("paused"));
    assert!(
        site.page(&format!("/subscriptions/{id}"))
            .await
            .contains("by someone")
    );
    leads_to(&site.submit(&of("resume"), &[]).await);
    assert_eq!(status(), Some(SubscriptionStatus::Active.as_str()));
    let answer = site.submit(&of("test"), &[]).await;
    let to = answer.header(header::LOCATION);
    assert!(to.starts_with(&format!("{BASE}/deliveries/dlv_")), "{to}");
    let answer = site.submit(&of("test"), &[("type", "a..b")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(site.page(&of("delete")).await.contains("Keep it"));
    let answer = site.submit(&of("delete"), &[]).await;
    assert_eq!(
        answer.header(header::LOCATION),
        format!("{BASE}/subscriptions?note=deleted")
    );
    assert_eq!(status(), None);
    let gone = site.get(&format!("{BASE}/subscriptions/{id}")).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_secret_is_shown_in_the_answer_to_a_form_alone() {
    let site = Site::open().await;
    let id = site.subscribe(URL).await;
    let tenant = TenantId::default_tenant();
    let secret = || {
        let found = site.engine.subscription(&tenant, id).expect("it is there");
        found.secrets.current.expose().to_owned()
    };
    let first = secret();
    let page = format!("/subscriptions/{id}");
    assert!(!site.page(&page).await.contains(&first));
    assert!(!site.page(&format!("{page}/edit")).await.contains(&first));
    let answer = site.submit(&format!("{page}/secret"), &[]).await;
    assert!(answer.text.contains(&first));
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    let rotate = format!("{page}/rotate");
    let answer = site.submit(&rotate, &[("overlap_s", "3600")]).await;
    assert_ne!(secret(), first);
    assert!(answer.text.contains(&secret()) && !answer.text.contains(&first));
    assert!(
        answer.text.contains("until <time datetime="),
        "{}",
        answer.text
    );
    let shown = site.page(&page).await;
    assert!(shown.contains("data-until=") && !shown.contains("Rotate the secret"));
    let again = site.submit(&rotate, &[]).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    let beyond = site.submit(&rotate, &[("overlap_s", "604801")]).await;
    assert_eq!(beyond.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_list_is_filtered_by_what_stands_in_its_path() {
    let site = Site::open().await;
    for url in ["https://a.example/x", "https://b.example/y"] {
        site.subscribe(url).await;
    }
    let only = |page: &str, a: bool, b: bool| {
        assert_eq!(
            (page.contains("a.example"), page.contains("b.example")),
            (a, b),
            "{page}"
        );
    };
    only(&site.page("/subscriptions").await, true, true);
    only(
        &site.page("/subscriptions?url=A.EXAMPLE").await,
        true,
        false,
    );
    only(
        &site.page("/subscriptions?status=paused").await,
        false,
        false,
    );
    only(
        &site
            .page("/subscriptions?status=active&external_id=none")
            .await,
        false,
        false,
    );
    assert!(
        Site::open()
            .await
            .page("/subscriptions")
            .await
            .contains("No subscription yet")
    );
}

#[tokio::test]
async fn code_to_verify_with_is_chosen_by_links_and_keys_that_are_public_are_shown() {
    let site = Site::open().await;
    let fields = with(&[("algorithm", "ed25519")]);
    let id = leads_to(&site.submit("/subscriptions/new", &fields).await);
    let page = site
        .page(&format!("/subscriptions/{id}?language=rust"))
        .await;
    for part in [
        "whpk_",
        "WEBHOOK_PUBLIC_KEY",
        "VerifyingKey",
        "language=java",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("whsk_"));
    let other = site.subscribe(URL).await;
    let page = site
        .page(&format!(
            "/subscriptions/{other}?language=go&scheme=x-webhook"
        ))
        .await;
    assert!(page.contains("x-webhook-signature-next"), "{page}");
}

#[tokio::test]
async fn what_people_write_is_text() {
    let site = Site::open().await;
    let hostile = "<script>alert(1)</script>\"'{{7*7}}";
    let fields = with(&[
        ("description", hostile),
        ("external_id", hostile),
        ("metadata", r#"{"a":"<script>alert(1)</script>"}"#),
        ("header_name", "X-A"),
        ("header_value", hostile),
        ("header_kind", ""),
        ("filter", r#"{"data":{"<script>alert(1)</script>":1}}"#),
    ]);
    let id = leads_to(&site.submit("/subscriptions/new", &fields).await);
    for page in [
        "/subscriptions",
        &format!("/subscriptions/{id}"),
        &format!("/subscriptions/{id}/edit"),
        &format!("/subscriptions/{id}/delete"),
    ] {
        let shown = site.page(page).await;
        assert!(!shown.contains("<script>alert"), "{page}");
        assert!(
            shown.contains("&#60;script&#62;") || shown.contains("&lt;script&gt;"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn who_only_reads_sees_no_button_and_changes_nothing() {
    let site = Site::open().await;
    let id = site.subscribe(URL).await;
    let fields = [("name", "order.paid"), ("version", "1"), ("schema", "{}")];
    site.submit("/new-event-type", &fields).await;
    let reader = site.as_reader().await;
    let page = reader.page(&format!("/subscriptions/{id}")).await;
    for button in [
        "Send a test",
        "/pause",
        "/delete",
        "/edit",
        "Reveal the secret",
        "Rotate",
    ] {
        assert!(!page.contains(button), "{button}");
    }
    let page = reader.page("/event-types/order.paid").await;
    assert!(!page.contains("Publish it") && !page.contains("/edit"));
    assert!(!reader.page("/event-types").await.contains("new-event-type"));
    for form in [
        "/subscriptions/new",
        "/new-event-type",
        "/event-types/order.paid/edit",
    ] {
        let answer = reader.get(&format!("{BASE}{form}")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{form}");
    }
    for act in [
        "edit", "pause", "resume", "test", "delete", "secret", "rotate",
    ] {
        let answer = reader
            .submit(&format!("/subscriptions/{id}/{act}"), BLANK)
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{act}");
    }
    for act in ["edit", "delete", "publish"] {
        let answer = reader
            .submit(&format!("/event-types/order.paid/{act}"), &[("data", "{}")])
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{act}");
    }
    let found = site.engine.subscription(&TenantId::default_tenant(), id);
    assert_eq!(found.expect("it is there").revision, 1);
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused_and_not_made_into_some() {
    let site = Site::open().await;
    let csrf = site.get(BASE).await.csrf().to_owned();
    let written = format!("csrf={csrf}&url=https://example.com/&description=%FF");
    let path = format!("{BASE}/subscriptions/new");
    let query = format!("{BASE}/deliveries?error=%FF");
    for answer in [
        site.send_written(&path, written).await,
        site.get(&query).await,
    ] {
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert!(answer.text.contains("not UTF-8"), "{}", answer.text);
    }
    let all = site.engine.subscriptions(&TenantId::default_tenant());
    assert!(all.is_empty(), "nothing was made");
}
