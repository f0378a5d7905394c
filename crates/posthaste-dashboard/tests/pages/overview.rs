use http::StatusCode;
use posthaste::event::TenantId;
use serde_json::Value;

use crate::site::{BASE, DOWN, Site, UP};

/// Three events to a receiver that is up and to one that is down.
async fn with_outcomes() -> Site {
    let site = Site::before_up_and_down().await;
    site.subscribe(UP).await;
    site.subscribe(DOWN).await;
    for n in 0..3 {
        site.publish("memory.created", &n.to_string()).await;
    }
    site.until_attempts(6).await;
    site
}

/// The text of each cell of each row of the table that has this class.
fn cells(page: &str, class: &str) -> Vec<Vec<String>> {
    let (_, table) = page.split_once(class).expect("a table");
    let (table, _) = table.split_once("</table>").expect("its end");
    let rows = table.split("<tr>").skip(1);
    let cells = |row: &str| {
        let row = row.replace("<th", "<td").replace("</th>", "</td>");
        row.split("<td").skip(1).map(text).collect::<Vec<_>>()
    };
    rows.map(cells).collect()
}

/// What stands between the tags.
fn text(html: &str) -> String {
    let (_, inner) = html.split_once('>').expect("a tag's end");
    let (inner, _) = inner.split_once("</td>").expect("a cell's end");
    let pieces = inner
        .split('<')
        .map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    pieces.collect::<String>().trim().to_owned()
}

#[tokio::test]
async fn an_empty_tenant_is_told_how_to_begin_until_something_comes() {
    let site = Site::open().await;
    let page = site.page("").await;
    assert!(page.contains("Nothing was published yet"), "{page}");
    assert!(page.contains("/api/v1/webhooks/events"), "{page}");
    assert!(
        page.contains(&format!("{BASE}/subscriptions/new")),
        "{page}"
    );
    let again = format!("{BASE}/overview/figures?new=1");
    assert_eq!(site.get(&again).await.status, StatusCode::NO_CONTENT);
    site.publish("memory.created", "1").await;
    assert_eq!(site.get(&again).await.header("hx-refresh"), "true");
    assert!(!site.page("").await.contains("Nothing was published yet"));
}

#[tokio::test]
async fn what_was_published_is_what_is_shown() {
    let site = with_outcomes().await;
    for page in [
        site.page("?window=24h").await,
        site.page("/overview/figures?window=24h").await,
    ] {
        let tile = |name: &str| {
            let named = format!("<span class=\"tile-name\">{name}</span>");
            let (_, rest) = page
                .split_once(&named)
                .unwrap_or_else(|| panic!("{name}: {page}"));
            let (_, value) = rest.split_once("<strong>").expect("a value");
            value
                .split_once("</strong>")
                .expect("its end")
                .0
                .trim()
                .to_owned()
        };
        assert_eq!(
            (tile("Success rate"), tile("Delivered")),
            ("100 %".into(), "3".into())
        );
        assert_eq!(
            (tile("Waiting"), tile("Retrying")),
            ("0".into(), "3".into())
        );
        assert_eq!(
            (tile("Held"), tile("Dead letters")),
            ("0".into(), "0".into())
        );
        assert!(
            page.contains(&format!(
                "{BASE}/deliveries?error=http+500&amp;outcome_since="
            )) || page.contains(&format!("{BASE}/deliveries?error=http+500&outcome_since=")),
            "{page}"
        );
        let (_, worst) = page.split_once("id=\"worst\"").expect("the worst");
        assert!(worst.contains(DOWN) && !worst.contains(UP), "{worst}");
    }
}

#[tokio::test]
async fn the_file_is_the_table_and_the_series_is_both() {
    let site = with_outcomes().await;
    let page = site.page("?window=24h").await;
    let csv = site
        .get(&format!("{BASE}/overview/series.csv?window=24h"))
        .await;
    assert_eq!(
        csv.header(http::header::CONTENT_TYPE),
        "text/csv; charset=utf-8"
    );
    let lines = csv
        .text
        .lines()
        .map(|line| line.split(',').map(str::to_owned).collect());
    let lines: Vec<Vec<String>> = lines.collect();
    assert_eq!(lines, cells(&page, "is-numbers"));
    assert_eq!(
        lines[0].last().map(String::as_str),
        Some("failed: http 500")
    );
    let sum = |name: &str| -> u64 {
        let column = lines[0]
            .iter()
            .position(|heading| heading == name)
            .expect("a column");
        lines[1..]
            .iter()
            .map(|cells| cells[column].parse::<u64>().expect("a count"))
            .sum()
    };
    let sums = ["delivered", "failed", "attempts", "failed: http 500"].map(sum);
    assert_eq!(sums, [3, 0, 6, 3]);
    let series = site.page("/overview/series.json?window=24h").await;
    let series: Value = serde_json::from_str(&series).expect("JSON");
    let total = |of: &Value| -> u64 {
        of.as_array()
            .expect("a list")
            .iter()
            .filter_map(Value::as_u64)
            .sum()
    };
    assert_eq!(total(&series["delivered"]), 3);
    assert_eq!(series["reasons"][0]["error"], "http 500");
    assert_eq!(total(&series["reasons"][0]["counts"]), 3);
    assert_eq!(
        series["at"].as_array().expect("times").len(),
        lines.len() - 1
    );
    let worst = site.page("/overview/worst.csv?window=24h").await;
    assert_eq!(worst.lines().count(), 2, "{worst}");
    assert!(
        worst
            .lines()
            .nth(1)
            .expect("one")
            .contains(&format!("{DOWN},active,3,3,0,0,")),
        "{worst}"
    );
}

#[tokio::test]
async fn what_a_row_counted_is_what_its_link_lists() {
    let site = with_outcomes().await;
    let page = site.page("?window=1h").await;
    let (_, numbers) = page.split_once("is-numbers").expect("a table");
    let mut listed = 0;
    for link in numbers.split("href=\"").skip(1) {
        let (link, _) = link.split_once('"').expect("its end");
        let Some((_, query)) = link.split_once("/deliveries?") else {
            continue;
        };
        let query = query.replace("&amp;", "&").replace("&#38;", "&");
        let list = site
            .page(&format!("/deliveries?{query}&status=delivered"))
            .await;
        assert!(list.contains("by its last outcome"), "{list}");
        listed += list.matches("data-row data-id").count();
    }
    assert_eq!(listed, 3, "each in one row");
    let earlier = site.page("/deliveries?outcome_until=1h").await;
    assert!(earlier.contains("No delivery matches"), "{earlier}");
}

#[tokio::test]
async fn a_tenant_is_told_of_its_own_alone() {
    let site = with_outcomes().await;
    let acme: TenantId = "acme".parse().expect("a tenant");
    site.engine
        .create_tenant(acme, Default::default())
        .await
        .expect("made");
    let page = site.get("/dashboard/tenants/acme").await;
    assert!(
        page.text.contains("Nothing was published yet"),
        "{}",
        page.text
    );
    let csv = site
        .get("/dashboard/tenants/acme/overview/series.csv")
        .await
        .text;
    assert!(
        csv.lines().skip(1).all(|line| line.contains(",0,0,0,0,")),
        "{csv}"
    );
}
