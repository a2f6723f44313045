//! An observer that writes metrics.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::observations::{PollEnded, PollSent, WatchEnded, WatchStarted};
use super::observer::Observer;
use crate::limiter::{BreakerState, ClientLimits, Cooldown};

/// Metrics of a client, written to the recorder of the `metrics` crate. Needs the feature `metrics`.
///
/// Set it with [`ClientBuilder::observe`](crate::ClientBuilder::observe), and install a recorder before the client is built,
/// `metrics-exporter-prometheus` for example, which writes the dots in the names as underscores. The names, units and the label
/// `http.response.status_code` follow OpenTelemetry's conventions for HTTP clients.
///
/// | metric | kind, unit | labels | what it is |
/// |---|---|---|---|
/// | `luma_watch.poll.duration` | histogram, s | `outcome`, `http.response.status_code` | the time of a poll, from its permit to its end; its count is the number of polls |
/// | `luma_watch.poll.wait` | histogram, s | | how long a poll waited for its permit |
/// | `luma_watch.watch.duration` | histogram, s | `outcome` | the time from the start of a watch to its end |
/// | `luma_watch.watch.detection_delay` | histogram, s | | the time from the task's end to the answer that said so |
/// | `luma_watch.refusals` | counter | `kind` | refusals that made all watches of the client hold back |
/// | `luma_watch.watches` | gauge | | the watches that run |
/// | `luma_watch.polls.in_flight` | gauge | | the polls in flight |
/// | `luma_watch.polls.waiting` | gauge | | the polls that wait for a permit |
/// | `luma_watch.breaker.state` | gauge | | the circuit breaker: 0 closed, 1 recovering, 2 half open, 3 open |
/// | `luma_watch.retries.left` | gauge | | failed polls that may be repeated early now |
///
/// `outcome` of a poll is `answered`, `dropped` or an error's [kind](crate::ErrorKind::as_str); of a watch `success`,
/// `callback_failed` (a success, too), `dropped` or an error's kind. The status code is absent if there was no answer. All
/// gauges except `luma_watch.watches` are written with each poll. If several clients write to one recorder, `luma_watch.watches`
/// and `luma_watch.polls.in_flight` are their sums, and the other gauges show the client that polled last: give each client
/// [labels](Self::label) of its own.
///
/// In the guide: [services](crate::guide::services).
///
/// ```
/// use luma_watch::{Client, MetricsObserver};
///
/// let client = Client::builder("key").observe(MetricsObserver::new().label("account", "main")).build()?;
/// # Ok::<(), luma_watch::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MetricsObserver {
    labels: Vec<metrics::Label>,
}

impl MetricsObserver {
    /// Writes to the recorder that is installed when something happens. It describes the metrics to the one that is installed now.
    #[must_use]
    pub fn new() -> Self {
        describe_histogram!(
            "luma_watch.poll.duration",
            Unit::Seconds,
            "The time of a poll, from its permit to its end."
        );
        describe_histogram!("luma_watch.poll.wait", Unit::Seconds, "How long a poll waited for its permit.");
        describe_histogram!(
            "luma_watch.watch.duration",
            Unit::Seconds,
            "The time from the start of a watch to its end."
        );
        describe_histogram!(
            "luma_watch.watch.detection_delay",
            Unit::Seconds,
            "The time from the task's end to the answer that said so."
        );
        describe_counter!("luma_watch.refusals", Unit::Count, "Refusals that made all watches of a client hold back.");
        describe_gauge!("luma_watch.watches", Unit::Count, "The watches that run.");
        describe_gauge!("luma_watch.polls.in_flight", Unit::Count, "The polls in flight.");
        describe_gauge!("luma_watch.polls.waiting", Unit::Count, "The polls that wait for a permit.");
        describe_gauge!(
            "luma_watch.breaker.state",
            Unit::Count,
            "The circuit breaker: 0 closed, 1 recovering, 2 half open, 3 open."
        );
        describe_gauge!("luma_watch.retries.left", Unit::Count, "Failed polls that may be repeated early now.");
        Self { labels: Vec::new() }
    }

    /// Adds a label to each metric, to tell several clients apart.
    #[must_use]
    pub fn label(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.labels.push(metrics::Label::new(name, value.into()));
        self
    }

    fn labels(&self) -> Vec<metrics::Label> {
        self.labels.clone()
    }

    /// With one more.
    fn labels_and(&self, name: &'static str, value: &'static str) -> Vec<metrics::Label> {
        let mut labels = self.labels();
        labels.push(metrics::Label::new(name, value));
        labels
    }

    #[allow(clippy::cast_precision_loss)] // of small numbers
    fn write_limits(&self, limits: &ClientLimits) {
        gauge!("luma_watch.polls.waiting", self.labels()).set(limits.waiting as f64);
        gauge!("luma_watch.retries.left", self.labels()).set(limits.retries_left as f64);
        gauge!("luma_watch.breaker.state", self.labels()).set(match limits.breaker {
            BreakerState::Closed => 0.0,
            BreakerState::Recovering => 1.0,
            BreakerState::HalfOpen => 2.0,
            BreakerState::Open => 3.0,
        });
    }

    fn record(&self, name: &'static str, time: Duration) {
        histogram!(name, self.labels()).record(time);
    }
}

impl Default for MetricsObserver {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for MetricsObserver {
    fn watch_started(&self, _: &WatchStarted<'_>) {
        gauge!("luma_watch.watches", self.labels()).increment(1.0);
    }

    fn poll_sent(&self, poll: &PollSent<'_>) {
        self.record("luma_watch.poll.wait", poll.waited);
        gauge!("luma_watch.polls.in_flight", self.labels()).increment(1.0);
        self.write_limits(&poll.limits());
    }

    fn poll_ended(&self, poll: &PollEnded<'_>) {
        let mut labels = self.labels_and("outcome", poll.outcome());
        if let Some(status) = poll.http_status {
            labels.push(metrics::Label::new("http.response.status_code", status.to_string()));
        }
        histogram!("luma_watch.poll.duration", labels).record(poll.latency);
        gauge!("luma_watch.polls.in_flight", self.labels()).decrement(1.0);
        self.write_limits(&poll.limits());
    }

    fn watch_ended(&self, watch: &WatchEnded<'_>) {
        gauge!("luma_watch.watches", self.labels()).decrement(1.0);
        histogram!("luma_watch.watch.duration", self.labels_and("outcome", watch.outcome())).record(watch.elapsed);
        if let Some(delay) = watch.detection_delay {
            self.record("luma_watch.watch.detection_delay", delay);
        }
    }

    fn held_back(&self, cooldown: &Cooldown) {
        counter!("luma_watch.refusals", self.labels_and("kind", cooldown.error.kind().as_str())).increment(1);
    }
}
