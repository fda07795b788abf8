//! `rollbook walks diff|approve|reject`: what a held walk would take away, and a person's decision about it.

use std::io::Write;
use std::os::unix::fs::MetadataExt;

use serde_json::json;
use sqlx::{Connection, SqliteConnection};

use super::output::{FormatOptions, terminal, to_out};
use super::{Exit, Failure, Outcome, describe::thousands};
use crate::clock::Clock;
use crate::model::{Timestamp, WalkId};
use crate::render::{self, Column, Format, Kind, Table, visible};
use crate::report::rows;
use crate::store::{Decider, Decision, HoldRow, Store, find_hold};
use crate::sync::{DecideError, Decided, decide};

/// Options of `walks diff`.
#[derive(Clone, Debug, clap::Args)]
pub struct DiffOptions {
    /// Which walk
    #[arg(value_name = "ID")]
    pub id: i64,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub format: FormatOptions,
}

/// Options of `walks approve`.
#[derive(Clone, Debug, clap::Args)]
pub struct ApproveOptions {
    /// Which walk
    #[arg(value_name = "ID")]
    pub id: i64,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Who decides, for the record [default: the user who runs the command]
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

/// Options of `walks reject`.
#[derive(Clone, Debug, clap::Args)]
pub struct RejectOptions {
    /// Which walk
    #[arg(value_name = "ID")]
    pub id: i64,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Who decides, for the record [default: the user who runs the command]
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

/// Writes what a held walk would take away.
///
/// # Errors
/// [`Exit::Usage`] for an unknown walk.
pub async fn diff(options: DiffOptions, connection: &mut SqliteConnection, out: &mut impl Write) -> Outcome {
    let mut snapshot = connection.begin().await?;
    let status: Option<String> = sqlx::query_scalar("SELECT status FROM walks WHERE id = ?1")
        .bind(options.id)
        .fetch_optional(&mut *snapshot)
        .await?;
    let Some(status) = status else {
        let message = format!("there is no walk {}: `rollbook walks list` lists them", options.id);
        return Err(Failure::new(Exit::Usage, message));
    };
    let hold = find_hold(&mut snapshot, WalkId(options.id)).await?;
    let found = sqlx::query(
        "SELECT h.kind, a.key, a.name AS user, g.name AS \"group\", h.field, h.before, h.after \
         FROM held_changes h LEFT JOIN accounts a ON a.id = h.user_id LEFT JOIN groups g ON g.id = h.group_id \
         WHERE h.walk_id = ?1 ORDER BY h.seq",
    )
    .bind(options.id)
    .fetch_all(&mut *snapshot)
    .await?;
    snapshot.rollback().await?;
    let names = ["kind", "key", "user", "group", "field", "before", "after"];
    let removals = rows::table(names.map(|name| Column::new(name, Kind::Text)).to_vec(), &found)?;
    let format = options.format.format;
    to_out(out, |out| match format {
        Format::Table => text(options.id, &status, hold.as_ref(), &removals, out),
        Format::Json => {
            let hold = hold.as_ref().map_or(serde_json::Value::Null, hold_document);
            write!(out, "{{\"walk\":{},\"status\":{},\n\"hold\":{hold},\n", options.id, json!(status))?;
            out.write_all(b"\"removals\":")?;
            render::write_json_rows(&removals, out)?;
            out.write_all(b"}\n")
        }
        format => render::write(&removals, format, terminal(), out),
    })?;
    Ok(Exit::Done)
}

fn text(id: i64, status: &str, hold: Option<&HoldRow>, removals: &Table, out: &mut dyn Write) -> std::io::Result<()> {
    let Some(hold) = hold else {
        return writeln!(out, "Walk {id} ({status}) holds nothing: `rollbook walks show {id}` shows what it changed.");
    };
    writeln!(out, "Walk {id} of {} ({status}): {} removals set aside.", visible(&hold.site_name), hold.removals)?;
    describe_hold(hold, out)?;
    if removals.rows.is_empty() {
        return match hold.decision.as_deref() {
            Some("approved") => writeln!(out, "`rollbook walks show {id}` shows them among its changes."),
            Some("rejected") => {
                writeln!(out, "They are on record no more: they were removed (rollbook db prune, or forget).")
            }
            _ => writeln!(out, "They are on record no more: the next walk judged afresh."),
        };
    }
    writeln!(out)?;
    render::write(removals, Format::Table, terminal(), out)
}

/// Why a walk was held, and what became of that.
pub(super) fn describe_hold(hold: &HoldRow, out: &mut dyn Write) -> std::io::Result<()> {
    for reason in brief(hold.reasons.lines()) {
        writeln!(out, "  held: {reason}")?;
    }
    if let (Some(decision), Some(at)) = (&hold.decision, hold.decided_at) {
        let by = hold.decided_by.as_deref().map_or("the next walk".into(), visible);
        let why = hold.reason.as_deref().map_or(String::new(), |why| format!(": {}", visible(why)));
        writeln!(out, "  {decision} at {} UTC by {by}{why}", &at.to_sql()[..19])?;
    }
    Ok(())
}

/// The same as JSON.
pub(super) fn hold_document(hold: &HoldRow) -> serde_json::Value {
    json!({
        "site": hold.site_name,
        "removals": hold.removals,
        "reasons": hold.reasons.lines().collect::<Vec<_>>(),
        "decision": hold.decision,
        "decided_at": hold.decided_at.map(Timestamp::to_rfc3339),
        "decided_by": hold.decided_by,
        "reason": hold.reason,
    })
}

/// Applies the removals of a held walk.
///
/// # Errors
/// [`Exit::Usage`] unless it is the current hold of its site, [`Exit::Busy`] while the site is walked.
pub async fn approve(options: ApproveOptions, store: &Store, clock: &Clock, out: &mut impl Write) -> Outcome {
    let ApproveOptions { id, reason, by } = options;
    let decided = decide_as(store, id, Decision::Approved, by, reason.as_deref(), clock).await?;
    let Decided { site, status, changes, at } = decided;
    to_out(out, |out| {
        let (changes, at) = (thousands(changes), &at.to_sql()[..19]);
        writeln!(out, "Walk {id} of {} is {status}: {changes} changes, dated {at} UTC.", visible(&site))
    })?;
    Ok(Exit::Done)
}

/// Drops the removals of a held walk.
///
/// # Errors
/// As [`approve`].
pub async fn reject(options: RejectOptions, store: &Store, clock: &Clock, out: &mut impl Write) -> Outcome {
    let RejectOptions { id, reason, by } = options;
    if reason.trim().is_empty() {
        return Err(Failure::new(Exit::Usage, "--reason is empty: say why, for the record"));
    }
    let decided = decide_as(store, id, Decision::Rejected, by, Some(&reason), clock).await?;
    to_out(out, |out| {
        writeln!(out, "Walk {id} of {} is rejected: its removals were dropped.", visible(&decided.site))
    })?;
    Ok(Exit::Done)
}

async fn decide_as(
    store: &Store,
    id: i64,
    decision: Decision,
    by: Option<String>,
    reason: Option<&str>,
    clock: &Clock,
) -> Result<Decided, Failure> {
    let actor = by.unwrap_or_else(operator);
    let decider = Decider { actor: Some(&actor), reason };
    decide(store, WalkId(id), decision, decider, clock).await.map_err(|error| match error {
        DecideError::Store(error) => Failure::store(error),
        DecideError::NotHeld(_) => Failure { exit: Exit::Usage, error: error.into() },
        DecideError::Moved { .. } => Failure { exit: Exit::Failure, error: error.into() },
    })
}

/// Who runs this process: behind `sudo` the person, not root.
fn operator() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    let unnamed = || std::fs::metadata("/proc/self").map_or("unknown".to_owned(), |own| format!("uid {}", own.uid()));
    named.into_iter().find(|name| !name.is_empty()).unwrap_or_else(unnamed)
}

/// The first reasons for a hold; one a group may make many.
pub(super) fn brief<'a>(reasons: impl Iterator<Item = &'a str>) -> Vec<String> {
    const TOLD: usize = 6;
    let reasons: Vec<&str> = reasons.collect();
    let mut told: Vec<String> = reasons.iter().take(TOLD).map(|reason| visible(reason).into_owned()).collect();
    if reasons.len() > TOLD {
        told.push(format!("… and {} more reasons", reasons.len() - TOLD));
    }
    told
}
