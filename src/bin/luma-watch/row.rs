//! A task on the screen: one line that fits the terminal.

use std::time::Duration;

use console::Alignment;
use tokio::time::Instant;

use crate::board::{Row, State};
use crate::output;
use crate::units;

/// An id is not cut to less.
const MIN_ID: usize = 8;
/// The bar has this number of characters; where there is less room, there is none.
const BAR: usize = 20;
/// A longer remark may be cut to this, with the gap before it.
const MIN_TAIL: usize = 22;

/// The id of a task as it is shown, if there is room for it.
pub(crate) fn id(row: &Row) -> String {
    output::one_line(row.id.as_str())
}

/// The line of a task. `expected`: how long tasks usually take. `id_width`: of the column of ids.
pub(crate) fn line(row: &Row, now: Instant, expected: Option<Duration>, id_width: usize, width: usize) -> String {
    let (head, tail) = texts(row, now, expected);
    let bar = fraction(row, now, expected).map(bar).unwrap_or_default();
    // In this order: the begin of the id, that something is wrong, the bar, the whole id, what else there is to say.
    let mut room = width.saturating_sub(taken(&head)).saturating_sub(MIN_ID);
    let is_wrong = matches!(row.state, State::PollFailed(_) | State::HeldBack);
    let reserved = Some(taken(&tail).min(MIN_TAIL)).filter(|least| is_wrong && *least <= room).unwrap_or_default();
    room = room.saturating_sub(reserved);
    let bar = if room >= taken(&bar) { bar } else { String::new() };
    room = room.saturating_sub(taken(&bar));
    let id_width = id_width.min(room.saturating_add(MIN_ID));
    let id = console::pad_str(&id(row), id_width, Alignment::Left, Some("…")).into_owned();
    room = room.saturating_add(MIN_ID).saturating_sub(id_width).saturating_add(reserved);
    let tail = if room >= taken(&tail).min(MIN_TAIL) { tail } else { String::new() };
    let parts = [id, bar, head, tail].into_iter().filter(|part| !part.is_empty());
    console::truncate_str(&parts.collect::<Vec<_>>().join("  "), width, "…").into_owned()
}

/// What a part and the gap before it take of the line.
fn taken(part: &str) -> usize {
    if part.is_empty() { 0 } else { console::measure_text_width(part).saturating_add(2) }
}

/// What there must be room for, and the rest.
fn texts(row: &Row, now: Instant, expected: Option<Duration>) -> (String, String) {
    let elapsed = match expected {
        Some(expected) => format!("{} of about {}", units::clock(row.age(now)), units::clock(expected)),
        None => units::clock(row.elapsed(now)),
    };
    let poll = row.next_poll.map_or_else(String::new, |at| countdown(at.saturating_duration_since(now)));
    match &row.state {
        State::NotAsked => ("not polled yet".to_owned(), String::new()),
        State::Status(status) => (format!("{elapsed}  {poll}"), status.to_string()),
        State::PollFailed(reason) => (format!("{elapsed}  {poll}"), format!("last poll failed: {reason}")),
        State::HeldBack => (format!("{elapsed}  {poll}"), "held back by the gateway".to_owned()),
        State::Downloading { .. } => (format!("downloading {}", downloaded(row)), String::new()),
    }
}

fn countdown(left: Duration) -> String {
    let seconds = left.as_millis().saturating_add(999) / 1000;
    match seconds {
        0 => "polling now      ".to_owned(),
        _ => format!("next poll in {:>4}", format!("{seconds}s")),
    }
}

/// The bytes of all files, and their size if each is known.
fn sums(row: &Row) -> Option<(u64, Option<u64>)> {
    let State::Downloading { files } = &row.state else { return None };
    let bytes = files.values().fold(0, |sum: u64, (bytes, _)| sum.saturating_add(*bytes));
    let size = files.values().try_fold(0, |sum: u64, (_, size)| Some(sum.saturating_add((*size)?)));
    Some((bytes, size))
}

fn downloaded(row: &Row) -> String {
    match sums(row) {
        Some((bytes, Some(size))) if size > 0 => format!("{} of {}", units::bytes(bytes), units::bytes(size)),
        Some((bytes, _)) if bytes > 0 => units::bytes(bytes),
        _ => "…".to_owned(),
    }
}

/// How far it is, 0 to 1, if that is known.
fn fraction(row: &Row, now: Instant, expected: Option<Duration>) -> Option<f64> {
    #[allow(clippy::cast_precision_loss)] // a bar of a few characters
    if let Some((bytes, size)) = sums(row) {
        return size.filter(|size| *size > 0).map(|size| bytes as f64 / size as f64);
    }
    let expected = expected.filter(|expected| !expected.is_zero())?;
    Some(row.age(now).as_secs_f64() / expected.as_secs_f64())
}

fn bar(fraction: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // 0 to 20
    let full = (fraction.clamp(0.0, 1.0) * BAR as f64) as usize;
    format!("[{}{}]", "#".repeat(full), "-".repeat(BAR.saturating_sub(full)))
}

#[cfg(test)]
mod tests {
    use luma_watch::{Status, TaskId};

    use super::*;

    fn row(state: State) -> (Row, Instant) {
        let now = Instant::now().checked_add(Duration::from_secs(3600)).unwrap();
        let started = now.checked_sub(Duration::from_secs(65));
        let next_poll = now.checked_add(Duration::from_millis(11_200));
        let id = TaskId::from("774d9a7dd608a0e49293903095e45a4c");
        (Row { id, started, created_at: None, next_poll, state, lost_file: false, exit: None }, now)
    }

    #[test]
    fn line_shows_a_bar_only_with_an_expected_time() {
        let (row, now) = row(State::Status(Status::Generating));
        assert_eq!(
            line(&row, now, None, 32, 100),
            "774d9a7dd608a0e49293903095e45a4c  1:05  next poll in  12s  GENERATING"
        );
        assert_eq!(
            line(&row, now, Some(Duration::from_secs(130)), 32, 110),
            "774d9a7dd608a0e49293903095e45a4c  [##########----------]  1:05 of about 2:10  next poll in  12s  GENERATING"
        );
    }

    #[test]
    fn line_is_never_wider_than_the_terminal() {
        let states = [
            State::NotAsked,
            State::Status(Status::Generating),
            State::PollFailed("the gateway failed: 视频太暗了 ".repeat(9)),
            State::HeldBack,
            State::Downloading { files: [("u".to_owned(), (1_500_000, Some(3_000_000)))].into() },
        ];
        for (row, now) in states.map(row) {
            for width in 1..120 {
                for expected in [None, Some(Duration::from_secs(300))] {
                    let line = line(&row, now, expected, 32, width);
                    assert!(console::measure_text_width(&line) <= width, "{width}: {line}");
                }
            }
        }
    }

    #[test]
    fn narrow_line_keeps_the_begin_of_the_id_and_the_next_poll() {
        let (row, now) = row(State::PollFailed("the gateway failed".to_owned()));
        assert_eq!(line(&row, now, None, 32, 60), "774d9a7dd608…  1:05  next poll in  12s  last poll failed: t…");
        assert_eq!(line(&row, now, None, 32, 40), "774d9a7dd608a0…  1:05  next poll in  12s");
        assert_eq!(
            line(&row, now, Some(Duration::from_secs(130)), 32, 48),
            "774d9a7d…  1:05 of about 2:10  next poll in  12s"
        );
    }
}
