//! `posthaste listen`: the tenant's events, forwarded to a developer's own machine as any receiver
//! would get them, without a subscription and without a public URL.
//!
//! It sends each event once and in order, and skips none silently: what was not taken is shown. A
//! connection that breaks goes on where it was. It refuses to be a subscription: it retries nothing.

mod secret;
mod forward;
mod shown;

use std::process::ExitCode;

use clap::Args;
use posthaste::{
    body::BodyFormat,
    clock::{Clock, SystemClock},
    egress::{EgressRules, TargetUrl, UrlRefusal},
    id::{EventId, Place},
    signature::{Scheme, Secret},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use self::{
    forward::{Forwarder, Told},
    shown::Shown,
};
use crate::{
    client::{Client, Feed, Lost, ServerArguments, Target},
    paint::{Ink, Paint},
    shutdown::Shutdown,
    since::Since,
    stdout, usage,
};

const HELP: &str = "\
Examples:
  posthaste listen --forward-to http://localhost:3000/webhooks
  posthaste listen --forward-to 3000 --events 'order.*,tag.added'
  posthaste listen --forward-to 3000 --since 10m            the last ten minutes first

Try it without an app of your own: posthaste receiver --listen 127.0.0.1:3000 --secret whsec_…";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// Where each event goes: a URL, or a port of this machine
    #[arg(long, value_name = "URL", value_parser = target)]
    forward_to: TargetUrl,
    /// Only these: exact types, prefixes such as order.* [default: all of the tenant's own]
    #[arg(long, value_name = "TYPES")]
    events: Option<String>,
    /// What requests are signed with [default: made of your key, the same in every run]
    #[arg(long)]
    secret: Option<String>,
    /// envelope, flat, raw or cloudevents
    #[arg(long, default_value = "envelope", hide_default_value = true, value_parser = format)]
    format: BodyFormat,
    /// Which signatures: standard, pt, x-webhook [default: all]
    #[arg(long, value_name = "SCHEMES", value_delimiter = ',', value_parser = scheme)]
    schemes: Vec<Scheme>,
    /// First what was accepted since then: 10m, 2h, or an RFC 3339 time
    #[arg(long, value_name = "WHEN")]
    since: Option<Since>,
    #[command(flatten)]
    server: ServerArguments,
}

/// A URL; what has no scheme is http, and a number is a port of this machine.
fn target(text: &str) -> Result<TargetUrl, String> {
    let url = match text.parse::<u16>() {
        Ok(port) => format!("http://localhost:{port}/"),
        Err(_) if text.contains("://") => text.to_owned(),
        Err(_) => format!("http://{text}"),
    };
    let refusal = |refusal: UrlRefusal| refusal.to_string();
    let url: TargetUrl = url.parse().map_err(refusal)?;
    EgressRules::anywhere().judge(&url).map_err(refusal)?;
    Ok(url)
}

fn format(text: &str) -> Result<BodyFormat, String> {
    named(text, "expected envelope, flat, raw or cloudevents")
}

fn scheme(text: &str) -> Result<Scheme, String> {
    named(text, "expected standard, pt or x-webhook")
}

fn named<T: DeserializeOwned>(text: &str, expected: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|_| expected.to_owned())
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let shutdown = Shutdown::on_signals()?;
        let server = self.server.target()?;
        let secret = self.signing_secret(&server)?;
        let client = Client::new(server);
        let mut shown = Shown {
            json,
            paint: Paint::for_stdout(),
            url: self.forward_to.as_str().to_owned(),
            taken: 0,
            refused: 0,
        };
        tokio::select! {
            () = shutdown.asked() => {}
            failed = self.listen(&client, secret, &mut shown) => failed?,
        }
        eprintln!("\n{}", shown.summary());
        Ok(ExitCode::SUCCESS)
    }

    async fn listen(
        &self,
        client: &Client,
        secret: Secret,
        shown: &mut Shown,
    ) -> anyhow::Result<()> {
        let path = "/events/stream";
        let feed = client.follow(path, self.query(), Lost::Nothing).await?;
        self.announce(client, &secret, shown)?;
        let schemes = match self.schemes.is_empty() {
            true => Scheme::ALL,
            false => &self.schemes,
        };
        let url = self.forward_to.clone();
        let forwarder = Forwarder::new(url, self.format, schemes, secret)?;
        forward_all(feed, &forwarder, shown).await
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let after = self.since.map(|since| {
            let at = since.at(SystemClock::new().wall());
            let first = EventId::at(Place::at(at, 0)).as_u64();
            EventId::from_u64(first.saturating_sub(1)).to_string()
        });
        let given = [("types", self.events.clone()), ("after", after)];
        let given = given.into_iter();
        given
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    fn signing_secret(&self, server: &Target) -> anyhow::Result<Secret> {
        if let Some(secret) = &self.secret {
            let parsed = secret.parse();
            return parsed.map_err(|error| usage(format!("--secret: {error}")));
        }
        // Without a key the server answers that it wants one.
        let key = server.key.as_deref().unwrap_or_default();
        let tenant = server.tenant.as_deref().unwrap_or("default");
        Ok(secret::derived(key, tenant))
    }

    fn announce(&self, client: &Client, secret: &Secret, shown: &Shown) -> anyhow::Result<()> {
        let (secret, url) = (secret.expose(), self.forward_to.as_str());
        if shown.json {
            let line = json!({"forward_to": url, "secret": secret});
            return stdout::line(line);
        }
        let secret = shown.paint.ink(Ink::Bold, secret);
        let url = shown.paint.ink(Ink::Cyan, url);
        stdout::line(format_args!(
            "Listening at {}, forwarding to {url}",
            client.server()
        ))?;
        stdout::line(format_args!("Your signing secret is {secret}"))?;
        stdout::line("(the same in every run; Ctrl-C ends)\n")
    }
}

/// One after another, in the order of their ids, and none twice.
async fn forward_all(
    mut feed: Feed<'_>,
    forwarder: &Forwarder,
    shown: &mut Shown,
) -> anyhow::Result<()> {
    let mut last = None;
    loop {
        let message = feed.next().await?;
        if message.event != "event" {
            continue;
        }
        let told: Told = serde_json::from_str(&message.data)?;
        let (id, event_type) = (told.id(), told.event_type().clone());
        if last.is_some_and(|last| id <= last) {
            continue;
        }
        last = Some(id);
        let forwarded = forwarder.forward(told).await;
        shown.event(id, &event_type, &forwarded)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_may_be_a_port_or_lack_its_scheme() {
        #[track_caller]
        fn check(text: &str, url: Option<&str>) {
            let seen = target(text).ok();
            assert_eq!(seen.as_ref().map(TargetUrl::as_str), url, "{text}");
        }
        check("3000", Some("http://localhost:3000/"));
        check("localhost:3000/hook", Some("http://localhost:3000/hook"));
        check("http://127.0.0.1:81/", Some("http://127.0.0.1:81/"));
        check("https://app.test/x", Some("https://app.test/x"));
        check("app:3000", Some("http://app:3000/"));
        check("http://192.168.0.7/", Some("http://192.168.0.7/"));
        check("ftp://localhost/", None);
        check("5432", None);
        check("", None);
    }
}
