use http::{StatusCode, header};

use crate::site::{BASE, KEY, Site};

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
