//! The subscriber of this process: it keeps the spans and events of watches, and the text of every log line.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::sync::{Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// The spans of all watches of this process, in the order in which they were opened.
static WATCHES: Mutex<Vec<WatchSpan>> = Mutex::new(Vec::new());

/// Every line that any crate logs in this process, at any level.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Sets the subscriber for the whole process, at the first call.
///
/// `tracing` remembers process-wide which callsites a subscriber wants, so one subscriber serves all tests.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let text = tracing_subscriber::fmt::layer().with_span_events(FmtSpan::FULL).with_ansi(false);
        let subscriber = tracing_subscriber::registry().with(KeepWatches).with(text.with_writer(|| KeepText));
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

/// The spans of the watches of this task.
pub(crate) fn watches_of(id: &str) -> Vec<WatchSpan> {
    WATCHES.lock().unwrap().iter().filter(|watch| watch.span.0["task_id"] == id).cloned().collect()
}

/// All that was logged so far.
pub(crate) fn log() -> String {
    String::from_utf8(LOG.lock().unwrap().clone()).unwrap()
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(pub(crate) BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

/// A watch's span with its events.
#[derive(Clone, Debug, Default)]
pub(crate) struct WatchSpan {
    pub(crate) span: Fields,
    pub(crate) closed: bool,
    pub(crate) events: Vec<(Level, Fields)>,
}

/// A layer that keeps what concerns watches in [`WATCHES`].
struct KeepWatches;

/// A span's place in [`WATCHES`].
#[derive(Clone, Copy)]
struct Index(usize);

fn update<S>(id: &Id, context: &Context<'_, S>, update: impl FnOnce(&mut WatchSpan))
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let index = context.span(id).unwrap().extensions().get::<Index>().copied();
    if let Some(Index(index)) = index {
        update(&mut WATCHES.lock().unwrap()[index]);
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for KeepWatches {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() == "luma.watch" {
            let mut watches = WATCHES.lock().unwrap();
            context.span(id).unwrap().extensions_mut().insert(Index(watches.len()));
            watches.push(WatchSpan::default());
            attributes.record(&mut watches.last_mut().unwrap().span);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        update(id, &context, |watch| values.record(&mut watch.span));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        update(&id, &context, |watch| watch.closed = true);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let Some(span) = context.event_span(event) {
            update(&span.id(), &context, |watch| watch.events.push((*event.metadata().level(), fields)));
        }
    }
}

/// Writes into [`LOG`].
struct KeepText;

impl io::Write for KeepText {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
