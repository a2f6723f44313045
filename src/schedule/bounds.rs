//! The bounds of durations that are settings.

use std::time::Duration;

use crate::error::Error;

/// The longest duration of a setting: 10 years. Longer ones are mistakes, and could exceed the clock's range.
pub(super) const MAX_DURATION: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// Refuses a duration over [`MAX_DURATION`]. `setting` names it in the error.
pub(crate) fn bounded(setting: &str, duration: Duration) -> Result<(), Error> {
    if duration > MAX_DURATION {
        let hint = if setting == "max_wait" { ": for a wait without a limit, use no_max_wait" } else { "" };
        return Err(Error::config(format!("{setting} is over ten years{hint}")));
    }
    Ok(())
}

/// Refuses zero, and a duration over [`MAX_DURATION`]. `setting` names it in the error.
pub(super) fn positive(setting: &str, duration: Duration) -> Result<(), Error> {
    if duration.is_zero() {
        return Err(Error::config(format!("{setting} is zero: it would poll without a pause")));
    }
    bounded(setting, duration)
}
