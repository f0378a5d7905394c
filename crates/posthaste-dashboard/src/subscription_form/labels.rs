//! What people call the fields: what is told about one names it as its form does.

use posthaste::subscription::{HIDDEN, HeaderName};

use crate::{
    meanwhile::{self, Difference, Labels},
    query::Query,
};

const LABELS: &Labels = &[
    ("url", "URL"),
    ("description", "Description"),
    ("external_id", "External id"),
    ("status", "Status"),
    ("events", "Types"),
    ("filter", "Filter (JSON)"),
    ("schemes", "Schemes"),
    ("algorithm", "Algorithm"),
    ("secret", "Secret"),
    ("retry", "After a failure"),
    ("timeout_ms", "Timeout of an attempt (ms)"),
    ("auto_pause_after", "Pause after dead letters in a row"),
    ("retry_schedule", "Own waits, in seconds"),
    ("retry_base_s", "Growing by a factor: first wait (s)"),
    ("retry_factor", "Factor"),
    ("retry_max_s", "Longest wait (s)"),
    ("retry_delay_s", "Growing evenly: each wait longer by (s)"),
    ("retry_retries", "Retries"),
    ("retry_jitter", "Jitter"),
    ("format", "Body"),
    ("rate_limit_per_s", "Requests a second, at most"),
    ("max_in_flight", "Requests at once, at most"),
    ("ordering", "Order"),
    ("mode", "Mode"),
    ("batch_max_events", "Batch: events at most"),
    ("batch_max_wait_ms", "Batch: gather for at most (ms)"),
    ("batch_max_bytes", "Batch: bytes at most"),
    ("versions", "Versions"),
    ("headers", "Headers of its own"),
    ("auth", "Credentials"),
    ("auth_username", "User name"),
    ("auth_password", "Password"),
    ("auth_token", "Token"),
    ("ca_pem", "Authority (PEM)"),
    ("client_cert_pem", "Client certificate (PEM)"),
    ("client_key_pem", "Client key (PEM)"),
    ("metadata", "A JSON object of your own"),
];

pub(crate) fn label(field: &str) -> &str {
    let known = LABELS.iter().find(|(name, _)| *name == field);
    known.map_or(field, |(_, label)| label)
}

/// Where a form says something else than the subscription that there is now.
pub(crate) fn differences(typed: &Query, stored: &Query) -> Vec<Difference> {
    meanwhile::differences(LABELS, said, (typed, stored))
}

fn said(form: &Query, field: &str) -> String {
    let values = form.all(field).map(meanwhile::plain);
    let mut values: Vec<String> = values.filter(|value| !value.is_empty()).collect();
    match field {
        "headers" => return headers(form).join("\n"),
        "secret" | "auth_password" | "auth_token" | "client_key_pem" => values
            .iter_mut()
            .for_each(|value| *value = unseen(value).to_owned()),
        // In whatever order they were given.
        "schemes" => values.sort_unstable(),
        _ => {}
    }
    values.join(", ")
}

fn headers(form: &Query) -> Vec<String> {
    let rows = form.all("header_name").zip(form.all("header_value"));
    let rows = rows.zip(form.all("header_kind"));
    let rows = rows.filter(|((name, value), _)| !name.is_empty() || !value.is_empty());
    let told = rows.map(|((name, value), kind)| {
        let looks_secret = |name: HeaderName| name.looks_secret();
        let secret = kind == "secret" || name.trim().parse().is_ok_and(looks_secret);
        let value = if secret { unseen(value) } else { value };
        format!("{}: {value}", name.trim())
    });
    let mut told: Vec<String> = told.collect();
    told.sort_unstable();
    told
}

/// Of a secret it is told that it is another one, and no more.
fn unseen(value: &str) -> &str {
    match value {
        "" | HIDDEN => value,
        _ => "another one",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_is_the_one_in_the_form() {
        let form = include_str!("../../templates/subscriptions/form.html");
        for (field, label) in LABELS {
            let is_there = [
                format!("<label for=\"{field}\">{label}</label>"),
                format!("(\"{field}\", \"{label}\","),
                format!("<legend>{label}</legend>"),
            ];
            assert!(is_there.iter().any(|part| form.contains(part)), "{field}");
        }
        assert_eq!(label("retry_base_s"), "Growing by a factor: first wait (s)");
    }

    #[test]
    fn what_is_unlike_is_told_and_no_secret_of_it() {
        let typed = "description=a&schemes=pt&schemes=standard&auth_password=canary-1\
                     &header_name=X-Key&header_value=canary-2&header_kind=secret\
                     &header_name=&header_value=&header_kind=&ca_pem=a%0D%0Ab";
        let stored = "description=b&schemes=standard&schemes=pt&auth_password=***\
                      &header_name=X-Key&header_value=***&header_kind=secret&ca_pem=a%0Ab%0A";
        let found = differences(&Query::parse(typed), &Query::parse(stored));
        let found: Vec<_> = found
            .iter()
            .map(|one| (one.label, one.typed.as_str(), one.stored.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("Description", "a", "b"),
                ("Headers of its own", "X-Key: another one", "X-Key: ***"),
                ("Password", "another one", "***"),
            ]
        );
    }
}
