use crate::site::Site;

#[tokio::test]
async fn the_audit_log_tells_who_did_what_and_is_filtered_by_its_path() {
    let site = Site::open().await;
    site.submit("/keys", &[("name", "first"), ("scopes", "events:read")])
        .await;
    let fields = [("name", "<i>Ours</i>"), ("catalogue", "strict")];
    site.submit("/settings", &fields).await;
    let all = site.page("/audit").await;
    for text in [
        "key.create",
        "tenant.update",
        "admin",
        "<del>open</del>",
        "<ins>strict</ins>",
    ] {
        assert!(all.contains(text), "{text}: {all}");
    }
    assert!(
        all.contains("&#60;i&#62;Ours&#60;/i&#62;") && !all.contains("<i>Ours"),
        "{all}"
    );
    let keys = site.page("/audit?action=key.create").await;
    assert!(
        keys.contains("first") && !keys.contains("<ins>strict</ins>"),
        "{keys}"
    );
    let of = site
        .page("/audit?object=default&since=2001-01-01T00:00")
        .await;
    assert!(
        of.contains("<ins>strict</ins>") && !of.contains(">first<"),
        "{of}"
    );
    let none = site.page("/audit?until=2001-01-01T00:00").await;
    assert!(none.contains("Nothing here"), "{none}");
}
