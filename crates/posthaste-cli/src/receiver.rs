//! `posthaste receiver`: prints what arrives and whether it verifies, and misbehaves on request.

use std::{net::SocketAddr, process::ExitCode};

use anyhow::Context;
use clap::Args;
use posthaste::clock::{Clock, SystemClock};
use posthaste_receiver::{Receiver, Recorded, Script};
use serde_json::json;

use crate::{
    paint::{Ink, Paint},
    shutdown::Shutdown,
    stdout,
};

const HELP: &str = "\
Examples:
  posthaste receiver
  posthaste receiver --listen 127.0.0.1:9000 --secret whsec_…
  posthaste receiver --behave status=503
  posthaste receiver --behave script=500,hang,200     one after the other, the last one for ever

Behaviours: status=503 delay=200ms body=TEXT header=NAME:VALUE redirect=302:URL fail=SHARE[:STATUS]
  trickle=BYTES/TIME huge-body=BYTES huge-head=BYTES hang hang-before-read reset-before-read
  reset-during-body reset-after-body close-early half-close reset-answer answer-and-close
  stall-body endless-1xx garbage http-0.9 two-status-lines wrong-length script=A,B,C";

/// Characters of a body that are shown.
const BODY_MAX: usize = 400;

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// Where to listen
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8500")]
    listen: SocketAddr,
    /// What each request meets [default: status=200]
    #[arg(long, value_name = "BEHAVIOUR", value_parser = behaviour)]
    behave: Option<String>,
    /// The subscription's secret; each signature is checked with it
    #[arg(long)]
    secret: Option<String>,
}

/// Checked while the arguments are read; a script counts what it met, so it is made later.
fn behaviour(text: &str) -> Result<String, String> {
    let script: Result<Script, _> = text.parse();
    script
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let script = self.behave.as_deref().map(str::parse).transpose()?;
        let shutdown = Shutdown::on_signals()?;
        let receiver = Receiver::start(self.listen, script.unwrap_or_default())
            .await
            .with_context(|| format!("cannot listen on {}", self.listen))?;
        let print = Print {
            json,
            paint: Paint::for_stdout(),
            secret: self.secret,
            clock: SystemClock::new(),
        };
        if !json {
            let url = print.paint.ink(Ink::Cyan, &receiver.url("/"));
            stdout::line(format_args!("Receiving at {url} (Ctrl-C ends)"))?;
        }
        let followed = tokio::select! {
            () = shutdown.asked() => Ok(()),
            followed = print.follow(&receiver) => followed,
        };
        receiver.shutdown().await;
        followed.map(|()| ExitCode::SUCCESS)
    }
}

struct Print {
    json: bool,
    paint: Paint,
    secret: Option<String>,
    clock: SystemClock,
}

impl Print {
    async fn follow(&self, receiver: &Receiver) -> anyhow::Result<()> {
        let mut shown = 0;
        loop {
            receiver.wait_for(shown + 1).await;
            let (came, latest) = (receiver.received(), receiver.requests());
            let new = usize::try_from(came - shown).unwrap_or(usize::MAX);
            for request in &latest[latest.len().saturating_sub(new)..] {
                stdout::line(self.request(request))?;
            }
            shown = came;
        }
    }

    fn request(&self, request: &Recorded) -> String {
        if self.json {
            return self.as_json(request);
        }
        let (paint, body) = (self.paint, String::from_utf8_lossy(&request.body));
        let time = paint.ink(Ink::Dim, &request.at.to_string()[11..23]);
        let kind = stdout::visible(request.header("x-event-type").unwrap_or("-"));
        let id = stdout::visible(request.header("webhook-id").unwrap_or("-"));
        let (method, path) = (request.method(), stdout::visible(request.path()));
        let line = format!(
            "{time}  {method} {path}  {}  {id}",
            paint.ink(Ink::Bold, &kind)
        );
        let verified: String = self
            .verified(request)
            .iter()
            .map(|one| self.judged(one))
            .collect();
        let shown: String = body.chars().take(BODY_MAX).collect();
        let shown = paint.ink(Ink::Dim, &stdout::visible(&shown));
        format!("{line}{verified}\n              {shown}")
    }

    fn judged(&self, (scheme, reason): &(&'static str, Option<String>)) -> String {
        match reason {
            None => format!("  {}", self.paint.ink(Ink::Green, &format!("✓ {scheme}"))),
            Some(why) => format!(
                "  {}",
                self.paint.ink(Ink::Red, &format!("✗ {scheme}: {why}"))
            ),
        }
    }

    /// Each scheme that it carries, and why it does not verify where it does not.
    fn verified(&self, request: &Recorded) -> Vec<(&'static str, Option<String>)> {
        let Some(secret) = &self.secret else {
            return Vec::new();
        };
        let judged = request.verify(secret, self.clock.wall()).into_iter();
        judged
            .map(|(scheme, result)| (scheme.as_str(), result.err().map(|e| e.to_string())))
            .collect()
    }

    fn as_json(&self, request: &Recorded) -> String {
        let verified = self.verified(request).into_iter();
        let verified: Vec<_> = verified
            .map(|(scheme, why)| json!({"scheme": scheme, "valid": why.is_none(), "reason": why}))
            .collect();
        json!({
            "at": request.at,
            "method": request.method(),
            "path": request.path(),
            "headers": request.headers(),
            "body": String::from_utf8_lossy(&request.body),
            "signatures": verified,
        })
        .to_string()
    }
}
