//! How far walks are: bars on a terminal, nothing elsewhere.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::sync::Progress;

/// The bars of all that is under way, one below the other.
pub(super) struct Bars(Option<MultiProgress>);

impl Bars {
    pub(super) fn new(quiet: bool) -> Self {
        let shown = !quiet && stderr().is_terminal();
        Self(shown.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr())))
    }

    /// A bar for `site`, below those there are.
    pub(super) fn bar(&self, site: &str) -> Bar {
        let Some(bars) = &self.0 else { return Bar(ProgressBar::hidden()) };
        let bar = bars.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg} {wide_bar} {pos}/{len} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_prefix(site.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Bar(bar)
    }

    /// Takes the bars away while something else is written to the terminal.
    pub(super) fn aside<R>(&self, write: impl FnOnce() -> R) -> R {
        match &self.0 {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}

/// How far one of them is.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// One alone.
    pub(super) fn new(site: &str, quiet: bool) -> Self {
        Bars::new(quiet).bar(site)
    }

    pub(super) fn show(&self, progress: Progress) {
        match progress {
            Progress::Users { read, total } => self.step("users", read, total.unwrap_or(read)),
            Progress::Groups { read, total } => self.step("groups", read, total),
            Progress::Applying => self.step("writing", 1, 1),
        }
    }

    /// A position out of a length, for commands with steps of their own.
    pub(super) fn step(&self, message: &'static str, position: u64, length: u64) {
        self.0.set_length(length);
        self.0.set_message(message);
        self.0.set_position(position);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
