//! User instructions of this program, counted by callgrind.

use std::env;
use std::fs;
use std::process::{self, Command};

/// Whether valgrind is installed.
pub fn is_installed() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok()
}

/// The instructions that this program takes. `run` gets the command without arguments, and runs it to its end.
pub fn instructions(run: impl FnOnce(Command)) -> f64 {
    let profile = env::temp_dir().join(format!("luma-watch-{}.callgrind", process::id()));
    let mut callgrind = Command::new("valgrind");
    callgrind.args(["--tool=callgrind", "--trace-children=no"]);
    callgrind.arg(format!("--callgrind-out-file={}", profile.display())).arg(env::current_exe().unwrap());
    run(callgrind);
    let text = fs::read_to_string(&profile).unwrap();
    fs::remove_file(&profile).unwrap();
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
    total.expect("callgrind's sum").trim().parse().unwrap()
}
