//! A retry policy in fields: a preset, or one of three forms with numbers of its own.

use posthaste::retry::{Exponential, JITTER_DEFAULT, Linear, Preset, RETRIES_MAX, RetryPolicy};
use serde_json::Value;

use crate::reading::{Reading, named, number};

/// What is chosen, and then the fields that this choice reads.
pub(super) fn read(reading: &mut Reading<'_>) -> Option<RetryPolicy> {
    let chosen = reading.text("retry");
    if let Some(preset) = named::<Preset>(chosen) {
        return Some(RetryPolicy::preset(preset));
    }
    let jitter = match reading.text("retry_jitter") {
        "" => Some(JITTER_DEFAULT),
        _ => reading.number("retry_jitter"),
    };
    match chosen {
        "schedule" => schedule(reading, jitter),
        "exponential" => exponential(reading, jitter),
        "linear" => linear(reading, jitter),
        _ => reading.take("retry", Err("expected one of the list")),
    }
}

fn schedule(reading: &mut Reading<'_>, jitter: Option<f64>) -> Option<RetryPolicy> {
    let waits = reading.text("retry_schedule").split([',', ' ', ';']);
    let waits = waits.filter(|wait| !wait.is_empty()).map(number);
    let waits: Option<Vec<f64>> = reading.take("retry_schedule", waits.collect());
    let policy = RetryPolicy::schedule(&waits?, jitter?);
    reading.take("retry_schedule", policy)
}

fn exponential(reading: &mut Reading<'_>, jitter: Option<f64>) -> Option<RetryPolicy> {
    let base_s = reading.number("retry_base_s");
    let factor = reading.number("retry_factor");
    let max_s = reading.number("retry_max_s");
    let retries = retries(reading);
    let form = Exponential {
        base_s: base_s?,
        factor: factor?,
        max_s: max_s?,
        retries: retries?,
    };
    reading.take("retry_base_s", RetryPolicy::exponential(form, jitter?))
}

fn linear(reading: &mut Reading<'_>, jitter: Option<f64>) -> Option<RetryPolicy> {
    let delay_s = reading.number("retry_delay_s");
    let retries = retries(reading);
    let form = Linear {
        delay_s: delay_s?,
        retries: retries?,
    };
    reading.take("retry_delay_s", RetryPolicy::linear(form, jitter?))
}

fn retries(reading: &mut Reading<'_>) -> Option<u32> {
    let retries = reading.whole("retry_retries", 1..=RETRIES_MAX)?;
    u32::try_from(retries).ok()
}

/// The fields of a policy that there is.
pub(super) fn written(policy: &RetryPolicy) -> Vec<(&'static str, String)> {
    let json = serde_json::to_value(policy).unwrap_or_default();
    let Value::Object(form) = json else {
        return vec![("retry", json.as_str().unwrap_or_default().to_owned())];
    };
    let mut fields = Vec::new();
    for (name, value) in form {
        match (name.as_str(), value) {
            ("schedule_s", Value::Array(waits)) => {
                fields.push(("retry", "schedule".to_owned()));
                let waits: Vec<String> = waits.iter().map(plain).collect();
                fields.push(("retry_schedule", waits.join(", ")));
            }
            ("jitter", jitter) => fields.push(("retry_jitter", plain(&jitter))),
            ("exponential", of) => fields.extend(numbers("exponential", &of)),
            ("linear", of) => fields.extend(numbers("linear", &of)),
            _ => {}
        }
    }
    fields
}

/// `600`, where JSON says `600.0`.
fn plain(number: &Value) -> String {
    let number = number.as_f64();
    number.map(|number| number.to_string()).unwrap_or_default()
}

fn numbers(form: &'static str, of: &Value) -> Vec<(&'static str, String)> {
    let known = [
        ("base_s", "retry_base_s"),
        ("factor", "retry_factor"),
        ("max_s", "retry_max_s"),
        ("delay_s", "retry_delay_s"),
        ("retries", "retry_retries"),
    ];
    let found = known
        .into_iter()
        .filter_map(|(member, field)| Some((field, plain(of.get(member)?))));
    std::iter::once(("retry", form.to_owned()))
        .chain(found)
        .collect()
}
