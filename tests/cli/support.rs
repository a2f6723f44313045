//! A gateway, the command that asks it, and the texts that it should print.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use luma_watch::simulator::{Server, Simulator};
use tokio::time::Instant;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_luma-watch");
/// No output may hold it.
pub(crate) const KEY: &str = "sk-secret-0123456789";

/// A simulated gateway on a port of its own.
pub(crate) struct Gateway {
    pub(crate) simulator: Simulator,
    server: Server,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        let simulator = Simulator::new();
        simulator.api_key(KEY);
        let server = simulator.serve().await.unwrap();
        Self { simulator, server }
    }

    /// The environment of a command that asks it, and nothing else.
    pub(crate) fn environment(&self) -> [(&'static str, String); 2] {
        [("APIKLEY_API_KEY", KEY.to_owned()), ("APIKLEY_BASE_URL", self.server.url())]
    }

    /// A command line of the program, split at blanks, with pipes.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = without_gateway(line);
        command.envs(self.environment());
        command
    }

    /// Runs it up to its end.
    pub(crate) async fn run(&self, line: &str) -> Ended {
        ended(self.command(line)).await
    }

    /// The line about the sample result of this task.
    pub(crate) fn line(&self, id: &str) -> String {
        format!("{}/files/{id}.mp4\n", self.server.url())
    }

    /// A text in which its address, which is another one each time, is `http://GATEWAY`.
    pub(crate) fn without_port(&self, text: &str) -> String {
        let url = self.server.url();
        text.replace(url.trim_start_matches("http://"), "GATEWAY")
    }

    /// What a command printed, for a snapshot.
    pub(crate) fn shown(&self, ended: &Ended) -> String {
        self.without_port(&ended.shown())
    }

    /// The number of requests for the record of this task.
    pub(crate) fn requests(&self, id: &str) -> usize {
        self.simulator.requests().iter().filter(|request| request.task_id == id).count()
    }
}

/// The same without an environment.
pub(crate) fn without_gateway(line: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear().args(line.split_whitespace());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a command printed, and its exit code.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let ended = Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) };
        assert!(!ended.stdout.contains(KEY) && !ended.stderr.contains(KEY), "the key is printed: {ended:?}");
        assert!(!ended.stderr.contains("panicked"), "{ended:?}");
        ended
    }

    /// Both outputs and the exit code, for a snapshot.
    pub(crate) fn shown(&self) -> String {
        let Self { code, stdout, stderr } = self;
        let code = code.map_or("killed".to_owned(), |code| code.to_string());
        format!("--- stdout\n{stdout}--- stderr\n{stderr}--- exit code {code}\n")
    }
}

/// Runs a command up to its end, away from the runtime, which serves the gateway meanwhile.
pub(crate) async fn ended(mut command: Command) -> Ended {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    Ended::of(&output)
}

/// The same with a text on its stdin.
pub(crate) async fn ended_with_stdin(mut command: Command, text: &'static str) -> Ended {
    let output = tokio::task::spawn_blocking(move || {
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    });
    Ended::of(&output.await.unwrap())
}

/// The end of a command that runs already.
pub(crate) async fn end_of(child: Child) -> Ended {
    Ended::of(&tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap())
}

/// Waits until something is so.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "it is not so after a minute");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Sends a signal: `INT`, `TERM`, `KILL`.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
    assert!(sent.unwrap().success());
}

/// A folder of its own, removed at the end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("luma-watch-cli-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Compares a text with a file of `tests/cli/snapshots`. With `UPDATE_SNAPSHOTS=1`, writes the file.
pub(crate) fn assert_snapshot(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/snapshots").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some_and(|value| value == OsStr::new("1")) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == expected,
        "{} differs, UPDATE_SNAPSHOTS=1 writes it; now:\n{text}\nbefore:\n{expected}",
        path.display()
    );
}

/// A text in which each of these words is replaced.
pub(crate) fn normalised(text: &str, words: &[(&str, &str)]) -> String {
    words.iter().fold(text.to_owned(), |text, (word, stands_for)| text.replace(word, stands_for))
}

/// A text in which each time that the machine decides is `TIME`: `8.006s`, `1021ms`.
pub(crate) fn without_times(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive([' ', '\n', ';', ',', ')']) {
        let (bare, end) = word.split_at(word.trim_end_matches([' ', '\n', ';', ',', ')']).len());
        let number = bare.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let is_time = ["s", "ms", "µs"].contains(&&bare[number.len()..]) && number.parse::<f64>().is_ok();
        out.push_str(if is_time { "TIME" } else { bare });
        out.push_str(end);
    }
    out
}
