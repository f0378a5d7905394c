//! When a failed attempt is made again: pure, with chance as an argument.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Retries that a policy may have at most.
pub const RETRIES_MAX: usize = 30;
/// Sum of a policy's waits at most: 30 days, without jitter.
pub const HORIZON_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// The shortest wait: 50 ms.
pub const DELAY_MIN: Duration = Duration::from_millis(50);
/// Jitter of a custom policy that names none.
pub const JITTER_DEFAULT: f64 = 0.2;

/// The waits between attempts, and how far chance stretches them.
///
/// A policy with n waits makes up to n + 1 attempts; after the last one fails, the delivery is a
/// dead letter. Jitter j makes a wait w fall evenly in [w, w(1 + j)].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct RetryPolicy {
    form: Form,
    waits: Vec<Duration>,
    jitter: f64,
}

/// How the policy was written, which is how it is shown again.
#[derive(Clone, Debug, PartialEq)]
enum Form {
    Preset(Preset),
    Schedule(Vec<f64>),
    Exponential(Exponential),
    Linear(Linear),
}

/// A policy with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// 5 s, 30 s, 2 m, 10 m, 1 h.
    Default,
    /// 2 s, 4 s, 8 s; without jitter.
    Quick,
    /// 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 10 h.
    Patient,
    /// One attempt alone.
    None,
}

impl Preset {
    fn seconds(self) -> &'static [u64] {
        match self {
            Self::Default => &[5, 30, 120, 600, 3600],
            Self::Quick => &[2, 4, 8],
            Self::Patient => &[5, 300, 1800, 7200, 18_000, 36_000, 36_000],
            Self::None => &[],
        }
    }

    fn jitter(self) -> f64 {
        match self {
            Self::Quick => 0.0,
            Self::Default | Self::Patient | Self::None => JITTER_DEFAULT,
        }
    }
}

/// Waits `base_s`, then each `factor` times the one before, none longer than `max_s`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exponential {
    /// The first wait, in seconds; at least 0.05.
    pub base_s: f64,
    /// 1 to 100.
    pub factor: f64,
    /// The longest wait, in seconds.
    pub max_s: f64,
    /// 1 to 30.
    pub retries: u32,
}

/// The n-th retry waits n × `delay_s`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// In seconds; at least 0.05.
    pub delay_s: f64,
    /// 1 to 30.
    pub retries: u32,
}

/// Why a policy is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RetryPolicyError {
    /// None, or too many.
    #[error("expected 1 to 30 retries, got {0}; for no retries use the preset \"none\"")]
    Retries(usize),
    /// A wait that is too short.
    #[error("expected every wait to be at least 0.05 s, got {0} s")]
    Delay(f64),
    /// Waits that are too long in all.
    #[error("expected waits that add up to at most 30 days")]
    Horizon,
    /// A factor out of bounds.
    #[error("expected a factor of 1 to 100, got {0}")]
    Factor(f64),
    /// A jitter out of bounds.
    #[error("expected a jitter of 0 to 1, got {0}")]
    Jitter(f64),
    /// Several forms, or none.
    #[error("expected exactly one of schedule_s, exponential and linear")]
    Form,
}

impl RetryPolicy {
    /// The policy of a name.
    #[must_use]
    pub fn preset(preset: Preset) -> Self {
        let waits = preset.seconds().iter().copied().map(Duration::from_secs);
        Self {
            form: Form::Preset(preset),
            waits: waits.collect(),
            jitter: preset.jitter(),
        }
    }

    /// One wait for each retry, in seconds.
    ///
    /// # Errors
    /// No wait or over 30, one under 0.05 s, over 30 days in all, a jitter outside 0 to 1.
    pub fn schedule(seconds: &[f64], jitter: f64) -> Result<Self, RetryPolicyError> {
        Self::custom(Form::Schedule(seconds.to_vec()), seconds.to_vec(), jitter)
    }

    /// # Errors
    /// As [`Self::schedule`], and a factor outside 1 to 100.
    pub fn exponential(form: Exponential, jitter: f64) -> Result<Self, RetryPolicyError> {
        if !(1.0..=100.0).contains(&form.factor) {
            return Err(RetryPolicyError::Factor(form.factor));
        }
        checked_retries(form.retries as usize)?;
        let first = Some(form.base_s.min(form.max_s));
        let waits = std::iter::successors(first, |wait| Some((wait * form.factor).min(form.max_s)));
        let waits = waits.take(form.retries as usize).collect();
        Self::custom(Form::Exponential(form), waits, jitter)
    }

    /// # Errors
    /// As [`Self::schedule`].
    pub fn linear(form: Linear, jitter: f64) -> Result<Self, RetryPolicyError> {
        checked_retries(form.retries as usize)?;
        let waits = (1..=form.retries).map(|n| f64::from(n) * form.delay_s);
        Self::custom(Form::Linear(form), waits.collect(), jitter)
    }

    fn custom(form: Form, seconds: Vec<f64>, jitter: f64) -> Result<Self, RetryPolicyError> {
        checked_retries(seconds.len())?;
        if !(0.0..=1.0).contains(&jitter) {
            return Err(RetryPolicyError::Jitter(jitter));
        }
        let mut waits = Vec::with_capacity(seconds.len());
        let mut sum = Duration::ZERO;
        for wait_s in seconds {
            let at_least = wait_s >= DELAY_MIN.as_secs_f64();
            if !at_least {
                return Err(RetryPolicyError::Delay(wait_s));
            }
            let wait =
                Duration::try_from_secs_f64(wait_s).map_err(|_| RetryPolicyError::Horizon)?;
            sum = sum.checked_add(wait).ok_or(RetryPolicyError::Horizon)?;
            waits.push(wait);
        }
        if sum > HORIZON_MAX {
            return Err(RetryPolicyError::Horizon);
        }
        Ok(Self {
            form,
            waits,
            jitter,
        })
    }

    /// The waits between attempts, before jitter.
    #[must_use]
    pub fn waits(&self) -> &[Duration] {
        &self.waits
    }

    /// The share of a wait that chance adds at most, 0 to 1.
    #[must_use]
    pub fn jitter(&self) -> f64 {
        self.jitter
    }

    /// Retries after the first attempt.
    #[must_use]
    pub fn retries(&self) -> u32 {
        u32::try_from(self.waits.len()).expect("at most 30")
    }

    /// Retries that are left after `spent` attempts of the budget.
    #[must_use]
    pub fn retries_left(&self, spent: u32) -> u32 {
        (self.retries() + 1).saturating_sub(spent.max(1))
    }

    /// The wait after the `spent`-th attempt of the budget failed (from 1); none when that was the
    /// last. `draw` is the chance of the jitter, in [0, 1).
    #[must_use]
    pub fn wait_after(&self, spent: u32, draw: f64) -> Option<Duration> {
        let index = usize::try_from(spent.checked_sub(1)?).ok()?;
        let wait = self.waits.get(index)?;
        Some(wait.mul_f64(1.0 + self.jitter * draw))
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::preset(Preset::Default)
    }
}

fn checked_retries(retries: usize) -> Result<(), RetryPolicyError> {
    match retries {
        1..=RETRIES_MAX => Ok(()),
        n => Err(RetryPolicyError::Retries(n)),
    }
}

/// The JSON of a policy: a preset's name, or one form with its jitter.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Wire {
    Preset(Preset),
    Custom(Custom),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Custom {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedule_s: Option<Vec<f64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exponential: Option<Exponential>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    linear: Option<Linear>,
    #[serde(default = "default_jitter")]
    jitter: f64,
}

fn default_jitter() -> f64 {
    JITTER_DEFAULT
}

impl TryFrom<Wire> for RetryPolicy {
    type Error = RetryPolicyError;

    fn try_from(wire: Wire) -> Result<Self, RetryPolicyError> {
        let custom = match wire {
            Wire::Preset(preset) => return Ok(Self::preset(preset)),
            Wire::Custom(custom) => custom,
        };
        match (custom.schedule_s, custom.exponential, custom.linear) {
            (Some(schedule), None, None) => Self::schedule(&schedule, custom.jitter),
            (None, Some(form), None) => Self::exponential(form, custom.jitter),
            (None, None, Some(form)) => Self::linear(form, custom.jitter),
            _ => Err(RetryPolicyError::Form),
        }
    }
}

impl From<RetryPolicy> for Wire {
    fn from(policy: RetryPolicy) -> Self {
        let mut custom = Custom {
            schedule_s: None,
            exponential: None,
            linear: None,
            jitter: policy.jitter,
        };
        match policy.form {
            Form::Preset(preset) => return Self::Preset(preset),
            Form::Schedule(schedule) => custom.schedule_s = Some(schedule),
            Form::Exponential(form) => custom.exponential = Some(form),
            Form::Linear(form) => custom.linear = Some(form),
        }
        Self::Custom(custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, waits_s: &[f64]) {
        let policy: RetryPolicy = serde_json::from_str(json).unwrap();
        let after = (1..).map_while(|spent| policy.wait_after(spent, 0.0));
        assert_eq!(after.collect::<Vec<_>>(), policy.waits(), "{json}");
        let waits: Vec<f64> = policy.waits().iter().map(Duration::as_secs_f64).collect();
        assert_eq!(waits, waits_s, "{json}");
        let shown = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<RetryPolicy>(&shown).unwrap(), policy);
    }

    #[test]
    fn every_form_has_its_waits() {
        check(r#""default""#, &[5.0, 30.0, 120.0, 600.0, 3600.0]);
        check(r#""quick""#, &[2.0, 4.0, 8.0]);
        let patient = [5.0, 300.0, 1800.0, 7200.0, 18e3, 36e3, 36e3];
        check(r#""patient""#, &patient);
        check(r#""none""#, &[]);
        check(r#"{"schedule_s":[0.05,2]}"#, &[0.05, 2.0]);
        check(
            r#"{"exponential":{"base_s":1,"factor":2,"max_s":5,"retries":4},"jitter":0}"#,
            &[1.0, 2.0, 4.0, 5.0],
        );
        check(
            r#"{"linear":{"delay_s":0.5,"retries":3}}"#,
            &[0.5, 1.0, 1.5],
        );
    }

    #[test]
    fn jitter_stretches_and_never_shortens() {
        let policy = RetryPolicy::schedule(&[10.0], 0.2).unwrap();
        assert_eq!(policy.wait_after(1, 0.0), Some(Duration::from_secs(10)));
        assert_eq!(policy.wait_after(1, 0.5), Some(Duration::from_secs(11)));
        let quick = RetryPolicy::preset(Preset::Quick);
        assert_eq!(quick.wait_after(3, 0.999), Some(Duration::from_secs(8)));
    }

    #[test]
    fn retries_are_counted_down() {
        let policy = RetryPolicy::preset(Preset::Quick);
        assert_eq!(policy.retries_left(0), 3);
        assert_eq!(policy.retries_left(1), 3);
        assert_eq!(policy.retries_left(3), 1);
        assert_eq!(policy.retries_left(4), 0);
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        #[track_caller]
        fn refuse(json: &str) {
            assert!(serde_json::from_str::<RetryPolicy>(json).is_err(), "{json}");
        }
        refuse(r#""slow""#);
        refuse(r#"{"schedule_s":[]}"#);
        refuse(&format!(r#"{{"schedule_s":{:?}}}"#, [1; 31]));
        refuse(r#"{"schedule_s":[0.04]}"#);
        refuse(r#"{"schedule_s":[-1]}"#);
        refuse(r#"{"schedule_s":[1e300]}"#);
        refuse(r#"{"schedule_s":[2592001]}"#);
        refuse(r#"{"schedule_s":[1],"jitter":1.1}"#);
        refuse(r#"{"schedule_s":[1],"jiter":0}"#);
        refuse(r#"{"schedule_s":[1],"linear":{"delay_s":1,"retries":1}}"#);
        refuse(r#"{"linear":{"delay_s":1,"retries":0}}"#);
        refuse(r#"{"linear":{"delay_s":1,"retries":4000000000}}"#);
        refuse(r#"{"exponential":{"base_s":1,"factor":0.5,"max_s":5,"retries":4}}"#);
        refuse(r#"{"jitter":0}"#);
    }
}
