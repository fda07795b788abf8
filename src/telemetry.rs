//! Log lines, on stderr. Rules: the message reads alone, fields filter, never a secret, never personal data.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogFormat;

/// Starts logging at `level`; other crates are heard from `warn` on. Later calls change nothing.
pub fn init(level: LevelFilter, format: LogFormat) {
    // Below debug, other crates' lines hold addresses and statements.
    let targets = Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("rollbook", level);
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false);
    let registry = tracing_subscriber::registry().with(targets);
    let started = match (format, is_read_by_journald()) {
        (LogFormat::Text, false) => registry.with(layer.with_target(false)).try_init(),
        (LogFormat::Json, false) => registry.with(layer.json().flatten_event(true)).try_init(),
        // The journal has the time and the level of every line.
        (LogFormat::Text, true) => {
            let layer = layer.with_target(false).without_time().with_level(false);
            registry.with(layer.map_event_format(Ranked)).try_init()
        }
        (LogFormat::Json, true) => registry.with(layer.json().flatten_event(true).map_event_format(Ranked)).try_init(),
    };
    // Set already: by a test of the same process.
    let _ = started;
}

/// An error for stderr, its level before every line where the journal reads it.
pub fn error(text: &str) -> String {
    if is_read_by_journald() { ranked(Level::ERROR, text) } else { text.to_owned() }
}

fn ranked(level: Level, text: &str) -> String {
    text.lines().map(|line| format!("<{}>{line}", rank(level))).collect::<Vec<_>>().join("\n")
}

/// Whether stderr is the stream that systemd says it made for the journal: `$JOURNAL_STREAM` is inherited, stderr may have
/// been turned elsewhere.
fn is_read_by_journald() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let stderr = io::stderr().as_fd().try_clone_to_owned().map(File::from).and_then(|file| file.metadata());
    stderr.is_ok_and(|file| stream == format!("{}:{}", file.dev(), file.ino()))
}

/// A line with its level in front as journald takes it, see sd-daemon(3).
struct Ranked<F>(F);

impl<S, N, F> FormatEvent<S, N> for Ranked<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        write!(out, "<{}>", rank(*event.metadata().level()))?;
        self.0.format_event(context, out, event)
    }
}

/// As syslog counts.
fn rank(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_its_level() {
        assert_eq!(ranked(Level::ERROR, "error: two mistakes\nthe second"), "<3>error: two mistakes\n<3>the second");
    }
}
