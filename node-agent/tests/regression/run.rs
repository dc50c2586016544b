//! A run of the program under test.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

/// No case takes longer; what does has hung.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A command line.
#[derive(Clone)]
pub(super) struct Invocation {
    pub(super) config: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

/// What a run has left.
pub(super) struct Done {
    pub(super) exit_code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Invocation {
    pub(super) fn new(config: &Path) -> Self {
        Self { config: config.to_owned(), arguments: Vec::new(), environment: Vec::new() }
    }

    pub(super) fn argument(&mut self, argument: &str) {
        self.arguments.push(argument.to_owned());
    }

    /// `-o`.
    pub(super) fn set(&mut self, option: &str) {
        self.argument("-o");
        self.argument(option);
    }

    pub(super) fn variable(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Runs it with what Falco's tests always add.
    pub(super) fn run(&self) -> Done {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tiercel-agent"));
        command.arg("falco").arg("-c").arg(&self.config).args(&self.arguments);
        for option in [
            "log_level=debug",
            "log_stderr=true",
            "log_syslog=false",
            "stdout_output.enabled=true",
            "append_output.suggested_output=false",
        ] {
            command.args(["-o", option]);
        }
        command.env("TZ", "UTC").env_remove("RUST_LOG").env_remove("FALCO_HOSTNAME");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (stdout, stderr) = (collect(child.stdout.take().unwrap()), collect(child.stderr.take().unwrap()));
        let exit_code = wait(&mut child);
        Done { exit_code, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
    }
}

fn collect(mut stream: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The exit code; `None` for one that was killed, by us when it took too long.
fn wait(child: &mut Child) -> Option<i32> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() >= deadline {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Done {
    /// The JSON objects on stdout: alerts.
    pub(super) fn alerts(&self) -> Vec<Value> {
        let lines = self.stdout.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines.filter(Value::is_object).collect()
    }

    /// Errors and warnings of `-V`.
    pub(super) fn diagnostics(&self, kind: &str) -> Vec<Value> {
        let results = self.load_results();
        results.iter().filter_map(|result| result[kind].as_array()).flatten().cloned().collect()
    }

    /// One result for each file of `-V`.
    pub(super) fn load_results(&self) -> Vec<Value> {
        let documents = self.alerts();
        let results = documents.iter().filter_map(|document| document["falco_load_results"].as_array());
        results.flatten().cloned().collect()
    }
}
