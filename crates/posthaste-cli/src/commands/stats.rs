//! `posthaste stats`.

use std::process::ExitCode;

use clap::Args;

use crate::{
    client::{Call, ServerArguments},
    session::{Session, object, query},
};

#[derive(Args, Debug)]
pub struct Arguments {
    /// How far back: minutes, hours or days, up to 90d
    #[arg(long, value_name = "15m|24h|30d", default_value = "1h")]
    window: String,
    /// What a point of the series stands for; else about 60 points
    #[arg(long, value_name = "1m|1h|1d")]
    step: Option<String>,
    /// Of this subscription alone
    #[arg(long, value_name = "ID")]
    subscription: Option<String>,
    #[command(flatten)]
    server: ServerArguments,
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let session = Session::new(&self.server, json)?;
        let whose = self.subscription.as_deref();
        let path = whose.map_or_else(String::new, |id| object("subscriptions", id));
        let window = ("window", Some(self.window.as_str()));
        // A subscription's figures have a series only where a step is asked for.
        let step = self.step.clone();
        let step = step.or_else(|| whose.and_then(|_| usual_step(&self.window)));
        let query = query([window, ("step", step.as_deref())]);
        let call = Call::get(format!("{path}/stats?{query}"));
        let whose = whose.unwrap_or("all subscriptions");
        session
            .picture(call, |figures| super::figures::picture(figures, whose))
            .await
    }
}

/// A sixtieth of a window, in minutes; none where it is no window, as the server will say.
fn usual_step(window: &str) -> Option<String> {
    let minutes = [("m", 1), ("h", 60), ("d", 24 * 60)];
    let window = minutes.into_iter().find_map(|(unit, minutes)| {
        let number = window.strip_suffix(unit)?.parse::<u32>().ok()?;
        number.checked_mul(minutes)
    });
    window.map(|minutes| format!("{}m", minutes.div_ceil(60).max(1)))
}

#[cfg(test)]
mod tests {
    use super::usual_step;

    #[test]
    fn a_series_of_a_subscription_has_about_sixty_points() {
        for (window, step) in [
            ("15m", Some("1m")),
            ("24h", Some("24m")),
            ("90d", Some("2160m")),
            ("soon", None),
            ("9999999d", None),
        ] {
            assert_eq!(usual_step(window).as_deref(), step, "{window}");
        }
    }
}
