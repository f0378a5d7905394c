//! The configuration as `serve --print-config` shows it: a `posthaste.toml` that means the same,
//! with where each value comes from, and secrets hidden.

use std::fmt::Write;

use posthaste_dashboard::Setting;

use super::{
    Configuration,
    keys::{KEYS, Key},
    written::Written,
};

/// The column of the comments.
const COMMENT_AT: usize = 52;

/// Every key, in the order of the reference.
pub fn lines(written: &Written, configuration: &Configuration) -> Vec<Setting> {
    let line = |key| line(key, written, configuration);
    KEYS.iter().map(line).collect()
}

pub fn shown(configuration: &Configuration) -> String {
    let (mut text, mut section) = (String::new(), "");
    for line in &configuration.settings {
        let (of, name) = line.key.split_once('.').unwrap_or(("", &line.key));
        if of != section {
            section = of;
            writeln!(text, "\n[{section}]").expect("a String takes any text");
        }
        let (set, source) = match &line.value {
            Some(value) => (format!("{name} = {value}"), line.source.as_str()),
            None => (format!("# {name} ="), "not set"),
        };
        writeln!(text, "{set:COMMENT_AT$} # {source}").expect("a String takes any text");
    }
    text
}

fn line(key: &Key, written: &Written, configuration: &Configuration) -> Setting {
    let setting = written.setting(key);
    let value = match (setting.text.is_empty(), key.name) {
        (true, "database") => Some(quoted(&configuration.database.to_string())),
        (true, _) if key.optional => None,
        _ => Some(value(key, &setting.text)),
    };
    Setting {
        key: key.name.to_owned(),
        value,
        source: setting.source.to_string(),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.trim().to_owned()).to_string()
}

fn value(key: &Key, text: &str) -> String {
    use super::keys::Kind;
    match key.kind {
        kind if kind.is_secret() => quoted("***"),
        kind if kind.is_list() => {
            let items: Vec<_> = text.split(',').map(quoted).collect();
            format!("[{}]", items.join(", "))
        }
        Kind::Switch | Kind::Number { .. } | Kind::EventRate => text.trim().to_owned(),
        _ => quoted(text),
    }
}
