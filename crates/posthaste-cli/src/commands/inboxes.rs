//! `posthaste inboxes`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{access::secret, tenants::limit};
use crate::{
    client::{Call, Lost, ServerArguments},
    paint::{Ink, Paint},
    session::{Session, Wanted, object},
    shutdown::Shutdown,
    stdout,
    table::{Column, column},
    usage,
};

const COLUMNS: &[Column] = &[
    column("ID", "/id"),
    column("NAME", "/name"),
    column("SUBSCRIPTION", "/subscription"),
    column("ANSWERS", "/answer/status").or("there"),
    column("URL", "/url").whole(),
];

const REQUESTS: &[Column] = &[
    column("NO", "/number"),
    column("CAME", "/at"),
    column("METHOD", "/method"),
    column("PATH", "/path").or("/"),
    column("BYTES", "/body_bytes"),
    column("ANSWERED", "/answered"),
    column("VERIFIES", "/verification/valid"),
    column("WHY NOT", "/verification/schemes/0/reason").or(""),
    column("FROM", "/address").or("this server"),
];

const CREATE_HELP: &str = "\
Examples:
  posthaste inboxes create --subscribe            look at real deliveries, signatures checked
  posthaste inboxes create --name try --status 503 --retry-after-s 5
  posthaste inboxes create --secret @secret.txt   what another sender signs
  posthaste inboxes create --webhook-site --subscribe --events 'order.*'

It takes any method, below any path, without a key.";

#[derive(Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Make one; shows its URL
    #[command(after_help = CREATE_HELP)]
    Create {
        /// A fresh URL at webhook.site instead of this server
        #[arg(long)]
        webhook_site: bool,
        #[command(flatten)]
        settings: Settings,
    },
    /// All of them, the newest first
    List {
        #[command(flatten)]
        wanted: Wanted,
    },
    /// One of them, with its answer
    Show { id: String },
    /// Change what is given, leave the rest
    Update {
        id: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// What came to it, the newest first
    Requests {
        id: String,
        /// As they come, from now on
        #[arg(long, conflicts_with_all = ["limit", "all"])]
        follow: bool,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Delete it, with what came to it and the subscription that was made with it
    Delete { id: String },
}

#[derive(Args, Debug)]
struct Settings {
    /// For people
    #[arg(long)]
    name: Option<String>,
    /// Make a subscription that leads to it, and verify with its secret
    #[arg(long)]
    subscribe: bool,
    /// Of that subscription: exact types and prefixes such as order.*
    #[arg(
        long,
        value_name = "TYPE,…",
        value_delimiter = ',',
        requires = "subscribe"
    )]
    events: Vec<String>,
    /// Verify with the secret of this subscription; none: no longer
    #[arg(long, value_name = "ID", conflicts_with_all = ["subscribe", "secret"])]
    subscription: Option<String>,
    /// Verify with this secret; @FILE or @- (stdin) reads it there; none: no longer
    #[arg(long, conflicts_with = "subscribe")]
    secret: Option<String>,
    /// What it answers: 200 to 599
    #[arg(long)]
    status: Option<u16>,
    /// How long it takes to answer, up to 30000
    #[arg(long, value_name = "MS")]
    delay_ms: Option<u32>,
    /// What its answer's Retry-After says, or none
    #[arg(long, value_name = "SECONDS", value_parser = limit::<u32>)]
    retry_after_s: Option<Value>,
    /// text/plain, application/json, …
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// The body of its answer
    #[arg(long)]
    body: Option<String>,
}

impl Settings {
    fn body(self) -> anyhow::Result<Map<String, Value>> {
        let answer = [
            ("status", self.status.map(Value::from)),
            ("delay_ms", self.delay_ms.map(Value::from)),
            ("retry_after_s", self.retry_after_s),
            ("content_type", self.content_type.map(Value::from)),
            ("body", self.body.map(Value::from)),
        ];
        let given = |(name, value): (&str, Option<Value>)| Some((name.to_owned(), value?));
        let answer: Map<String, Value> = answer.into_iter().filter_map(given).collect();
        let secret = match self.secret.as_deref() {
            Some("none") => Some(Value::Null),
            Some(given) => Some(secret(given)?.into()),
            None => None,
        };
        let unless_none = |id: String| match id.as_str() {
            "none" => Value::Null,
            _ => id.into(),
        };
        let all = [
            ("name", self.name.map(Value::from)),
            ("subscription", self.subscription.map(unless_none)),
            ("secret", secret),
            ("answer", (!answer.is_empty()).then(|| answer.into())),
            (
                "subscribe",
                self.subscribe.then(|| json!({"events": self.events})),
            ),
        ];
        Ok(all.into_iter().filter_map(given).collect())
    }
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let session = Session::new(&self.server, json)?;
        match self.command {
            Command::Create {
                webhook_site,
                settings,
            } => {
                let mut body = settings.body()?;
                body.extend(webhook_site.then(|| ("kind".to_owned(), "webhook.site".into())));
                let call = Call::post("/inboxes").json(&body.into());
                session.show(call).await
            }
            Command::List { wanted } => session.list("/inboxes", &[], wanted, COLUMNS).await,
            Command::Show { id } => session.show(Call::get(path(&id))).await,
            Command::Update { id, settings } => {
                let body = settings.body()?;
                if body.is_empty() {
                    return Err(usage("say what to change, such as --status 500"));
                }
                let call = Call::new(Method::PATCH, path(&id)).json(&body.into());
                session.show(call).await
            }
            Command::Requests {
                id, follow: true, ..
            } => follow(&session, &id).await,
            Command::Requests { id, wanted, .. } => {
                let path = path(&id) + "/requests";
                session.list(&path, &[], wanted, REQUESTS).await
            }
            Command::Delete { id } => {
                let call = Call::new(Method::DELETE, path(&id));
                session.done(call, |_| format!("{id} is deleted")).await
            }
        }
    }
}

fn path(id: &str) -> String {
    object("inboxes", id)
}

/// What is shown of a request.
#[derive(Deserialize)]
struct Request {
    at: String,
    method: String,
    path: String,
    body_bytes: u64,
    answered: u16,
    verification: Option<Verification>,
}

#[derive(Deserialize)]
struct Verification {
    valid: bool,
    schemes: Vec<Verdict>,
}

#[derive(Deserialize)]
struct Verdict {
    scheme: String,
    reason: Option<String>,
}

async fn follow(session: &Session, id: &str) -> anyhow::Result<ExitCode> {
    let shutdown = Shutdown::on_signals()?;
    let shown = async {
        let path = path(id) + "/requests/stream";
        let client = session.client();
        let mut feed = client.follow(path, Vec::new(), Lost::Nothing).await?;
        eprintln!("Following {id} at {} (Ctrl-C ends)", client.server());
        loop {
            let message = feed.next().await?;
            match message.event.as_str() {
                "request" if session.json => stdout::line(&message.data)?,
                "request" => {
                    let request: Request = serde_json::from_str(&message.data)?;
                    stdout::line(request.line(Paint::for_stdout()))?;
                }
                _ => {}
            }
        }
    };
    tokio::select! {
        () = shutdown.asked() => Ok(ExitCode::SUCCESS),
        failed = shown => failed,
    }
}

impl Request {
    fn line(&self, paint: Paint) -> String {
        let time = paint.ink(Ink::Dim, self.at.get(11..19).unwrap_or(&self.at));
        let what = format!(
            "{:<6} {} {} bytes",
            stdout::visible(&self.method),
            stdout::visible(if self.path.is_empty() {
                "/"
            } else {
                &self.path
            }),
            self.body_bytes
        );
        let verified = match &self.verification {
            None => String::new(),
            Some(all) if all.valid => paint.ink(Ink::Green, " verifies"),
            Some(all) => {
                let first = all.schemes.iter().find(|one| one.reason.is_some());
                let why = first.map_or_else(String::new, |one| {
                    let reason = one.reason.as_deref().unwrap_or_default();
                    format!(" ({}: {})", one.scheme, stdout::visible(reason))
                });
                paint.ink(Ink::Red, &format!(" does not verify{why}"))
            }
        };
        format!("{time} {} {what}{verified}", self.answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_line_that_says_whether_and_why_it_does_not_verify() {
        #[track_caller]
        fn check(verification: &str, line: &str) {
            let text = format!(
                r#"{{"at":"2026-11-21T20:36:00.123Z","method":"POST","path":"","body_bytes":12,"answered":200,"verification":{verification}}}"#
            );
            let request: Request = serde_json::from_str(&text).unwrap();
            assert_eq!(request.line(Paint::none()), line);
        }
        check("null", "20:36:00 200 POST   / 12 bytes");
        check(
            r#"{"valid":true,"schemes":[{"scheme":"pt","reason":null}]}"#,
            "20:36:00 200 POST   / 12 bytes verifies",
        );
        check(
            r#"{"valid":false,"schemes":[{"scheme":"pt","reason":null},{"scheme":"standard","reason":"too old"}]}"#,
            "20:36:00 200 POST   / 12 bytes does not verify (standard: too old)",
        );
    }
}
