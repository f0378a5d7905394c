//! The built binary as a process of its own: started, killed, stopped, and started again on the
//! same data.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use posthaste::clock::{Clock, SystemClock};
use tempfile::TempDir;

use crate::{
    http::Client,
    wait::{SOON, until},
};

/// The platform's key of every server here.
pub const ADMIN_KEY: &str = "pst_0123456789abcdefghijABCDEFGHIJ0123456789abc";
const BINARY: &str = env!("CARGO_BIN_EXE_posthaste");

/// The binary, with nothing of what this machine has set up for it.
pub fn posthaste() -> Command {
    untouched(Command::new(BINARY))
}

fn untouched(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("POSTHASTE_") {
            command.env_remove(name);
        }
    }
    command
}

/// How a server is started: everything else stands in its data directory.
#[derive(Clone)]
pub struct Launch {
    home: Arc<TempDir>,
    listen: String,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    file_size_kib: Option<u64>,
}

impl Launch {
    pub fn new() -> Self {
        let home = tempfile::tempdir().expect("a temporary directory can be made");
        Self {
            home: Arc::new(home),
            listen: "127.0.0.1:0".to_owned(),
            flags: vec!["--dev".to_owned()],
            environment: vec![("POSTHASTE_ADMIN_KEY".to_owned(), ADMIN_KEY.to_owned())],
            file_size_kib: None,
        }
    }

    /// On a port that it has again after a crash; no system hands it out by itself.
    pub fn on_a_port_of_its_own(mut self) -> Self {
        static LAUNCHES: AtomicU32 = AtomicU32::new(0);
        let launch = LAUNCHES.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + (std::process::id() * 8 + launch) % 10_000;
        self.listen = format!("127.0.0.1:{port}");
        self
    }

    /// As in production: without what `--dev` allows.
    pub fn strict(mut self) -> Self {
        self.flags.clear();
        self
    }

    pub fn without(mut self, variable: &str) -> Self {
        self.environment.retain(|(name, _)| name != variable);
        self
    }

    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.environment.push((variable.into(), value.into()));
        self
    }

    /// Without what `--dev` allows and shows.
    pub fn in_production(mut self) -> Self {
        self.flags.clear();
        self
    }

    /// A start that fails; what came of it.
    pub fn attempt(&self) -> std::process::Output {
        self.command().output().expect("the binary starts")
    }

    /// No file of the server's grows over this, until [`Server::lift_limits`].
    pub fn with_files_up_to_kib(mut self, kib: u64) -> Self {
        self.file_size_kib = Some(kib);
        self
    }

    pub fn data_dir(&self) -> std::path::PathBuf {
        self.home.path().join("data")
    }

    pub fn start(&self) -> Server {
        let stopwatch = SystemClock::new();
        let mut child = self.command().spawn().expect("the binary starts");
        let said = Arc::new(Mutex::new(String::new()));
        let readers = vec![
            listen(child.stdout.take().expect("it is piped"), said.clone()),
            listen(child.stderr.take().expect("it is piped"), said.clone()),
        ];
        let mut server = Server {
            launch: self.clone(),
            child,
            said,
            readers,
            address: ([127, 0, 0, 1], 0).into(),
            stopwatch,
        };
        server.address = server.wait_for_address();
        server.wait_until_ready();
        server
    }

    fn command(&self) -> Command {
        let mut command = match self.file_size_kib {
            None => posthaste(),
            Some(kib) => limited(kib),
        };
        command.args(["serve", "--listen", &self.listen, "--data-dir"]);
        command.arg(self.data_dir()).args(&self.flags);
        command.current_dir(self.home.path());
        command.envs(self.environment.iter().cloned());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// The binary under a soft limit on the size of files, past which a write is an error instead of
/// a signal. POSIX counts in blocks of 512 bytes.
fn limited(kib: u64) -> Command {
    let script = format!("trap '' XFSZ; ulimit -S -f {}; exec \"$0\" \"$@\"", kib * 2);
    let mut command = untouched(Command::new("sh"));
    command.args(["-c", &script, BINARY]);
    command
}

/// Keeps what is printed; the thread ends with it.
pub fn listen(stream: impl Read + Send + 'static, said: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let mut said = said.lock().expect("nothing panics while it holds this");
            said.push_str(&String::from_utf8_lossy(&line));
            said.push('\n');
        }
    })
}

/// A running server; killed when it is dropped.
pub struct Server {
    launch: Launch,
    child: Child,
    said: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    pub address: SocketAddr,
    stopwatch: SystemClock,
}

impl Server {
    /// On an empty store of its own.
    pub fn start() -> Self {
        Launch::new().start()
    }

    /// One who holds the platform's key.
    pub fn client(&self) -> Client {
        self.stranger().with_key(ADMIN_KEY)
    }

    /// One without a key.
    pub fn stranger(&self) -> Client {
        Client::new(self.address)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the kernel says of its memory under this name, such as `VmRSS` (now) or `VmHWM` (most).
    #[track_caller]
    pub fn memory_kib(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs");
        let mut lines = status.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kib = value.and_then(|value| value.trim().strip_suffix(" kB")?.parse().ok());
        kib.expect("the kernel says how much it is")
    }

    /// Everything that it printed so far.
    pub fn said(&self) -> String {
        self.said
            .lock()
            .expect("nothing panics while it holds this")
            .clone()
    }

    /// Everything that it printed, once it has ended by itself.
    #[track_caller]
    pub fn said_to_the_end(mut self, within: Duration) -> String {
        until("the server ends", within, || {
            self.child.try_wait().expect("our own child can be asked")
        });
        for reader in self.readers.drain(..) {
            reader.join().expect("reading does not panic");
        }
        self.said()
    }

    /// The time since the process was started.
    pub fn age(&self) -> Duration {
        self.stopwatch.elapsed()
    }

    /// SIGKILL, and it is gone when this returns.
    pub fn kill(mut self) -> Launch {
        self.child.kill().expect("our own child can be killed");
        self.child.wait().expect("our own child can be waited for");
        self.launch.clone()
    }

    /// SIGTERM, without waiting.
    pub fn terminate(&self) {
        signal(&self.child, "-TERM");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ended(mut self, within: Duration) -> (ExitStatus, Launch) {
        let status = until("the server ends", within, || {
            self.child.try_wait().expect("our own child can be asked")
        });
        (status, self.launch.clone())
    }

    /// Takes back the limit on the size of its files.
    pub fn lift_limits(&self) {
        let pid = self.child.id().to_string();
        let status = Command::new("prlimit")
            .args(["--pid", &pid, "--fsize=unlimited"])
            .status();
        assert!(status.expect("prlimit runs").success());
    }

    #[track_caller]
    fn wait_for_address(&mut self) -> SocketAddr {
        until("the server says where it listens", SOON, || {
            self.assert_alive();
            listening_at(&self.said())
        })
    }

    #[track_caller]
    fn wait_until_ready(&mut self) {
        until("the server is ready", SOON, || {
            self.assert_alive();
            let answer = self.stranger().send("GET", "/readyz", b"");
            (answer.status == 200).then_some(())
        });
    }

    #[track_caller]
    fn assert_alive(&mut self) {
        if let Some(status) = self.child.try_wait().expect("our own child can be asked") {
            panic!("the server ended with {status}: {}", self.said());
        }
    }
}

/// Sends a signal to a child of our own.
pub fn signal(child: &Child, signal: &str) {
    let pid = child.id().to_string();
    let status = Command::new("kill").args([signal, &pid]).status();
    assert!(status.expect("kill runs").success());
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("the server said:\n{}", self.said());
        }
    }
}

/// The first loopback address with a port in what it printed.
fn listening_at(said: &str) -> Option<SocketAddr> {
    let is_end = |c: char| !c.is_ascii_digit();
    said.match_indices("127.0.0.1:").find_map(|(at, start)| {
        let digits = &said[at + start.len()..];
        let port: u16 = digits[..digits.find(is_end)?].parse().ok()?;
        (port != 0).then(|| ([127, 0, 0, 1], port).into())
    })
}
