//! Log lines, on stderr: text for people and for the journal, or JSON. The rules and the fields are in `docs/logging.md`.

use std::fmt;
use std::io;
use std::os::fd::AsFd;

use nix::sys::stat::fstat;
use tracing::field::Field;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{self, FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, layer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::clock::Clock;
use crate::config::LogFormat;
use crate::render::visible;

/// Where the line of each walk comes from: a command that tells of its walks itself does without.
const WALKS: &str = "rollbook::sync::log";

/// What a process logs.
#[derive(Clone, Copy, Debug)]
pub struct Logging {
    /// Everything from this level on.
    pub level: LevelFilter,
    /// The same for the line that each walk ends with.
    pub walks: LevelFilter,
    /// How lines are written.
    pub format: LogFormat,
}

/// Starts logging; other crates are heard from `warn` on. Later calls change nothing.
pub fn init(logging: Logging) {
    let Logging { level, walks, format } = logging;
    // Below, other crates' lines hold addresses and statements.
    let others = level.min(LevelFilter::WARN);
    let targets = Targets::new().with_default(others).with_target("rollbook", level).with_target(WALKS, walks);
    let lines = layer().with_writer(io::stderr).with_ansi(false);
    let registry = tracing_subscriber::registry().with(targets);
    let started = match format {
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_current_span(false).with_span_list(false);
            // Which part of the program it was helps whoever looks for its defects.
            registry.with(lines.with_timer(Utc).with_target(level >= LevelFilter::DEBUG)).try_init()
        }
        LogFormat::Text if is_journal(std::env::var("JOURNAL_STREAM").ok().as_deref()) => {
            let line = format::format().without_time().with_level(false).with_target(false);
            registry.with(lines.fmt_fields(fields()).event_format(Line { inner: line, priority: true })).try_init()
        }
        LogFormat::Text => {
            let line = format::format().with_timer(Utc).with_target(false);
            registry.with(lines.fmt_fields(fields()).event_format(Line { inner: line, priority: false })).try_init()
        }
    };
    // Set already: by a test of the same process.
    let _ = started;
}

/// An error for stderr, its level before every line where the journal reads it.
pub fn error(text: &str) -> String {
    match is_journal(std::env::var("JOURNAL_STREAM").ok().as_deref()) {
        true => ranked(Level::ERROR, text),
        false => text.to_owned(),
    }
}

fn ranked(level: Level, text: &str) -> String {
    text.lines().map(|line| format!("<{}>{line}", priority(level))).collect::<Vec<_>>().join("\n")
}

/// Whether stderr is the stream to the journal that systemd names: `device:inode`. The journal knows the time.
fn is_journal(stream: Option<&str>) -> bool {
    let Ok(stderr) = fstat(io::stderr().as_fd()) else { return false };
    stream.is_some_and(|stream| stream == format!("{}:{}", stderr.st_dev, stderr.st_ino))
}

/// The time as everywhere else: RFC 3339, UTC, with milliseconds.
struct Utc;

impl FormatTime for Utc {
    fn format_time(&self, line: &mut Writer<'_>) -> fmt::Result {
        line.write_str(&Clock::System.now().to_rfc3339())
    }
}

/// The message as it is, then `name=value`, in quotes where it has blanks.
fn fields() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    use tracing_subscriber::field::MakeExt;
    format::debug_fn(|line: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug| match field.name() {
        "message" => write!(line, "{value:?}"),
        name => {
            let value = format!("{value:?}");
            let plain = value.starts_with('"') || !value.contains(|c: char| c.is_whitespace() || c == '"' || c == '=');
            if plain { write!(line, "{name}={value}") } else { write!(line, "{name}={value:?}") }
        }
    })
    .delimited(" ")
}

/// One line an event, whatever stands in it.
struct Line<F> {
    inner: F,
    /// Begin with `<N>`, by which the journal knows how serious it is.
    priority: bool,
}

impl<S, N, F> FormatEvent<S, N> for Line<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        if self.priority {
            write!(out, "<{}>", priority(*event.metadata().level()))?;
        }
        writeln!(out, "{}", visible(line.trim_end()))
    }
}

/// syslog's number for a level.
fn priority(level: Level) -> u8 {
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
    fn every_line_of_an_error_has_its_level() {
        assert_eq!(ranked(Level::ERROR, "error: two mistakes\nthe second"), "<3>error: two mistakes\n<3>the second");
    }

    #[test]
    fn levels_are_syslogs() {
        let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
        assert_eq!(levels.map(priority), [3, 4, 6, 7, 7]);
    }

    #[test]
    fn the_journal_is_known_by_its_device_and_inode() {
        let stderr = fstat(io::stderr().as_fd()).unwrap();
        assert!(is_journal(Some(&format!("{}:{}", stderr.st_dev, stderr.st_ino))));
        for other in [None, Some(""), Some("8:1"), Some(&*format!("{}:0", stderr.st_dev))] {
            assert!(!is_journal(other), "{other:?}");
        }
    }
}
