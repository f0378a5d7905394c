use http::{StatusCode, header};

use posthaste_dashboard::Options;

use crate::site::{Answer, BASE, KEY, Site};

#[tokio::test]
async fn who_is_not_signed_in_comes_back_to_the_page_they_wanted() {
    let site = Site::closed().await;
    let answer = site.get(&format!("{BASE}/deliveries?status=failed")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let to = answer.header(header::LOCATION).to_owned();
    let next = "%2Fdashboard%2Ftenants%2Fdefault%2Fdeliveries%3Fstatus%3Dfailed";
    assert_eq!(to, format!("/dashboard/sign-in?next={next}"));
    let form = site.get(&to).await.text;
    assert!(form.contains("value=\"/dashboard/tenants/default/deliveries?status=failed\""));
    let next = (
        "next",
        "/dashboard/tenants/default/deliveries?status=failed",
    );
    let answer = site.send("/dashboard/sign-in", &[("key", KEY), next]).await;
    assert_eq!(answer.header(header::LOCATION), next.1);
    let elsewhere = [("key", KEY), ("next", "//evil.example")];
    let answer = site.send("/dashboard/sign-in", &elsewhere).await;
    assert_eq!(answer.header(header::LOCATION), "/dashboard");
}

#[tokio::test]
async fn a_wrong_key_opens_nothing_and_a_right_one_every_tab() {
    let site = Site::open().await;
    let answer = site
        .send("/dashboard/sign-in", &[("key", "pst_wrong")])
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.header(header::SET_COOKIE), "");
    let page = site.page("/deliveries").await;
    assert!(page.contains("aria-current=\"page\">Deliveries"), "{page}");
}

const FORM: &str = "/dashboard/sign-in";

async fn sign_in(site: &Site, key: &str, headers: &[(&str, &str)]) -> Answer {
    site.send_as("POST", FORM, headers, None, &[("key", key)])
        .await
}

#[tokio::test]
async fn a_session_is_kept_where_no_script_and_no_other_site_gets_at_it() {
    let site = Site::closed().await;
    let answer = sign_in(&site, KEY, &[]).await;
    let cookie = answer.header(header::SET_COOKIE);
    assert!(cookie.starts_with("posthaste-session=pss_"), "{cookie}");
    let (_, attributes) = cookie.split_once("; ").expect("attributes");
    assert_eq!(
        attributes,
        "Path=/dashboard; HttpOnly; SameSite=Lax; Max-Age=43200"
    );
    let public_url = "https://hooks.example.com".parse().expect("an origin");
    let site = Site::with(Options {
        public_url,
        ..Options::default()
    })
    .await;
    let answer = sign_in(&site, KEY, &[]).await;
    let cookie = answer.header(header::SET_COOKIE);
    assert!(cookie.starts_with("__Host-posthaste-session=pss_"));
    let (_, attributes) = cookie.split_once("; ").expect("attributes");
    assert_eq!(
        attributes,
        "Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=43200"
    );
}

#[tokio::test]
async fn a_session_is_new_at_each_sign_in_and_ends_where_it_is_signed_out() {
    let site = Site::open().await;
    let before = site.cookie().to_owned();
    let again = sign_in(&site, KEY, &[("cookie", &before)]).await;
    assert!(!again.header(header::SET_COOKIE).starts_with(&before));
    let unsigned = site.send("/dashboard/sign-out", &[]).await;
    assert_eq!(unsigned.status, StatusCode::FORBIDDEN, "no token");
    let csrf = site.get(BASE).await.csrf().to_owned();
    let out = site.send("/dashboard/sign-out", &[("csrf", &csrf)]).await;
    assert_eq!(out.header(header::LOCATION), "/dashboard/sign-in?out=1");
    let cleared = "posthaste-session=; Path=/dashboard; HttpOnly; SameSite=Lax; Max-Age=0";
    assert_eq!(out.header(header::SET_COOKIE), cleared);
    assert_eq!(site.get(BASE).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn no_other_site_signs_anyone_in_or_sends_a_form() {
    let site = Site::open().await;
    for headers in [
        [("sec-fetch-site", "cross-site"), ("host", "x")],
        [("sec-fetch-site", "same-site"), ("host", "x")],
        [("origin", "https://evil.example"), ("host", "x")],
        [("origin", "null"), ("host", "x")],
    ] {
        let answer = sign_in(&site, KEY, &headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
        assert_eq!(answer.header(header::SET_COOKIE), "");
    }
    let csrf = site.get(BASE).await.csrf().to_owned();
    let cross = [("cookie", site.cookie()), ("sec-fetch-site", "cross-site")];
    let (path, fields) = ("/dashboard/sign-out", [("csrf", csrf.as_str())]);
    let answer = site.send_as("POST", path, &cross, None, &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let other = sign_in(&site, KEY, &[]).await;
    let other = other.header(header::SET_COOKIE).split(';').next();
    let others = [("cookie", other.expect("a cookie"))];
    let answer = site.send_as("POST", path, &others, None, &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "another session's");
}

#[tokio::test]
async fn guesses_at_this_door_count_with_those_at_the_others() {
    let callers = posthaste_callers::Callers::new(Vec::new(), 3);
    let site = Site::with(Options {
        callers: callers.clone(),
        ..Options::default()
    })
    .await;
    let guess = async |key| {
        let fields = [("key", key)];
        site.send_as("POST", FORM, &[], Some("192.0.2.7:1"), &fields)
            .await
    };
    let caller = posthaste_callers::Caller {
        address: "192.0.2.7".parse().ok(),
        ..posthaste_callers::Caller::default()
    };
    let now = site.engine.clock().elapsed();
    assert_eq!(callers.failed(&caller, now), None, "one at the API");
    for _ in 0..2 {
        assert_eq!(guess("pst_x").await.status.as_u16(), 422);
    }
    let waits = guess("pst_x").await;
    assert_eq!(waits.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(!waits.header(header::RETRY_AFTER).is_empty());
    assert_eq!(guess(KEY).await.status, StatusCode::SEE_OTHER, "right ones");
}

#[tokio::test]
async fn a_link_signs_in_once_and_not_those_who_only_look() {
    let site = Site::closed().await;
    let holder = site.engine.authenticate(KEY, None).expect("the key");
    let link = site.engine.make_sign_in_link(&holder).await;
    let token = link.expect("a link").token;
    let path = format!("{FORM}/{}", token.expose());
    for _ in 0..2 {
        let page = site.get(&path).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains(&format!("action=\"{path}\"")));
        assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
        assert_eq!(page.header(header::REFERRER_POLICY), "origin");
    }
    let cross = [("sec-fetch-site", "cross-site")];
    let forged = site.send_as("POST", &path, &cross, None, &[]).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let opened = site.send(&path, &[]).await;
    assert_eq!(opened.header(header::LOCATION), "/dashboard");
    assert!(!opened.header(header::SET_COOKIE).is_empty());
    let again = site.send(&path, &[]).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.text.contains("This link was used"), "{}", again.text);
}

#[tokio::test]
async fn a_link_may_lead_to_a_page_of_ours_and_to_no_other() {
    let site = Site::closed().await;
    let holder = site.engine.authenticate(KEY, None).expect("the key");
    for (wanted, led) in [(BASE, BASE), ("//evil.example", "/dashboard")] {
        let link = site.engine.make_sign_in_link(&holder).await;
        let path = format!("{FORM}/{}", link.expect("a link").token.expose());
        let page = site.get(&format!("{path}?next={wanted}")).await.text;
        let next = format!("name=\"next\" value=\"{led}\"");
        assert!(page.contains(&next), "{page}");
        let opened = site.send(&path, &[("next", wanted)]).await;
        assert_eq!(opened.header(header::LOCATION), led);
    }
}

#[tokio::test]
async fn in_development_this_machine_is_signed_in_unless_it_has_just_signed_out() {
    let own_key = KEY.parse().ok();
    let site = Site::with(Options {
        own_key,
        ..Options::default()
    })
    .await;
    let look = async |path, host, peer| {
        let headers = [("host", host)];
        let answer = site.send_as("GET", path, &headers, Some(peer), &[]).await;
        answer.status == StatusCode::SEE_OTHER && !answer.header(header::SET_COOKIE).is_empty()
    };
    assert!(look(FORM, "127.0.0.1:8400", "127.0.0.1:1").await);
    assert!(look(FORM, "localhost:8400", "[::1]:1").await);
    assert!(
        !look(FORM, "evil.example", "127.0.0.1:1").await,
        "rebinding"
    );
    assert!(!look(FORM, "127.0.0.1:8400", "192.0.2.1:1").await);
    let out = "/dashboard/sign-in?out=1";
    assert!(!look(out, "127.0.0.1:8400", "127.0.0.1:1").await);
    let picture = [
        ("host", "localhost"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "no-cors"),
        ("sec-fetch-dest", "image"),
    ];
    let here = Some("127.0.0.1:1");
    let answer = site.send_as("GET", FORM, &picture, here, &[]).await;
    assert_eq!(answer.header(header::SET_COOKIE), "", "another site's");
    let closed = Site::closed().await;
    let headers = [("host", "localhost")];
    let answer = closed.send_as("GET", FORM, &headers, here, &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "not where nobody said so");
}

#[tokio::test]
async fn a_page_is_for_nobody_elses_frame_and_no_cache() {
    let site = Site::open().await;
    let page = site.get(BASE).await;
    assert_eq!(page.header(header::X_FRAME_OPTIONS), "DENY");
    assert!(
        page.header(header::CONTENT_SECURITY_POLICY)
            .ends_with("frame-ancestors 'none'")
    );
    assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
    assert_eq!(page.header(header::VARY), "cookie");
}
