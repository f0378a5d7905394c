//! `posthaste replays`.

use std::{io::IsTerminal, process::ExitCode, time::Duration};

use clap::{Args, Subcommand, ValueEnum};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::deliveries::counted;
use crate::{
    client::{Call, ServerArguments},
    moment::{moment, tomorrow},
    session::{Session, Wanted, object},
    stdout,
    table::{self, Column, column},
};

/// Between two looks at how far a replay is.
const LOOK: Duration = Duration::from_millis(200);

const COLUMNS: &[Column] = &[
    column("ID", "/id"),
    column("STATUS", "/status"),
    column("ONLY", "/only"),
    column("SINCE", "/since"),
    column("UNTIL", "/until"),
    column("SENT", "/progress/redelivered"),
    column("MADE", "/progress/created"),
    column("WAITED", "/progress/already_waiting"),
    column("SKIPPED", "/progress/skipped"),
];

const COUNTS: &[Column] = &[
    column("SUBSCRIPTION", "/id"),
    column("DELIVERIES", "/count"),
];

#[derive(Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Send stored events of a window again, as a job
    Create(Box<Create>),
    /// All of them, the newest first
    List {
        #[command(flatten)]
        wanted: Wanted,
    },
    /// One of them, with its progress
    Show { id: String },
    /// Send nothing more of it
    Stop { id: String },
}

#[derive(Args, Debug)]
struct Create {
    /// Events accepted at or after this time: RFC 3339, or 30m, 2h, 7d ago
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: String,
    /// Events accepted before this time; without it, until now
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<String>,
    /// Which deliveries: every one, dead letters, or those that never were
    #[arg(long, value_enum)]
    only: Option<Only>,
    /// Of events of this type, or a prefix such as order.*; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// To this subscription; may be repeated
    #[arg(long = "subscription", value_name = "ID")]
    subscriptions: Vec<String>,
    /// Deliveries a second; 1000 if not given
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// Begin it once, however often this is repeated
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Count what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Come back when it is done
    #[arg(long, conflicts_with = "dry_run")]
    wait: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Only {
    All,
    Failed,
    Missing,
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let session = Session::new(&self.server, json)?;
        match self.command {
            Command::Create(create) if create.dry_run => create.count(&session).await,
            Command::Create(create) if create.wait => create.to_the_end(&session).await,
            Command::Create(create) => session.show(create.call()).await,
            Command::List { wanted } => session.list("/replays", &[], wanted, COLUMNS).await,
            Command::Show { id } => session.show(Call::get(path(&id))).await,
            Command::Stop { id } => {
                let call = Call::new(http::Method::DELETE, path(&id));
                let sentence = |replay: &Value| format!("{id} is {}", text(replay, "status"));
                session.done(call, sentence).await
            }
        }
    }
}

impl Create {
    fn call(&self) -> Call {
        let until = self.until.clone().unwrap_or_else(tomorrow);
        let mut body = json!({"since": self.since, "until": until});
        if let Some(only) = self.only.and_then(|only| only.to_possible_value()) {
            body["only"] = only.get_name().into();
        }
        for (member, given) in [
            ("types", &self.types),
            ("subscriptions", &self.subscriptions),
        ] {
            if !given.is_empty() {
                body[member] = json!(given);
            }
        }
        if let Some(rate) = self.rate {
            body["rate_per_s"] = rate.into();
        }
        if self.dry_run {
            body["dry_run"] = true.into();
        }
        let call = Call::post("/replays").json(&body);
        call.idempotency_key(self.idempotency_key.clone())
    }

    /// Says what would be sent.
    async fn count(&self, session: &Session) -> anyhow::Result<ExitCode> {
        if session.json {
            return session.show(self.call()).await;
        }
        let answer: Value = session.client().call(self.call()).await?.read()?;
        let subscriptions = answer["subscriptions"].as_object();
        let rows = subscriptions.into_iter().flatten();
        let rows: Vec<Value> = rows
            .map(|(id, count)| json!({"id": id, "count": count}))
            .collect();
        if !rows.is_empty() {
            stdout::print(table::listed(COUNTS, &rows))?;
        }
        let total = answer["total"].as_u64().unwrap_or_default();
        stdout::line(format!("{} would be sent; nothing was", counted(total)))?;
        Ok(ExitCode::SUCCESS)
    }

    /// Begins it, shows how far it is until it is over, and says what it did.
    async fn to_the_end(&self, session: &Session) -> anyhow::Result<ExitCode> {
        let mut replay: Value = session.client().call(self.call()).await?.read()?;
        let path = path(text(&replay, "id"));
        let bar = progress();
        while text(&replay, "status") == "running" {
            bar.set_message(done(&replay));
            bar.tick();
            tokio::time::sleep(LOOK).await;
            replay = session.client().call(Call::get(&path)).await?.read()?;
        }
        bar.finish_and_clear();
        match session.json {
            true => stdout::line(replay.to_string())?,
            false => {
                let (id, status) = (text(&replay, "id"), text(&replay, "status"));
                stdout::line(format!("{id} is {status}: {}", done(&replay)))?;
            }
        }
        let completed = text(&replay, "status") == "completed";
        Ok(ExitCode::from(u8::from(!completed)))
    }
}

fn progress() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}");
    ProgressBar::new_spinner().with_style(style.expect("the template is well formed"))
}

/// What a replay has done, in words.
fn done(replay: &Value) -> String {
    let count = |name: &str| replay["progress"][name].as_u64().unwrap_or_default();
    let sent = count("redelivered") + count("created");
    let mut said = format!("{} sent", counted(sent));
    for (name, what) in [
        ("created", "of them new"),
        ("already_waiting", "waited already"),
        ("skipped", "to disabled or deleted subscriptions skipped"),
        ("expired", "expired"),
    ] {
        if count(name) > 0 {
            said.push_str(&format!(", {} {what}", HumanCount(count(name))));
        }
    }
    said
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

fn path(id: &str) -> String {
    object("replays", id)
}
