//! `posthaste tail`: outcomes of deliveries as they come, a line each.

use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;

use crate::{
    client::{Client, Lost, Message, ServerArguments},
    paint::{Ink, Paint},
    shutdown::Shutdown,
    stdout,
};

const HELP: &str = "\
Examples:
  posthaste tail
  posthaste tail --status failed
  posthaste tail --type order.created --json | jq .last_error

What happened before, or while there was no connection: posthaste deliveries list";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// delivered, retrying, held, failed or discarded
    #[arg(long)]
    status: Option<String>,
    /// To this subscription
    #[arg(long, value_name = "ID")]
    subscription: Option<String>,
    /// Of this event
    #[arg(long, value_name = "ID")]
    event: Option<String>,
    /// Of events of this type
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    #[command(flatten)]
    server: ServerArguments,
}

/// What is shown of an outcome.
#[derive(Deserialize)]
struct Outcome {
    id: String,
    event_type: String,
    status: String,
    attempts: u32,
    last_status_code: Option<u16>,
    last_error: Option<String>,
    latency_ms: Option<f64>,
    sent_at: Option<String>,
    created_at: String,
}

#[derive(Deserialize)]
struct Gap {
    missed: u64,
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let shutdown = Shutdown::on_signals()?;
        let client = Client::new(self.server.target()?);
        let filters = [
            ("status", self.status),
            ("subscription", self.subscription),
            ("event", self.event),
            ("type", self.event_type),
        ];
        let given = filters.into_iter();
        let query = given.filter_map(|(name, value)| Some((name, value?)));
        let shown = Shown {
            json,
            paint: Paint::for_stdout(),
        };
        let query = query.collect();
        tokio::select! {
            () = shutdown.asked() => Ok(ExitCode::SUCCESS),
            failed = shown.follow(&client, query) => failed.map(|()| ExitCode::SUCCESS),
        }
    }
}

struct Shown {
    json: bool,
    paint: Paint,
}

impl Shown {
    async fn follow(
        &self,
        client: &Client,
        query: Vec<(&'static str, String)>,
    ) -> anyhow::Result<()> {
        let lost = Lost::Everything;
        let mut feed = client.follow("/deliveries/stream", query, lost).await?;
        eprintln!("Following outcomes at {} (Ctrl-C ends)", client.server());
        loop {
            let message = feed.next().await?;
            match message.event.as_str() {
                "delivery" if self.json => stdout::line(&message.data)?,
                "delivery" => stdout::line(self.line(&serde_json::from_str(&message.data)?))?,
                "gap" => missed(&message)?,
                _ => {}
            }
        }
    }

    /// At 80 columns a type of 22 characters fits.
    fn line(&self, outcome: &Outcome) -> String {
        let at = outcome.sent_at.as_ref().unwrap_or(&outcome.created_at);
        let time = self.paint.ink(Ink::Dim, at.get(11..19).unwrap_or(at));
        let ink = match outcome.status.as_str() {
            "delivered" => Ink::Green,
            "failed" | "discarded" => Ink::Red,
            _ => Ink::Yellow,
        };
        let status = self.paint.ink(ink, &format!("{:<9}", outcome.status));
        let answer = format!("{:<7}", outcome.answer());
        let latency = outcome.latency_ms.map(|ms| format!("{ms:.0} ms"));
        let latency = latency.unwrap_or_default();
        let (attempt, id) = (format!("#{}", outcome.attempts), &outcome.id);
        let kind = self.paint.ink(Ink::Bold, &outcome.event_type);
        format!("{time} {status} {answer} {latency:>8} {attempt:<3} {id} {kind}")
    }
}

impl Outcome {
    /// The status code, else the word that the error begins with.
    fn answer(&self) -> String {
        let error = self.last_error.as_deref().unwrap_or("-");
        let word = error.split([' ', ':']).next().unwrap_or(error);
        let code = self.last_status_code.map(|code| code.to_string());
        code.unwrap_or_else(|| stdout::visible(word))
    }
}

fn missed(message: &Message) -> anyhow::Result<()> {
    let Gap { missed } = serde_json::from_str(&message.data)?;
    eprintln!("{missed} outcomes came faster than they could be shown, and are left out");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_a_line_of_columns() {
        let shown = Shown {
            json: false,
            paint: Paint::none(),
        };
        #[track_caller]
        fn check(shown: &Shown, more: &str, line: &str) {
            let text = format!(
                r#"{{"id":"dlv_0123456789abc","event_type":"order.created","created_at":"2026-11-21T20:36:00.123Z",{more}}}"#
            );
            assert_eq!(shown.line(&serde_json::from_str(&text).unwrap()), line);
        }
        check(
            &shown,
            r#""status":"delivered","attempts":1,"last_status_code":200,"last_error":null,"latency_ms":12.4,"sent_at":"2026-11-21T20:36:01.000Z""#,
            "20:36:01 delivered 200        12 ms #1  dlv_0123456789abc order.created",
        );
        check(
            &shown,
            r#""status":"retrying","attempts":12,"last_status_code":null,"last_error":"timeout: no answer within 10000 ms","latency_ms":10000.9,"sent_at":null"#,
            "20:36:00 retrying  timeout 10001 ms #12 dlv_0123456789abc order.created",
        );
        check(
            &shown,
            r#""status":"discarded","attempts":0,"last_status_code":null,"last_error":"disabled","latency_ms":null,"sent_at":null"#,
            "20:36:00 discarded disabled          #0  dlv_0123456789abc order.created",
        );
    }
}
