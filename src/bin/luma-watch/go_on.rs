//! What is unfinished at the end, and the command that goes on.

use std::ffi::OsString;
use std::path::Path;

use luma_watch::TaskId;

use crate::args::WatchArgs;
use crate::ids;
use crate::output;
use crate::units::{self, Limit};

/// More ids are not printed.
const MAX_IDS: usize = 20;

/// Two lines: the unfinished tasks, and the command. `refused`: it cannot succeed with the key as it is.
pub(crate) fn advice(
    name: &str,
    arguments: &WatchArgs,
    download: Option<&Path>,
    unfinished: &[&TaskId],
    refused: bool,
) -> String {
    let shown = unfinished.iter().take(MAX_IDS).map(|id| output::one_line(id.as_str())).collect::<Vec<_>>().join(", ");
    let more = unfinished.len().saturating_sub(MAX_IDS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let many = if unfinished.len() == 1 { "task is" } else { "tasks are" };
    format!(
        "{} {many} unfinished: {shown}{more}\nTo go on{}: {}",
        unfinished.len(),
        if refused { " when this is mended" } else { "" },
        command(name, arguments, download, unfinished)
    )
}

/// The command that waits for the unfinished tasks.
fn command(name: &str, arguments: &WatchArgs, download: Option<&Path>, unfinished: &[&TaskId]) -> String {
    let gateway = &arguments.gateway;
    let ids: Vec<OsString> = if arguments.resume.is_some() {
        // The file knows the ids of stdin, and what the other tasks came to.
        let from_stdin = ids::from_stdin(&gateway.ids);
        gateway.ids.iter().filter(|_| !from_stdin).map(OsString::from).collect()
    } else if unfinished.len() <= MAX_IDS {
        unfinished.iter().map(|id| id.as_str().into()).collect()
    } else {
        return "run the same command with the same ids again".to_owned();
    };
    let options = options(arguments, download);
    let mut words: Vec<OsString> = vec!["luma-watch".into(), name.into()];
    if ids.iter().any(|id| id.as_encoded_bytes().starts_with(b"-")) {
        words.extend(options.into_iter().chain(["--".into()]).chain(ids));
    } else {
        words.extend(ids.into_iter().chain(options));
    }
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

fn options(arguments: &WatchArgs, download: Option<&Path>) -> Vec<OsString> {
    let WatchArgs { gateway, every, max_wait, learn, history, resume } = arguments;
    let files = [
        ("--key-file", gateway.key_file.as_deref()),
        ("--learn", learn.as_deref()),
        ("--history", history.as_deref()),
        ("--resume", resume.as_deref()),
        ("--download", download),
    ];
    let files = files.into_iter().filter_map(|(name, file)| Some((name, file?.as_os_str().to_owned())));
    let rate = gateway.rate.map(|rate| format!("{}/{}", rate.requests(), units::written(rate.period())));
    let max_wait = max_wait.map(|limit| match limit {
        Limit::After(time) => units::written(time),
        Limit::Never => "none".to_owned(),
    });
    let texts = [("--rate", rate), ("--every", every.map(units::written)), ("--max-wait", max_wait)];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name, OsString::from(text?))));
    let flags = [("--json", gateway.json), ("--quiet", gateway.quiet)];
    let flags = flags.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| OsString::from(name));
    let verbose = (0..gateway.verbose).map(|_| OsString::from("-v"));
    texts.chain(files).flat_map(|(name, value)| [name.into(), value]).chain(flags).chain(verbose).collect()
}

/// A word as a shell reads it.
fn quoted(word: &OsString) -> String {
    let text = word.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.into_owned();
    }
    format!("'{}'", output::one_line(&text).replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Arguments, Subcommand};

    /// The command that goes on after `line`, if these tasks are unfinished.
    fn next(line: &[&str], unfinished: &[&str]) -> String {
        let Subcommand::Wait(wait) = Arguments::parse_from([&["luma-watch", "wait"], line].concat()).subcommand else {
            panic!("another command");
        };
        let unfinished: Vec<_> = unfinished.iter().copied().map(TaskId::from).collect();
        command("wait", &wait.watch, wait.download.as_deref(), &unfinished.iter().collect::<Vec<_>>())
    }

    #[test]
    fn command_names_the_unfinished_ids_and_keeps_each_option() {
        let options = [
            "--rate",
            "20/10s",
            "--every",
            "500ms",
            "--max-wait",
            "none",
            "--key-file",
            "my key",
            "--history",
            "h",
            "--download",
            "it's",
            "--json",
            "--quiet",
            "-v",
            "-v",
        ];
        let expected = "luma-watch wait b --rate 20/10s --every 500ms --max-wait none --key-file 'my key' \
            --history h --download 'it'\\''s' --json --quiet -v -v";
        assert_eq!(next(&[&["a", "b"], &options[..]].concat(), &["b"]), expected);
    }

    #[test]
    fn ids_that_look_like_options_come_last() {
        assert_eq!(next(&["--quiet", "--", "-a", "b"], &["-a", "b"]), "luma-watch wait --quiet -- -a b");
        assert_eq!(next(&["--resume", "f", "--", "b", "-a"], &["b"]), "luma-watch wait --resume f -- b -a");
    }

    #[test]
    fn command_with_a_resume_file_is_the_same_and_needs_no_stdin() {
        assert_eq!(next(&["a", "b", "--resume", "f"], &["b"]), "luma-watch wait a b --resume f");
        assert_eq!(next(&["-", "--resume", "f"], &["b"]), "luma-watch wait --resume f");
        assert_eq!(next(&["-"], &["b", "c"]), "luma-watch wait b c");
        let many: Vec<_> = (0..30).map(|number| number.to_string()).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(next(&["-"], &many), "run the same command with the same ids again");
    }
}
