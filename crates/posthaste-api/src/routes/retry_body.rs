//! How a retry policy is written in a body: a preset's name, or one form, whose every member is
//! read, so that the one that is wrong is named.
//!
//! It refuses to judge: the bounds are [`RetryPolicy`]'s own, and so is the text that explains them.

use posthaste::retry::{
    Exponential, JITTER_DEFAULT, Linear, Preset, RETRIES_MAX, RetryPolicy, RetryPolicyError,
};

use crate::{
    fields::nested,
    values::{Fault, Read, list, named, number, whole},
};

const FORMS: &[&str] = &["schedule_s", "exponential", "linear", "jitter"];
const EXPONENTIAL: &[&str] = &["base_s", "factor", "max_s", "retries"];
const LINEAR: &[&str] = &["delay_s", "retries"];

pub(crate) fn retry(raw: &str) -> Read<RetryPolicy> {
    if raw.starts_with('{') {
        return custom(raw);
    }
    let expected = "expected default, quick, patient or none, or an object with one of \
        schedule_s, exponential and linear";
    named::<Preset>("invalid_retry", expected)(raw).map(RetryPolicy::preset)
}

fn custom(raw: &str) -> Read<RetryPolicy> {
    let policy = nested(raw, FORMS, |fields| {
        // However many waits there are, the policy itself says how many there may be.
        let schedule = fields.optional("schedule_s", list(usize::MAX, number));
        let exponential = fields.optional("exponential", exponential);
        let linear = fields.optional("linear", linear);
        let jitter = fields.optional("jitter", number).unwrap_or(JITTER_DEFAULT);
        Some(match (schedule, exponential, linear) {
            (Some(schedule), None, None) => RetryPolicy::schedule(&schedule, jitter),
            (None, Some(form), None) => RetryPolicy::exponential(form, jitter),
            (None, None, Some(form)) => RetryPolicy::linear(form, jitter),
            _ => Err(RetryPolicyError::Form),
        })
    })?;
    policy.map_err(|error| Fault::new("invalid_retry", error.to_string()).into())
}

fn exponential(raw: &str) -> Read<Exponential> {
    nested(raw, EXPONENTIAL, |fields| {
        let base_s = fields.required("base_s", number);
        let factor = fields.required("factor", number);
        let max_s = fields.required("max_s", number);
        let retries = fields.required("retries", retries);
        Some(Exponential {
            base_s: base_s?,
            factor: factor?,
            max_s: max_s?,
            retries: retries?,
        })
    })
}

fn linear(raw: &str) -> Read<Linear> {
    nested(raw, LINEAR, |fields| {
        let delay_s = fields.required("delay_s", number);
        let retries = fields.required("retries", retries);
        Some(Linear {
            delay_s: delay_s?,
            retries: retries?,
        })
    })
}

/// However many there are, the policy itself says how many there may be.
fn retries(raw: &str) -> Read<u32> {
    let expected = format!("expected 1 to {RETRIES_MAX}");
    whole(0, u32::MAX)(raw).map_err(|faults| {
        let told = |fault: Fault| match &*fault.code {
            "out_of_range" => Fault::new("out_of_range", expected.clone()),
            _ => fault,
        };
        faults.into_iter().map(told).collect()
    })
}
