//! What the settings mean: each text becomes the value that the server runs on, or a complaint
//! with key, value, source and what was expected.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use posthaste::{
    egress::{EgressRules, TargetUrl},
    origin::Origin,
    signature::Secret,
};
use posthaste_callers::Callers;
use posthaste_engine::{Bounds, Limits, Retention};
use posthaste_store::{
    keyring::{MasterKeyFile, MasterKeySource},
    settings::EventRate,
};

use super::{
    ConfigurationError,
    keys::{self, Kind},
    shown,
    written::{Setting, Source, Written},
};

/// All that `serve` runs on.
#[derive(Clone)]
pub struct Configuration {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    pub database: Database,
    /// What links to this server begin with; none: where it listens.
    pub public_url: Option<Origin>,
    /// Set by the operator instead of being made at the first start.
    pub admin_key: Option<Secret>,
    pub dev: bool,
    pub log: String,
    pub log_format: LogFormat,
    /// Without them the API speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    pub egress: EgressRules,
    pub limits: Limits,
    pub retention: Retention,
    pub bounds: Bounds,
    pub master_key: MasterKeySource,
    /// None: nothing is asked of it.
    pub webhook_site: Option<TargetUrl>,
    pub api: posthaste_api::Options,
    /// As it may be shown.
    pub settings: Vec<posthaste_dashboard::Setting>,
}

/// Where the API's certificate is, and its private key; both in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Without what is secret: what tests show of one that should have been refused.
impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configuration")
            .field("listen", &self.listen)
            .field("data_dir", &self.data_dir)
            .finish_non_exhaustive()
    }
}

/// Which store, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    Sqlite(PathBuf),
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Sqlite(path) = self;
        write!(f, "sqlite:{}", path.display())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl Configuration {
    /// # Errors
    /// Every setting that does not mean anything.
    pub fn from_written(written: &Written) -> Result<Self, ConfigurationError> {
        let mut reading = Reading {
            written,
            complaints: Vec::new(),
        };
        let mut configuration = reading.configuration();
        configuration.settings = shown::lines(written, &configuration);
        if reading.complaints.is_empty() {
            Ok(configuration)
        } else {
            Err(ConfigurationError(reading.complaints))
        }
    }
}

/// A walk over the settings that collects complaints; where one is wrong, its default stands in
/// until the walk has ended.
struct Reading<'a> {
    written: &'a Written,
    complaints: Vec<String>,
}

impl Reading<'_> {
    fn configuration(&mut self) -> Configuration {
        let data_dir: PathBuf = self.value("data_dir", |text| text.parse().ok());
        let dev = self.switch("dev");
        Configuration {
            listen: self.value("listen", |text| text.parse().ok()),
            database: self.database(&data_dir),
            public_url: self.optional("public_url", |text| text.trim().parse().ok()),
            admin_key: self.optional("admin_key", |text| {
                is_key(text).then(|| Secret::trusted(text.to_owned()))
            }),
            log: self.value("log", |text| is_filter(text).then(|| text.to_owned())),
            log_format: self.value("log_format", log_format),
            tls: self.tls(),
            egress: self.egress(dev),
            limits: self.limits(),
            retention: self.retention(),
            bounds: self.bounds(),
            master_key: self.master_key(&data_dir),
            webhook_site: self.optional("webhook_site.url", |text| text.trim().parse().ok()),
            api: self.api(),
            settings: Vec::new(),
            data_dir,
            dev,
        }
    }

    fn egress(&mut self, dev: bool) -> EgressRules {
        let mut rules = EgressRules {
            allow: self.list("egress.allow"),
            deny: self.list("egress.deny"),
            nat64: self.switch("egress.nat64"),
            allow_http: self.switch("egress.allow_http"),
            allow_localhost: false,
            allow_local_names: false,
        };
        if dev {
            let dev = EgressRules::dev();
            rules.allow.extend(dev.allow);
            rules.allow_http |= dev.allow_http;
            rules.allow_localhost |= dev.allow_localhost;
        }
        rules
    }

    fn tls(&mut self) -> Option<TlsFiles> {
        let mut file = |name| self.optional(name, |text| Some(PathBuf::from(text)));
        let (certificate, key) = (file("tls.certificate"), file("tls.key"));
        let missing = match (certificate, key) {
            (Some(certificate), Some(key)) => return Some(TlsFiles { certificate, key }),
            (None, None) => return None,
            (Some(_), None) => "tls.key: expected a file, as tls.certificate is set",
            (None, Some(_)) => "tls.certificate: expected a file, as tls.key is set",
        };
        self.complaints.push(missing.to_owned());
        None
    }

    fn limits(&mut self) -> Limits {
        let limits = Limits {
            event_bytes: self.count("limits.event_bytes"),
            batch_events: self.count("limits.batch_events"),
            batch_bytes: self.count("limits.batch_bytes"),
            dedup_window: Duration::from_secs(self.number("limits.dedup_window_s")),
            events_per_s: self.optional("limits.events_per_s", |text| {
                EventRate::try_from(text.trim().parse::<f64>().ok()?).ok()
            }),
            subscriptions: self.count("limits.subscriptions"),
            auto_pause_after: u32::try_from(self.number("delivery.auto_pause_after"))
                .expect("at most a million"),
        };
        if limits.batch_bytes < limits.event_bytes {
            let (batch, event) = (limits.batch_bytes, limits.event_bytes);
            self.complaints.push(format!(
                "limits.batch_bytes = {batch}: expected no less than limits.event_bytes = {event}"
            ));
        }
        limits
    }

    fn retention(&mut self) -> Retention {
        let mut days = |name| u32::try_from(self.number(name)).expect("at most ten years");
        Retention {
            days: days("retention.days"),
            hold_days: days("retention.hold_days"),
            audit_days: days("retention.audit_days"),
            ..Retention::default()
        }
    }

    fn bounds(&mut self) -> Bounds {
        Bounds {
            in_flight: self.count("delivery.in_flight"),
            deliveries: self.count("delivery.memory_deliveries"),
            bytes: self.count("delivery.memory_bytes"),
            unparked_for: Duration::from_millis(self.number("delivery.unparked_for_ms")),
        }
    }

    fn api(&mut self) -> posthaste_api::Options {
        let proxies = self.list("proxies.trusted");
        let failures_per_min = self.number("keys.failures_per_min");
        let failures_per_min = u32::try_from(failures_per_min).expect("at most ten thousand");
        posthaste_api::Options {
            callers: Callers::new(proxies, failures_per_min),
            origins: self.list("cors.origins"),
            ..posthaste_api::Options::default()
        }
    }

    fn database(&mut self, data_dir: &std::path::Path) -> Database {
        let setting = self.setting("database");
        if ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| setting.text.starts_with(scheme))
        {
            let source = setting.source;
            self.complaints.push(format!(
                "database (from {source}): PostgreSQL is not available yet; use sqlite:<path>"
            ));
        } else if let Some(database) = self.optional("database", sqlite) {
            return database;
        }
        Database::Sqlite(data_dir.join("posthaste.db"))
    }

    fn master_key(&mut self, data_dir: &std::path::Path) -> MasterKeySource {
        let name = "secrets.master_key";
        if let Some(key) = self.optional(name, |text| text.parse().ok()) {
            let from = self.setting(name).source.to_string();
            return MasterKeySource::Given { key, from };
        }
        let file = self.optional("secrets.master_key_file", |text| Some(PathBuf::from(text)));
        let file = file.unwrap_or_else(|| data_dir.join("master.key"));
        MasterKeySource::File(MasterKeyFile::at(file))
    }

    fn switch(&mut self, name: &str) -> bool {
        self.value(name, |text| text.parse().ok())
    }

    fn number(&mut self, name: &str) -> u64 {
        let Some(Kind::Number { min, max }) = keys::find(name).map(|key| key.kind) else {
            unreachable!("{name} is a number in the table of keys");
        };
        self.value(name, |text| {
            let number = text.parse().ok()?;
            (min..=max).contains(&number).then_some(number)
        })
    }

    fn count(&mut self, name: &str) -> usize {
        usize::try_from(self.number(name)).unwrap_or(usize::MAX)
    }

    fn list<T: FromStr>(&mut self, name: &str) -> Vec<T> {
        let items = self.optional(name, |text| {
            let items = text.split(',').map(str::trim);
            items.map(|item| item.parse().ok()).collect()
        });
        items.unwrap_or_default()
    }

    fn optional<T>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let setting = self.setting(name);
        if setting.text.is_empty() {
            return None;
        }
        let value = parse(&setting.text);
        if value.is_none() {
            self.complain(name, &setting);
        }
        value
    }

    fn value<T>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>) -> T {
        let setting = self.setting(name);
        if let Some(value) = parse(setting.text.trim()).filter(|_| !setting.text.is_empty()) {
            return value;
        }
        self.complain(name, &setting);
        let default = keys::find(name).map_or("", |key| key.default);
        parse(default).expect("every default is a value")
    }

    fn setting(&self, name: &str) -> Setting {
        let key = keys::find(name).expect("the key is in the table");
        self.written.setting(key)
    }

    fn complain(&mut self, name: &str, setting: &Setting) {
        let kind = keys::find(name).expect("the key is in the table").kind;
        let value = if kind.is_secret() {
            "***"
        } else {
            &setting.text
        };
        let from = match &setting.source {
            Source::Default => String::new(),
            source => format!(" (from {source})"),
        };
        let expected = kind.expects();
        let complaint = format!("{name} = \"{value}\"{from}: expected {expected}");
        self.complaints.push(complaint);
    }
}

/// Whether this has the form of a key that an operator may choose.
pub(super) fn is_key(text: &str) -> bool {
    const DIGITS: std::ops::RangeInclusive<usize> = 32..=250;
    text.strip_prefix("pst_").is_some_and(|digits| {
        DIGITS.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

fn sqlite(text: &str) -> Option<Database> {
    let path = text.strip_prefix("sqlite:")?;
    (!path.is_empty()).then(|| Database::Sqlite(path.into()))
}

fn log_format(text: &str) -> Option<LogFormat> {
    match text {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    }
}

/// The filter's own parser takes a misspelt level for a target, and then logs everything of it.
fn is_filter(text: &str) -> bool {
    use tracing_subscriber::filter::{EnvFilter, LevelFilter};
    let levels = text
        .split(',')
        .filter(|part| !part.contains(['=', '[']))
        .all(|level| level.trim().parse::<LevelFilter>().is_ok());
    levels && EnvFilter::try_new(text).is_ok()
}
