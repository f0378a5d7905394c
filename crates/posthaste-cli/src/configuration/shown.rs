//! The configuration as `serve --print-config` shows it: a `posthaste.toml` that means the same,
//! with where each value comes from, and secrets hidden.

use std::fmt::Write;

use super::{
    Configuration,
    keys::{KEYS, Key},
    written::Written,
};

/// The column of the comments.
const COMMENT_AT: usize = 52;

pub fn shown(written: &Written, configuration: &Configuration) -> String {
    let (mut text, mut section) = (String::new(), "");
    for key in KEYS {
        let (of, name) = key.name.split_once('.').unwrap_or(("", key.name));
        if of != section {
            section = of;
            writeln!(text, "\n[{section}]").expect("a String takes any text");
        }
        text.push_str(&line(key, name, written, configuration));
    }
    text
}

fn line(key: &Key, name: &str, written: &Written, configuration: &Configuration) -> String {
    let setting = written.setting(key);
    let derived = key.name == "database" && setting.text.is_empty();
    if setting.text.is_empty() && key.optional && !derived {
        return format!("{:COMMENT_AT$} # not set\n", format!("# {name} ="));
    }
    let value = if derived {
        quoted(&configuration.database.to_string())
    } else {
        value(key, &setting.text)
    };
    let value = format!("{name} = {value}");
    format!("{value:COMMENT_AT$} # {}\n", setting.source)
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
