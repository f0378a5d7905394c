//! A client command that goes on until it is told to stop.

use std::{
    process::{Child, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    server::{ADMIN_KEY, listen, posthaste, signal},
    wait::{SOON, until},
};

/// Killed when it is dropped.
pub struct Running {
    child: Child,
    said: Arc<Mutex<String>>,
    complained: Arc<Mutex<String>>,
    /// The reader of stderr, until it has read all.
    reader: Option<JoinHandle<()>>,
    _home: TempDir,
}

impl Running {
    /// With the platform's key, unless the arguments have another.
    pub fn start(server: &str, arguments: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory can be made");
        let mut child = posthaste()
            .args(arguments)
            .current_dir(home.path())
            .env("POSTHASTE_SERVER", server)
            .env("POSTHASTE_KEY", ADMIN_KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let [said, complained] = [Arc::default(), Arc::default()];
        listen(child.stdout.take().expect("it is piped"), Arc::clone(&said));
        let errors = child.stderr.take().expect("it is piped");
        let reader = listen(errors, Arc::clone(&complained));
        Self {
            child,
            said,
            complained,
            reader: Some(reader),
            _home: home,
        }
    }

    /// What it printed so far.
    pub fn said(&self) -> String {
        self.said.lock().expect("nobody panics with it").clone()
    }

    /// What it printed on stderr so far.
    pub fn complained(&self) -> String {
        let complained = self.complained.lock();
        complained.expect("nobody panics with it").clone()
    }

    #[track_caller]
    pub fn wait_until_it_says(&self, what: &str) {
        until(&format!("{what:?} is printed"), SOON, || {
            let all = self.said() + &self.complained();
            all.contains(what).then_some(())
        });
    }

    /// Its lines, each as JSON, once there are so many.
    #[track_caller]
    pub fn lines(&self, count: usize) -> Vec<Value> {
        let lines = until(&format!("{count} lines"), SOON, || {
            let said = self.said();
            let lines: Vec<String> = said.lines().map(str::to_owned).collect();
            (lines.len() >= count).then_some(lines)
        });
        let read = lines.iter();
        read.map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
            .collect()
    }

    /// Ctrl-C.
    #[track_caller]
    pub fn interrupt(self) -> (ExitStatus, String) {
        signal(&self.child, "-INT");
        self.ended()
    }

    /// How it ended, and what it complained of.
    #[track_caller]
    pub fn ended(mut self) -> (ExitStatus, String) {
        let status = until("the command ends", SOON, || {
            self.child.try_wait().expect("our own child can be asked")
        });
        let reader = self.reader.take().expect("it ends once");
        reader.join().expect("reading does not panic");
        (status, self.complained())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            let (said, complained) = (self.said(), self.complained());
            eprintln!("the command said:\n{said}\nand complained:\n{complained}");
        }
    }
}
