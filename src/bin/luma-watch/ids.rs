//! Which tasks are meant.

use std::collections::HashSet;
use std::io::Read;

use luma_watch::TaskId;

use crate::output::Failure;

/// The ids on the command line, each once, in their order. A `-` stands for those on `stdin`.
pub(crate) fn collect(arguments: &[String], mut stdin: impl Read) -> Result<Vec<TaskId>, Failure> {
    let mut seen = HashSet::new();
    let mut ids = Vec::new();
    let mut add = |id: &str| {
        let id = TaskId::from(id);
        if seen.insert(id.clone()) {
            ids.push(id);
        }
    };
    let mut text = String::new();
    for argument in arguments {
        if argument != "-" {
            add(argument);
        } else if text.is_empty() {
            let read = stdin.read_to_string(&mut text);
            read.map_err(|error| Failure::usage(format!("the ids on stdin cannot be read: {error}")))?;
            if text.trim().is_empty() {
                return Err(Failure::usage("there is no task id on stdin"));
            }
            text.split_whitespace().for_each(&mut add);
        }
    }
    Ok(ids)
}

/// Whether ids came from stdin, where they cannot be read again.
pub(crate) fn from_stdin(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| argument == "-")
}

/// The failure of a command without an id.
pub(crate) fn missing(command: &str) -> Failure {
    Failure::usage(format!("there is no task id: luma-watch {command} ID …, or - to read ids from stdin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(arguments: &[&str], stdin: &str) -> Result<Vec<String>, Failure> {
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        Ok(collect(&arguments, stdin.as_bytes())?.into_iter().map(String::from).collect())
    }

    #[test]
    fn ids_of_both_sources_come_once_in_their_order() {
        assert_eq!(ids(&["b", "-", "a", "b"], "c\n a\tb \n\n").unwrap(), ["b", "c", "a"]);
        assert!(ids(&[], "c").unwrap().is_empty());
    }

    #[test]
    fn empty_stdin_is_a_usage_error() {
        for stdin in ["", " \n\t\n"] {
            assert_eq!(ids(&["a", "-"], stdin).unwrap_err().exit.code(), 2);
        }
    }
}
