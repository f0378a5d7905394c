//! `posthaste subscriptions`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use super::access::{Access, secret};
use crate::{
    client::{Call, ServerArguments},
    session::{Session, Wanted, object},
    table::{Column, column},
    usage,
};

const COLUMNS: &[Column] = &[
    column("ID", "/id"),
    column("URL", "/url"),
    column("EVENTS", "/events").or("all"),
    column("STATUS", "/status"),
    column("WHY", "/status_reason"),
    column("HEALTH", "/health/status"),
    column("CIRCUIT", "/health/circuit"),
];

const KEY_COLUMNS: &[Column] = &[
    column("PUBLIC KEY", "/public_key"),
    column("ALGORITHM", "/algorithm"),
    column("CURRENT", "/current"),
    column("UNTIL", "/valid_until"),
];

const CREATE_HELP: &str = "\
Examples:
  posthaste subscriptions create https://example.com/hook --events 'order.*,user.deleted'
  posthaste subscriptions create https://example.com/hook --filter '{\"data\":{\"amount\":{\"$gte\":100}}}'
  posthaste subscriptions create https://example.com/hook --retry patient --timeout-ms 5000
  posthaste subscriptions create https://example.com/hook --retry '{\"schedule_s\":[1,10,60]}'
  posthaste subscriptions create https://example.com/hook --rate-limit 10 --ordering fifo
  posthaste subscriptions create https://example.com/hook --batch --batch-max-events 50
  posthaste subscriptions create https://example.com/hook --basic ada:@password.txt
  posthaste subscriptions create https://example.com/hook --secret-header 'X-Api-Key: @-' < key.txt
  posthaste subscriptions create https://example.com/hook --client-cert me.pem --client-key me.key
  posthaste subscriptions create https://example.com/hook --schemes standard --algorithm ed25519";

#[derive(Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Make one; shows its secret
    #[command(after_help = CREATE_HELP)]
    Create {
        /// Where events are posted to
        url: String,
        /// A secret of your own; @FILE or @- (stdin) reads it there [default: one is made]
        #[arg(long)]
        secret: Option<String>,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// All of them, the newest first
    List {
        /// active, paused or disabled
        #[arg(long)]
        status: Option<String>,
        /// To exactly this URL
        #[arg(long)]
        url: Option<String>,
        /// By your own name for it
        #[arg(long, value_name = "ID")]
        external_id: Option<String>,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// One of them, with all its settings
    Show { id: String },
    /// Change what is given, leave the rest
    Update {
        id: String,
        /// Where events are posted to from now on
        #[arg(long)]
        url: Option<String>,
        /// active, paused or disabled
        #[arg(long)]
        status: Option<String>,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Delete it; what it was still owed is discarded
    Delete { id: String },
    /// Hold its deliveries; nothing is lost
    Pause { id: String },
    /// Release what was held, and forgive its failures
    Resume { id: String },
    /// Try it: one delivery, to this one alone
    Test {
        id: String,
        /// The event's type
        #[arg(long = "type", value_name = "TYPE")]
        event_type: Option<String>,
    },
    /// Reveal its secret
    Secret { id: String },
    /// The public keys that verify its signatures, with the algorithm ed25519
    PublicKeys { id: String },
    /// Give it a new secret; the old one keeps signing beside it for a while
    RotateSecret {
        id: String,
        /// For how many seconds [default: 86400]
        #[arg(long, value_name = "SECONDS")]
        overlap_s: Option<u64>,
        /// One of your own; @FILE or @- (stdin) reads it there
        #[arg(long)]
        secret: Option<String>,
    },
}

/// What may be chosen; absent settings take the server's defaults.
#[derive(Args, Debug, Default)]
struct Settings {
    /// Exact types and prefixes such as order.* [default: all]
    #[arg(long, value_name = "TYPE,…", value_delimiter = ',')]
    events: Option<Vec<String>>,
    /// Of these, the ones with this in them (JSON), or none for no filter
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Your own name for it
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// standard, pt, x-webhook [default: all three]
    #[arg(long, value_name = "SCHEME,…", value_delimiter = ',')]
    schemes: Option<Vec<String>>,
    /// The hash of x-webhook, hmac-sha256 or hmac-sha512; or ed25519, with the scheme standard alone
    #[arg(long)]
    algorithm: Option<String>,
    /// default, quick, patient, none, or a policy as JSON
    #[arg(long, value_name = "POLICY")]
    retry: Option<String>,
    /// How long one attempt may take
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u64>,
    /// Attempts at once
    #[arg(long, value_name = "N")]
    max_in_flight: Option<u32>,
    /// Requests per second at most, or none for no limit
    #[arg(long, value_name = "N")]
    rate_limit: Option<String>,
    /// none, or fifo: those of one ordering key leave one after another
    #[arg(long)]
    ordering: Option<String>,
    #[command(flatten)]
    batching: Batching,
    #[command(flatten)]
    access: Access,
    /// Dead letters in a row after which it is paused; 0 for never
    #[arg(long, value_name = "N")]
    auto_pause_after: Option<u32>,
    /// envelope, flat, raw or cloudevents
    #[arg(long)]
    format: Option<String>,
    /// Of these types, this version alone: memory.created=1; or none for all versions
    #[arg(long, value_name = "TYPE=N,…", value_delimiter = ',')]
    pin: Option<Vec<String>>,
    /// A JSON object of your own
    #[arg(long, value_name = "JSON")]
    metadata: Option<String>,
}

/// Whether events leave in batches. Limits ask for batches; those that are left out take their
/// defaults.
#[derive(Args, Debug, Default)]
struct Batching {
    /// Several events in a request
    #[arg(long)]
    batch: bool,
    /// One event in a request
    #[arg(long, conflicts_with_all = ["batch", "batch_max_events", "batch_max_wait_ms", "batch_max_bytes"])]
    no_batch: bool,
    /// Events of a batch [default: 100]
    #[arg(long, value_name = "N")]
    batch_max_events: Option<u32>,
    /// How long a batch's first event waits for others [default: 1000]
    #[arg(long, value_name = "MS")]
    batch_max_wait_ms: Option<u32>,
    /// Bytes of a batch [default: 1048576]
    #[arg(long, value_name = "N")]
    batch_max_bytes: Option<u32>,
}

impl Batching {
    fn limits(&self) -> Map<String, Value> {
        given(json!({
            "max_events": self.batch_max_events,
            "max_wait_ms": self.batch_max_wait_ms,
            "max_bytes": self.batch_max_bytes,
        }))
    }

    fn members(&self) -> Map<String, Value> {
        let limits = self.limits();
        let mode = match (self.no_batch, self.batch || !limits.is_empty()) {
            (true, _) => Some("single"),
            (false, true) => Some("batch"),
            (false, false) => None,
        };
        let limits = (!limits.is_empty()).then_some(limits);
        given(json!({"mode": mode, "batch": limits}))
    }
}

impl Settings {
    fn body(&self) -> anyhow::Result<Map<String, Value>> {
        let retry = self.retry.as_deref().map(policy).transpose()?;
        let metadata = self.metadata.as_deref().map(metadata).transpose()?;
        let mut body = given(json!({
            "events": self.events,
            "description": self.description,
            "external_id": self.external_id,
            "schemes": self.schemes,
            "algorithm": self.algorithm,
            "retry": retry,
            "timeout_ms": self.timeout_ms,
            "max_in_flight": self.max_in_flight,
            "auto_pause_after": self.auto_pause_after,
            "ordering": self.ordering,
            "format": self.format,
            "metadata": metadata,
        }));
        body.extend(self.batching.members());
        body.extend(self.access.members()?);
        let limit = self.rate_limit.as_deref().map(rate_limit).transpose()?;
        body.extend(limit.map(|limit| ("rate_limit_per_s".to_owned(), limit)));
        let pins = self.pin.as_deref().map(pins).transpose()?;
        body.extend(pins.map(|pins| ("versions".to_owned(), pins)));
        let filter = self.filter.as_deref().map(filter).transpose()?;
        body.extend(filter.map(|filter| ("filter".to_owned(), filter)));
        Ok(body)
    }
}

fn own_secret(given: Option<&str>) -> anyhow::Result<Option<(String, Value)>> {
    let secret = given.map(secret).transpose()?;
    Ok(secret.map(|secret| ("secret".to_owned(), secret.into())))
}

/// The members of an object that are not null.
fn given(object: Value) -> Map<String, Value> {
    let Value::Object(members) = object else {
        unreachable!("it was written as one")
    };
    let members = members.into_iter();
    members.filter(|(_, value)| !value.is_null()).collect()
}

/// A number; null takes a limit away.
fn rate_limit(text: &str) -> anyhow::Result<Value> {
    if text == "none" {
        return Ok(Value::Null);
    }
    let number: Result<serde_json::Number, _> = serde_json::from_str(text);
    let expected = |_| usage("--rate-limit: expected a number, or none");
    Ok(number.map_err(expected)?.into())
}

/// A filter; null takes it away.
fn filter(text: &str) -> anyhow::Result<Value> {
    let malformed = |error| usage(format!("--filter: malformed JSON: {error}"));
    match text {
        "none" => Ok(Value::Null),
        json => serde_json::from_str(json).map_err(malformed),
    }
}

/// Versions by type; none of them take all.
fn pins(pins: &[String]) -> anyhow::Result<Value> {
    if pins == ["none"] {
        return Ok(json!({}));
    }
    let pin = |pin: &String| {
        let (name, version) = pin.split_once('=')?;
        Some((name.to_owned(), Value::from(version.parse::<u32>().ok()?)))
    };
    let pinned: Option<Map<_, _>> = pins.iter().map(pin).collect();
    let expected = || usage("--pin: expected a type and its version, such as memory.created=1");
    Ok(pinned.ok_or_else(expected)?.into())
}

/// A preset's name, or a policy.
fn policy(text: &str) -> anyhow::Result<Value> {
    if !text.starts_with('{') {
        return Ok(text.into());
    }
    serde_json::from_str(text).map_err(|error| usage(format!("--retry: malformed JSON: {error}")))
}

fn metadata(text: &str) -> anyhow::Result<Value> {
    let malformed = |error| usage(format!("--metadata: malformed JSON: {error}"));
    serde_json::from_str(text).map_err(malformed)
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let session = Session::new(&self.server, json)?;
        self.command.run(&session).await
    }
}

impl Command {
    async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        match self {
            Self::Create {
                url,
                secret,
                settings,
            } => {
                let mut body = settings.body()?;
                body.extend(own_secret(secret.as_deref())?);
                body.insert("url".to_owned(), url.into());
                session
                    .show(Call::post("/subscriptions").json(&body.into()))
                    .await
            }
            Self::List {
                status,
                url,
                external_id,
                wanted,
            } => {
                let filters = [
                    ("status", status.as_deref()),
                    ("url", url.as_deref()),
                    ("external_id", external_id.as_deref()),
                ];
                session
                    .list("/subscriptions", &filters, wanted, COLUMNS)
                    .await
            }
            Self::Show { id } => session.show(Call::get(path(&id))).await,
            Self::Update {
                id,
                url,
                status,
                settings,
            } => {
                let mut body = settings.body()?;
                body.extend(url.map(|url| ("url".to_owned(), url.into())));
                body.extend(status.map(|status| ("status".to_owned(), status.into())));
                let call = Call::new(Method::PATCH, path(&id)).json(&body.into());
                session.show(call).await
            }
            Self::Delete { id } => {
                let call = Call::new(Method::DELETE, path(&id));
                session.done(call, |_| format!("{id} is deleted")).await
            }
            Self::Pause { id } => {
                let call = action(&id, "pause");
                session
                    .done(call, |_| format!("{id} is paused; its deliveries are held"))
                    .await
            }
            Self::Resume { id } => {
                let call = action(&id, "resume");
                session
                    .done(call, |_| format!("{id} is active; what was held goes out"))
                    .await
            }
            Self::Test { id, event_type } => {
                let body = event_type.map_or(json!({}), |name| json!({"type": name}));
                session.show(action(&id, "test").json(&body)).await
            }
            Self::Secret { id } => {
                let call = Call::get(path(&id) + "/secret");
                session.done(call, |answer| text(answer, "secret")).await
            }
            Self::PublicKeys { id } => {
                let path = path(&id) + "/public-keys";
                session.list_whole(&path, KEY_COLUMNS).await
            }
            Self::RotateSecret {
                id,
                overlap_s,
                secret,
            } => {
                let mut body = Map::new();
                body.extend(own_secret(secret.as_deref())?);
                body.extend(overlap_s.map(|overlap_s| ("overlap_s".to_owned(), overlap_s.into())));
                session
                    .show(action(&id, "rotate-secret").json(&body.into()))
                    .await
            }
        }
    }
}

fn path(id: &str) -> String {
    object("subscriptions", id)
}

fn action(id: &str, verb: &str) -> Call {
    Call::post(format!("{}/{verb}", path(id)))
}

fn text(answer: &Value, member: &str) -> String {
    answer[member].as_str().unwrap_or_default().to_owned()
}
