//! `posthaste demo`: the whole of it at work, over its own API on a real socket.
//!
//! An empty store in a temporary directory, three receivers (one healthy, one flaky, one dead), an
//! inbox, and lifelike events. What is shown was asked from the API or seen by the receivers; nothing is made
//! up. At the end the directory is gone.

mod cast;
mod story;
mod summary;

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use clap::Args;
use posthaste::clock::{Clock, SystemClock};
use serde::Deserialize;
use tokio::net::TcpListener;
use url::Url;

use self::{
    cast::{Cast, Inbox},
    story::Story,
};
use crate::{
    client::{Call, Client, Target},
    configuration::{Configuration, Flag, Written},
    log,
    paint::{Ink, Paint},
    serve::curl,
    server::Server,
    shutdown::Shutdown,
    stdout,
};

const HELP: &str = "\
It runs until Ctrl-C. With --once it publishes its events, waits until every delivery is
delivered, a dead letter or held, checks that the numbers add up, and ends.";

/// The events, one a line.
const EVENTS: &str = include_str!("../../data/demo_events.ndjson");
/// Between two events.
const PACE: Duration = Duration::from_millis(900);
const PACE_ONCE: Duration = Duration::from_millis(70);
/// Between two looks at the deliveries.
const LOOK: Duration = Duration::from_millis(60);
/// By when everything has to have ended.
const ENDED_WITHIN: Duration = Duration::from_secs(25);
/// Where a server is looked for first.
const USUAL: &str = "127.0.0.1:8400";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// Publish a fixed number of events, wait for their outcomes, print a summary and end
    #[arg(long)]
    once: bool,
}

#[derive(Deserialize)]
struct Published {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    deliveries: u64,
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let home = tempfile::tempdir().context("cannot make a temporary directory")?;
        let configuration = configuration(home.path(), self.listen().await)?;
        log::start(&configuration.log, configuration.log_format);
        let shutdown = Shutdown::on_signals()?;
        let server = Server::start(&configuration).await?;
        let key = server.key.value.clone().context("the key is not there")?;
        let (url, dashboard) = (server.url(), server.dashboard());
        let (stop, stopping) = Shutdown::by_hand();
        let serving = tokio::spawn(server.run(stopping));
        let client = Client::new(Target {
            server: Url::parse(&url)?,
            key: Some(key.expose().to_owned()),
            tenant: None,
            trust: None,
        });
        let stage = Stage::set(client, json).await?;
        if !json {
            stage.welcome(&url, &dashboard, key.expose())?;
        }
        let played = tokio::select! {
            () = shutdown.asked() => Ok(()),
            played = stage.play(self.once) => played,
        };
        drop(stop);
        stage.cast.leave().await;
        serving.await??;
        played?;
        Ok(ExitCode::SUCCESS)
    }

    /// The usual port where it is free, so that the other commands find the demo.
    async fn listen(&self) -> SocketAddr {
        let usual = USUAL.parse().expect("it is an address");
        let free = !self.once && TcpListener::bind(usual).await.is_ok();
        if free {
            usual
        } else {
            SocketAddr::new(usual.ip(), 0)
        }
    }
}

/// As `serve --dev` would be on an empty directory; what is set up on this machine stays out of it.
fn configuration(home: &std::path::Path, listen: SocketAddr) -> anyhow::Result<Configuration> {
    let flag = |key, text: String| Flag {
        flag: "demo",
        key,
        text,
    };
    let flags = vec![
        flag("listen", listen.to_string()),
        flag("data_dir", home.join("data").display().to_string()),
        flag("dev", "true".to_owned()),
        flag("log", "error".to_owned()),
    ];
    let mut written = Written::default();
    written.add_flags(flags, &mut Vec::new());
    Ok(Configuration::from_written(&written)?)
}

/// Everything that plays: who publishes, who receives, and who tells it.
struct Stage {
    client: Client,
    cast: Cast,
    json: bool,
    clock: SystemClock,
}

/// What was published so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub events: u64,
    /// As the answers to the publishers said.
    pub deliveries: u64,
}

impl Stage {
    async fn set(client: Client, json: bool) -> anyhow::Result<Self> {
        let cast = Cast::enter(&client).await?;
        Ok(Self {
            client,
            cast,
            json,
            clock: SystemClock::new(),
        })
    }

    fn welcome(&self, url: &str, dashboard: &str, key: &str) -> anyhow::Result<()> {
        let paint = Paint::for_stdout();
        let bold = |text| paint.ink(Ink::Bold, text);
        let title = bold("Posthaste, at work");
        stdout::line(format_args!(
            "\n{title}  on a store that is gone when it ends\n"
        ))?;
        for part in &self.cast.parts {
            stdout::line(format_args!("  {}  {}", part.painted(paint), part.about))?;
        }
        let inbox = &self.cast.inbox;
        let painted = Inbox::painted(paint);
        stdout::line(format_args!(
            "  {painted}  keeps what comes, for `posthaste inboxes requests {}`",
            inbox.id
        ))?;
        let dashboard = paint.ink(Ink::Cyan, dashboard);
        stdout::line(format_args!("\n  {}  {dashboard}", bold("look")))?;
        let api = paint.ink(Ink::Cyan, &format!("{url}/api/v1/webhooks"));
        stdout::line(format_args!("  {}   {api}", bold("API")))?;
        stdout::line(format_args!("  {}   {}", bold("try"), curl(url, key)))?;
        stdout::line(format_args!(
            "  {}  POSTHASTE_SERVER={url} POSTHASTE_KEY={key} posthaste deliveries list\n",
            bold("list")
        ))
    }

    async fn play(&self, once: bool) -> anyhow::Result<()> {
        let mut story = Story::new(&self.client, &self.cast, self.json);
        let mut tally = Tally::default();
        if !once {
            for event in EVENTS.lines().cycle() {
                self.publish(event, &mut story, &mut tally).await?;
                self.watch(&mut story, PACE).await?;
            }
        }
        for event in EVENTS.lines() {
            self.publish(event, &mut story, &mut tally).await?;
            self.watch(&mut story, PACE_ONCE).await?;
        }
        let deadline = self.clock.elapsed() + ENDED_WITHIN;
        while !story.has_ended(tally) {
            if self.clock.elapsed() > deadline {
                bail!("some deliveries have not ended within 25 s");
            }
            self.watch(&mut story, LOOK).await?;
        }
        summary::print(&story.told(), tally, self.clock.elapsed(), self.json)
    }

    async fn publish(
        &self,
        event: &'static str,
        story: &mut Story<'_>,
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        let call = Call::post("/events").bytes("application/json", event.into());
        let published: Published = self.client.call(call).await?.read()?;
        tally.events += 1;
        tally.deliveries += published.deliveries;
        story.published(&published.id, &published.event_type, published.deliveries)
    }

    /// Tells what happens, for a while.
    async fn watch(&self, story: &mut Story<'_>, how_long: Duration) -> anyhow::Result<()> {
        let until = self.clock.elapsed() + how_long;
        loop {
            story.look().await?;
            let now = self.clock.elapsed();
            if now >= until {
                return Ok(());
            }
            tokio::time::sleep(LOOK.min(until - now)).await;
        }
    }
}
