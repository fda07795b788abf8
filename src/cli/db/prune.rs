//! `rollbook db prune`: removes what ended long ago.

use std::io::Write;
use std::time::Duration;

use serde_json::json;

use super::unusable;
use crate::cli::describe::thousands;
use crate::cli::output::{FormatOptions, terminal, to_out};
use crate::cli::{Exit, Failure, Outcome};
use crate::clock::Clock;
use crate::config::{Config, parse_duration};
use crate::model::Timestamp;
use crate::render::{self, Format, Kind, Table};
use crate::store::{self, Pruned, Store};

/// Options of `db prune`.
#[derive(Clone, Debug, clap::Args)]
pub struct PruneOptions {
    /// Remove what ended so long ago, or longer: 730d [default: retention.history]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub older_than: Option<Duration>,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Write the file anew afterwards, without free pages: takes as much room again while it lasts, and nobody can write
    #[arg(long, conflicts_with = "dry_run")]
    pub vacuum: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub format: FormatOptions,
}

/// Removes what had ended by then, and says how much that was.
///
/// # Errors
/// [`Exit::Usage`] when nobody says how long history is kept.
pub async fn run(
    options: PruneOptions,
    store: &Store,
    config: Option<&Config>,
    clock: &Clock,
    out: &mut impl Write,
) -> Outcome {
    let kept = options.older_than.or_else(|| config.and_then(|config| config.retention.history));
    let kept = kept.ok_or_else(|| {
        let what = "nothing says how long history is kept: say --older-than 730d, or set retention.history";
        Failure::new(Exit::Usage, what)
    })?;
    let now = clock.now();
    let cutoff = now.plus_millis(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX).saturating_neg());
    let mut pruned = if options.dry_run {
        let mut reader = store.reader().await.map_err(unusable)?;
        store::prunable(&mut reader, cutoff).await?
    } else {
        store::prune(store, cutoff, now).await.map_err(unusable)?
    };
    if options.vacuum {
        store::vacuum(store).await.map_err(unusable)?;
        store::empty_log(store, Duration::ZERO).await.map_err(unusable)?;
        let mut reader = store.reader().await.map_err(unusable)?;
        pruned.free_bytes = store::free_bytes(&mut reader).await?;
    }
    let format = options.format.format;
    to_out(out, |out| match format {
        Format::Table => text(&options, cutoff, &pruned, out),
        Format::Json => {
            let removed: serde_json::Map<_, _> =
                pruned.counts().into_iter().map(|(what, rows)| (what.to_owned(), json!(rows))).collect();
            let document = json!({ "cutoff": cutoff.to_rfc3339(), "dry_run": options.dry_run, "removed": removed,
                "rows": pruned.rows(), "free_bytes": pruned.free_bytes, "vacuumed": options.vacuum });
            writeln!(out, "{document:#}")
        }
        format => render::write(&table(&pruned), format, terminal(), out),
    })?;
    Ok(Exit::Done)
}

fn text(options: &PruneOptions, cutoff: Timestamp, pruned: &Pruned, out: &mut dyn Write) -> std::io::Result<()> {
    let cutoff = &cutoff.to_sql()[..19];
    if pruned.rows() == 0 {
        writeln!(out, "Nothing is kept that had ended by {cutoff} UTC.")?;
    } else {
        let verb = if options.dry_run { "would be removed" } else { "was removed" };
        writeln!(out, "What had ended by {cutoff} UTC {verb}: {} rows.", thousands(pruned.rows()))?;
        for (what, rows) in pruned.counts().into_iter().filter(|(_, rows)| *rows > 0) {
            writeln!(out, "  {:<14} {:>12}", what.replace('_', " "), thousands(rows))?;
        }
    }
    let free = pruned.free_bytes;
    if free > 0 && !options.dry_run && !options.vacuum {
        writeln!(out, "{} bytes of the file are free, for what comes; --vacuum gives them back.", thousands(free))?;
    }
    Ok(())
}

fn table(pruned: &Pruned) -> Table {
    let mut table = Table::new([("what", Kind::Text), ("rows", Kind::Integer)]);
    table.rows.extend(pruned.counts().map(|(what, rows)| vec![what.into(), (rows as i64).into()]));
    table
}
