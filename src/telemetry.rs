//! Log lines, on stderr. Rules: the message reads alone, fields filter, never a secret, never personal data.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogFormat;

/// Starts logging at `level`; other crates are heard from `warn` on. Later calls change nothing.
pub fn init(level: LevelFilter, format: LogFormat) {
    // Below debug, other crates' lines hold addresses and statements.
    let targets = Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("rollbook", level);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let registry = tracing_subscriber::registry().with(targets);
    let started = match format {
        LogFormat::Text => registry.with(layer.with_target(false)).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    // Set already: by a test of the same process.
    let _ = started;
}
