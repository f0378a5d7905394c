//! The configuration: any text is understood or complained about, and what is shown of it means
//! the same again.

#[path = "../../crates/posthaste-cli/src/configuration/mod.rs"]
#[allow(dead_code, unused_imports)] // the command line's own
mod server;

use std::path::Path;

use server::{Configuration, Written, shown};

use super::parts;

/// A variable of the environment in one line (`NAME=value`), then a file.
pub fn judge(input: &[u8]) {
    let Some((variable, file)) = parts::text_line(input) else {
        return;
    };
    let Ok(file) = std::str::from_utf8(file) else {
        return;
    };
    let (mut written, mut complaints) = (Written::default(), Vec::new());
    written.add_file(Path::new("posthaste.toml"), file, &mut complaints);
    let variable = variable.split_once('=');
    let variable = variable.map(|(name, text)| (name.to_owned(), text.to_owned()));
    written.add_environment(variable.into_iter(), &mut complaints);
    assert!(complaints.iter().all(|complaint| !complaint.is_empty()));
    match Configuration::from_written(&written) {
        Ok(configuration) => means_the_same(configuration),
        Err(error) => assert!(error.to_string().lines().count() > 1, "{error}"),
    }
}

fn means_the_same(mut configuration: Configuration) {
    let text = shown(&configuration);
    if let Some(key) = &configuration.admin_key {
        assert!(!text.contains(key.expose()));
        return; // hidden, so it cannot come back
    }
    let (mut again, mut complaints) = (Written::default(), Vec::new());
    again.add_file(Path::new("shown.toml"), &text, &mut complaints);
    assert_eq!(complaints, Vec::<String>::new(), "{text}");
    let mut again = Configuration::from_written(&again).expect("it is what it was");
    // Where each value was written is another matter.
    again.settings.clear();
    configuration.settings.clear();
    assert_eq!(format!("{again:?}"), format!("{configuration:?}"), "{text}");
}
