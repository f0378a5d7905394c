//! What was written, and where: flags over `POSTHASTE_*` over `posthaste.toml`. Nothing is
//! understood here yet but the names of the keys; one that nobody knows is an error.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use super::keys::{self, KEYS};

const PREFIX: &str = "POSTHASTE_";
/// Variables of the command line and of the test suite, which the server has no use for.
const OTHERS: &[&str] = &[
    "POSTHASTE_SERVER",
    "POSTHASTE_KEY",
    "POSTHASTE_TENANT",
    "POSTHASTE_CA",
    "POSTHASTE_CONFIG",
    "POSTHASTE_SEED",
];
/// What Kubernetes sets of its own accord in every pod beside a service named `posthaste`.
const CLUSTER_PREFIXES: &[&str] = &["POSTHASTE_SERVICE_", "POSTHASTE_PORT"];

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    File(PathBuf),
    Variable(String),
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A value as it was written; the items of a list stand with commas between them. It may be a
/// secret, so it has no Debug.
#[derive(Clone, PartialEq, Eq)]
pub struct Setting {
    pub text: String,
    pub source: Source,
}

/// A flag of the command line that stands for a key.
pub struct Flag {
    pub flag: &'static str,
    pub key: &'static str,
    pub text: String,
}

/// The strongest value of every key that was written anywhere.
#[derive(Clone, Default)]
pub struct Written(BTreeMap<&'static str, Setting>);

/// The names of what was written.
impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Written {
    /// The setting of a key, its default where nothing was written.
    pub fn setting(&self, key: &keys::Key) -> Setting {
        self.0.get(key.name).cloned().unwrap_or_else(|| Setting {
            text: key.default.to_owned(),
            source: Source::Default,
        })
    }

    /// Adds a file. What is wrong with it goes to `complaints`.
    pub fn add_file(&mut self, path: &std::path::Path, text: &str, complaints: &mut Vec<String>) {
        let table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => return complaints.push(format!("{}: {error}", path.display())),
        };
        let source = Source::File(path.to_owned());
        for (name, value) in flattened(&table) {
            match text_of(value) {
                Some(text) => self.put(&name, text, source.clone(), complaints),
                None => complaints.push(format!("{name} (in {source}): expected a plain value")),
            }
        }
    }

    /// Adds the variables that begin with `POSTHASTE_`.
    pub fn add_environment(
        &mut self,
        environment: impl Iterator<Item = (String, String)>,
        complaints: &mut Vec<String>,
    ) {
        let known: Vec<_> = KEYS.iter().map(|key| (key.variable(), key.name)).collect();
        for (name, text) in environment.filter(|(name, _)| is_ours(name)) {
            let source = Source::Variable(name.clone());
            match known.iter().find(|(variable, _)| *variable == name) {
                Some((_, key)) => self.put(key, text, source, complaints),
                None => {
                    let names = known.iter().map(|(variable, _)| variable.as_str());
                    let names = names.chain(OTHERS.iter().copied());
                    complaints.push(unknown("variable", &name, keys::nearest(&name, names)));
                }
            }
        }
    }

    pub fn add_flags(&mut self, flags: Vec<Flag>, complaints: &mut Vec<String>) {
        for Flag { flag, key, text } in flags {
            self.put(key, text, Source::Flag(flag.to_owned()), complaints);
        }
    }

    fn put(&mut self, name: &str, text: String, source: Source, complaints: &mut Vec<String>) {
        if let Some(key) = keys::find(name) {
            self.0.insert(key.name, Setting { text, source });
            return;
        }
        let near = keys::nearest(name, KEYS.iter().map(|key| key.name));
        complaints.push(format!("{} (in {source})", unknown("key", name, near)));
    }
}

fn is_ours(variable: &str) -> bool {
    let others = OTHERS.contains(&variable)
        || CLUSTER_PREFIXES
            .iter()
            .any(|prefix| variable.starts_with(prefix));
    variable.starts_with(PREFIX) && !others
}

fn unknown(what: &str, name: &str, near: Option<&str>) -> String {
    let near = near.map_or(String::new(), |near| format!(", did you mean `{near}`?"));
    format!("unknown {what} `{name}`{near}")
}

/// `[egress] allow = …` is the key `egress.allow`.
fn flattened(table: &toml::Table) -> Vec<(String, &toml::Value)> {
    let mut flat = Vec::new();
    for (name, value) in table {
        match value {
            toml::Value::Table(section) => {
                let inner = flattened(section).into_iter();
                flat.extend(inner.map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            value => flat.push((name.clone(), value)),
        }
    }
    flat
}

fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(switch) => Some(switch.to_string()),
        toml::Value::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(text_of).collect();
            Some(items?.join(","))
        }
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}
