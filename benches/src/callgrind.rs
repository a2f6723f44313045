//! Instructions, counted by callgrind.

use std::env;
use std::fs;
use std::process::Command;

/// Whether valgrind is installed.
pub fn is_installed() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok()
}

/// The user instructions of this program when it is started with these words.
pub fn instructions(words: &[&str]) -> f64 {
    let profile = env::temp_dir().join(format!("luma-watch-{}.callgrind", std::process::id()));
    let mut callgrind = Command::new("valgrind");
    callgrind.args(["--tool=callgrind", "--trace-children=no"]);
    callgrind.arg(format!("--callgrind-out-file={}", profile.display()));
    let output = callgrind.arg(env::current_exe().unwrap()).args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(&profile).unwrap();
    fs::remove_file(&profile).unwrap();
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
    total.expect("callgrind's sum").trim().parse().unwrap()
}
