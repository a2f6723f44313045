//! A test that runs itself again in a child process, with an environment of its own.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Set in the child: the file that it writes its report to.
const REPORT: &str = "LUMA_WATCH_TEST_REPORT";

/// A child process that runs one test of this binary.
pub(crate) struct Child(Command, PathBuf);

impl Child {
    /// Runs the test of this name, module path included.
    pub(crate) fn of(test: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let report = env::temp_dir().join(format!("luma-watch-{}-{number}", std::process::id()));
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", test]).env(REPORT, &report);
        Self(command, report)
    }

    /// The same, where no file may grow over this many blocks of 512 or 1,024 bytes.
    #[cfg(all(unix, feature = "download"))]
    pub(crate) fn with_file_limit(test: &str, blocks: u32) -> Self {
        let Self(_, report) = Self::of(test);
        let mut command = Command::new("sh");
        // Without the signal, a write fails.
        command.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""));
        command.arg(env::current_exe().unwrap()).args(["--exact", test]).env(REPORT, &report);
        Self(command, report)
    }

    pub(crate) fn set(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    pub(crate) fn unset(mut self, name: &str) -> Self {
        self.0.env_remove(name);
        self
    }

    /// Starts it, to be killed.
    pub(crate) fn spawn(mut self) -> std::process::Child {
        self.0.stdout(std::process::Stdio::null()).spawn().unwrap()
    }

    /// Waits for its end, and returns what it [reports](report).
    pub(crate) fn run(mut self) -> String {
        let output = self.0.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let text = std::fs::read_to_string(&self.1).unwrap();
        std::fs::remove_file(self.1).unwrap();
        text
    }
}

pub(crate) fn is_child() -> bool {
    env::var_os(REPORT).is_some()
}

/// In the child: what [`Child::run`] returns in the parent.
pub(crate) fn report(text: &str) {
    std::fs::write(env::var_os(REPORT).unwrap(), text).unwrap();
}
