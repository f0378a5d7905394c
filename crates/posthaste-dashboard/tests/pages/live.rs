//! Pages that listen: how many may at once, and until when.

use std::time::Duration;

use axum::response::Response;
use futures_util::StreamExt;
use http::StatusCode;
use posthaste::event::TenantId;

use crate::{
    portal::link,
    site::{BASE, Site},
};

/// Sooner than whoever listens is looked at again.
const AT_ONCE: Duration = Duration::from_secs(3);

async fn tail(site: &Site, base: &str) -> Response {
    site.stream(&format!("{base}/deliveries/live")).await
}

/// Reads to the end of a stream.
async fn ended(stream: Response) {
    let mut words = stream.into_body().into_data_stream();
    let end = async { while words.next().await.is_some() {} };
    let ended = tokio::time::timeout(AT_ONCE, end).await;
    ended.expect("an end, at once");
}

#[tokio::test]
async fn one_link_shuts_nobody_else_out() {
    let site = Site::open().await;
    let ((_, one), (_, other)) = (link(&site, true).await, link(&site, true).await);
    let mut open = Vec::new();
    for _ in 0..50 {
        open.push(tail(&site, &one).await);
    }
    let refused = tail(&site, &one).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    for others in [other.as_str(), BASE] {
        assert_eq!(tail(&site, others).await.status(), StatusCode::OK);
    }
    open.pop();
    assert_eq!(tail(&site, &one).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_open_ends_at_once_with_the_link_and_with_the_session() {
    let site = Site::open().await;
    let (made, base) = link(&site, true).await;
    let (_, others) = link(&site, true).await;
    let (guest, operator) = (tail(&site, &base).await, tail(&site, BASE).await);
    let mut stays = tail(&site, &others).await.into_body().into_data_stream();
    let tenant = TenantId::default_tenant();
    let revoked = site.engine.revoke_portal_link(&tenant, made.id).await;
    revoked.expect("it is there");
    ended(guest).await;
    let csrf = site.get(BASE).await.csrf().to_owned();
    site.send("/dashboard/sign-out", &[("csrf", &csrf)]).await;
    ended(operator).await;
    assert!(stays.next().await.is_some(), "it begins");
    let end = tokio::time::timeout(Duration::from_millis(50), stays.next());
    assert!(end.await.is_err(), "it goes on");
}
