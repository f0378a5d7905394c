//! Receivers made of our code and a driver, one for each language: cases go in, a line each, and an
//! answer comes out for each.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use data_encoding::BASE64;
use posthaste::signature::{Algorithm, Scheme};
use posthaste_dashboard::verification_code::{Kind, Language, code};
use tempfile::TempDir;

use crate::{
    cases::{Case, PUBLIC, SECRET},
    rust,
};

/// Whether a receiver in this language accepts each; none where its tools are not installed.
pub fn answers(
    language: Language,
    scheme: Scheme,
    algorithm: Algorithm,
    cases: &[Case],
) -> Option<Vec<bool>> {
    if language == Language::Rust {
        return Some(rust::answers(scheme, algorithm, cases));
    }
    let workshop = Workshop::of(language, Kind::of(scheme, algorithm));
    if !workshop.has_tools() {
        return None;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let receiver = code(language, scheme, algorithm);
    workshop.build(&dir, &receiver, scheme != Scheme::XWebhook);
    Some(workshop.run(dir.path(), cases))
}

/// How a language is built and run: what stands in which file, the commands, the last of which
/// reads the cases.
struct Workshop {
    receiver: &'static str,
    driver: (&'static str, &'static str),
    commands: Vec<Vec<&'static str>>,
    /// A command that succeeds where all is there, and whether it has to be.
    probe: Vec<&'static str>,
    required: bool,
}

impl Workshop {
    fn of(language: Language, kind: Kind) -> Self {
        match language {
            Language::Python => Self {
                receiver: "receiver.py",
                driver: ("driver.py", include_str!("drivers/python.py")),
                commands: vec![vec!["python3", "driver.py"]],
                probe: match kind {
                    Kind::Ed25519 => vec!["python3", "-c", "import cryptography"],
                    _ => vec!["python3", "--version"],
                },
                required: kind != Kind::Ed25519,
            },
            Language::JavaScript => Self {
                receiver: "receiver.mjs",
                driver: ("driver.mjs", include_str!("drivers/javascript.mjs")),
                commands: vec![vec!["node", "driver.mjs"]],
                probe: vec!["node", "--version"],
                required: true,
            },
            Language::Go => Self {
                receiver: "receiver.go",
                driver: ("driver_test.go", include_str!("drivers/go.go")),
                commands: vec![
                    vec!["go", "mod", "init", "example.com/webhook"],
                    vec!["go", "vet", "./..."],
                    vec!["go", "test", "-c", "-o", "driver"],
                    vec!["./driver"],
                ],
                probe: vec!["go", "version"],
                required: false,
            },
            Language::Ruby => Self {
                receiver: "receiver.rb",
                driver: ("driver.rb", include_str!("drivers/ruby.rb")),
                commands: vec![vec!["ruby", "-w", "driver.rb"]],
                probe: vec!["ruby", "--version"],
                required: false,
            },
            Language::Php => Self {
                receiver: "receiver.php",
                driver: ("driver.php", include_str!("drivers/php.php")),
                commands: vec![vec!["php", "driver.php"]],
                probe: vec!["php", "--version"],
                required: false,
            },
            Language::Java => Self {
                receiver: "PosthasteWebhook.java",
                driver: ("Driver.java", include_str!("drivers/java.java")),
                commands: vec![
                    vec!["javac", "PosthasteWebhook.java", "Driver.java"],
                    vec!["java", "-cp", ".", "Driver"],
                ],
                probe: vec!["javac", "-version"],
                required: false,
            },
            Language::CSharp => Self {
                receiver: "Receiver.cs",
                driver: ("Driver.cs", include_str!("drivers/csharp.cs")),
                commands: vec![
                    vec![
                        "mcs",
                        "-langversion:latest",
                        "-out:driver.exe",
                        "Receiver.cs",
                        "Driver.cs",
                    ],
                    vec!["mono", "driver.exe"],
                ],
                probe: match kind {
                    // It needs a package beside the language.
                    Kind::Ed25519 => vec!["false"],
                    _ => vec!["mcs", "--version"],
                },
                required: false,
            },
            Language::Rust => unreachable!("it is part of this program"),
        }
    }

    fn has_tools(&self) -> bool {
        let probe = command(&self.probe)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let there = probe.is_ok_and(|status| status.success());
        assert!(
            there || !self.required,
            "{:?} has to be installed",
            self.probe
        );
        there
    }

    /// A receiver that looks at no time is called without one.
    fn build(&self, dir: &TempDir, receiver: &str, timed: bool) {
        let (name, driver) = self.driver;
        let driver = if timed {
            driver.to_owned()
        } else {
            driver.replace(", now)", ")")
        };
        for (name, text) in [(self.receiver, receiver), (name, &driver)] {
            std::fs::write(dir.path().join(name), text).expect("a file");
        }
        let (_, build) = self.commands.split_last().expect("a command");
        for line in build {
            let output = command(line).current_dir(dir).output().expect("a tool");
            assert!(output.status.success(), "{line:?}: {output:?}\n{receiver}");
        }
    }

    fn run(&self, dir: &Path, cases: &[Case]) -> Vec<bool> {
        let line = self.commands.last().expect("a command");
        let key = if cases[0].secret == PUBLIC {
            PUBLIC
        } else {
            SECRET
        };
        let mut child = command(line)
            .current_dir(dir)
            .env("WEBHOOK_SECRET", key)
            .env("WEBHOOK_PUBLIC_KEY", key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a receiver");
        let lines: String = cases.iter().map(line_of).collect();
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(lines.as_bytes()).expect("a reader");
        drop(stdin);
        let output = child.wait_with_output().expect("an end");
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(
            output.status.success() && err.is_empty(),
            "{line:?}: {out}{err}"
        );
        let answers = out.lines().filter(|line| ["0", "1"].contains(line));
        answers.map(|line| line == "1").collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// In `.`, a program of the directory that it runs in.
fn command(line: &[&str]) -> Command {
    let mut command = Command::new(line[0]);
    command
        .args(&line[1..])
        .env("GOFLAGS", "-mod=mod")
        .env("GO111MODULE", "on");
    command
}

/// Key, time and body, then names and values; with tabs between.
fn line_of(case: &Case) -> String {
    let base64 = |bytes: &[u8]| BASE64.encode(bytes);
    let now = case
        .now_s
        .map_or_else(|| "now".to_owned(), |now_s| now_s.to_string());
    let headers = case.headers.iter();
    let headers = headers.map(|(name, value)| format!("\t{name}\t{}", base64(value.as_bytes())));
    let (key, body) = (base64(case.secret.as_bytes()), base64(&case.body));
    format!("{key}\t{now}\t{body}{}\n", headers.collect::<String>())
}
