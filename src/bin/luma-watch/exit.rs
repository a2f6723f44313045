//! How the command ends: its exit codes, and which one is used where tasks end differently.

use luma_watch::{Error, ErrorKind};

/// How a task, or the whole command, has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Each task has a result.
    Results,
    /// A task failed, or ended without a result.
    Failed,
    /// The command line, a file or a setting is wrong.
    Usage,
    /// A task has not ended.
    Unfinished,
    /// There is no record of a task.
    NotFound,
    /// The key is refused, or there is no credit.
    Refused,
    /// A result is not downloaded, or a file is not written.
    File,
    /// The gateway cannot be asked, or its answer cannot be used.
    NoAnswer,
    /// Ctrl-C.
    Interrupted,
    /// Nobody reads the output any more.
    ClosedPipe,
    /// SIGTERM.
    Terminated,
}

/// What is printed under `--help` and in the man page.
pub(crate) const HELP: &str = "\
Exit codes:
    0  each task has a result (and it is downloaded, with --download)
    1  a task failed, or ended without a result
    2  the command line, a setting or a file named there is wrong
    3  a task has not ended: the wait is over, or `status` found it unfinished
    4  the gateway has no record of a task
    5  the API key is refused, or the account has no credit
    6  a result could not be downloaded, or a file could not be written
    7  the gateway could not be asked, or its answer could not be used
  130  interrupted by Ctrl-C (143: by SIGTERM)
  141  the program that reads the output has ended

If tasks end differently, the first of these is used: 5, 7, 3, 6, 2, 4, 1. So what can still change
comes before what is final.";

impl Exit {
    /// Before those that follow.
    const ORDER: [Self; 11] = [
        Self::ClosedPipe,
        Self::Terminated,
        Self::Interrupted,
        Self::Refused,
        Self::NoAnswer,
        Self::Unfinished,
        Self::File,
        Self::Usage,
        Self::NotFound,
        Self::Failed,
        Self::Results,
    ];

    /// How a task ended whose watch or check ended with this error.
    pub(crate) fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::TaskFailed | ErrorKind::MissingResult => Self::Failed,
            ErrorKind::Config | ErrorKind::InvalidRequest => Self::Usage,
            ErrorKind::Deadline => Self::Unfinished,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Unauthorized | ErrorKind::OutOfCredit => Self::Refused,
            _ => Self::NoAnswer,
        }
    }

    /// The number that the process ends with.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Results => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unfinished => 3,
            Self::NotFound => 4,
            Self::Refused => 5,
            Self::File => 6,
            Self::NoAnswer => 7,
            Self::Interrupted => 130,
            Self::ClosedPipe => 141,
            Self::Terminated => 143,
        }
    }

    /// The one that is used if both occur.
    pub(crate) fn and(self, other: Self) -> Self {
        Self::ORDER.into_iter().find(|exit| *exit == self || *exit == other).unwrap_or(self)
    }

    /// Whether the same command, run again, may find more.
    pub(crate) const fn may_change(self) -> bool {
        matches!(self, Self::Unfinished | Self::Refused | Self::File | Self::NoAnswer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_lists_every_code_in_the_order_that_decides() {
        for exit in Exit::ORDER {
            let code = exit.code().to_string();
            assert!(HELP.contains(&format!("{code}  ")) || HELP.contains(&format!("({code}: ")), "{code}");
        }
        let order = HELP.split("is used: ").nth(1).and_then(|rest| rest.split('.').next()).unwrap();
        let used: Vec<_> = Exit::ORDER.into_iter().map(Exit::code).filter(|code| (1..100).contains(code)).collect();
        assert_eq!(order.split(", ").map(|code| code.parse::<u8>().unwrap()).collect::<Vec<_>>(), used);
    }

    #[test]
    fn unfinished_task_comes_before_what_is_final() {
        assert_eq!(Exit::Failed.and(Exit::Unfinished), Exit::Unfinished);
        assert_eq!(Exit::Usage.and(Exit::Unfinished), Exit::Unfinished);
        assert_eq!(Exit::Unfinished.and(Exit::Results), Exit::Unfinished);
        assert_eq!(Exit::Results.and(Exit::Results), Exit::Results);
    }
}
