//! A walk told to a reader: what it read, what changed, what is missing.

use std::collections::HashMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Exit, holds::brief};
use crate::model::{Change, UserId};
use crate::render::visible;
use crate::store::{self, Store, StoreError};
use crate::sync::{Diff, DiffChange, UserRef, WalkReport, WalkStatus};

/// The first `limit` changes of a diff, with names.
pub(super) async fn changes(diff: &Diff, limit: usize, store: &Store) -> Result<Vec<Change>, StoreError> {
    let rows: Vec<DiffChange<'_>> = diff.changes().take(limit).collect();
    let mut names: HashMap<UserId, String> =
        diff.edits.iter().map(|edit| (edit.id, edit.before.profile.name.clone())).collect();
    let known = |user: &UserRef| user.new_index().is_none().then(|| user.id(UserId(0)));
    let unnamed: Vec<UserId> =
        rows.iter().filter_map(|row| known(&row.user?)).filter(|id| !names.contains_key(id)).collect();
    if !unnamed.is_empty() {
        let mut reader = store.reader().await?;
        let rows = store::accounts_by_id(&mut reader, &unnamed).await.map_err(|error| store.sql(error))?;
        names.extend(rows.into_iter().map(|row| (row.id, row.account.profile.name)));
    }
    let name = |user: UserRef| match user.new_index() {
        Some(index) => diff.created.get(index).map(|account| account.profile.name.clone()),
        None => names.get(&user.id(UserId(0))).cloned(),
    };
    Ok(rows
        .into_iter()
        .map(|DiffChange { kind, user, group, field }| {
            let (field, before, after) = match field {
                Some(change) => (Some(change.field), change.before, change.after),
                None => (None, None, None),
            };
            Change {
                kind,
                user: user.and_then(name),
                group: group.map(|(_, name)| name.to_owned()),
                field,
                before,
                after,
            }
        })
        .collect())
}

/// A walk's outcome as text.
pub(super) fn text(
    site: &str,
    report: &WalkReport,
    changes: &[Change],
    out: &mut (impl Write + ?Sized),
) -> io::Result<()> {
    let figures = &report.figures;
    let count = |figure: Option<u64>| thousands(figure.unwrap_or(0));
    let seconds = (report.finished_at.millis() - report.started_at.millis()) as f64 / 1000.0;
    let what = match report.walk {
        Some(walk) => format!("walk {} {}", walk.0, report.status.as_str()),
        None => match report.status {
            WalkStatus::Applied => "dry run, nothing written".to_owned(),
            WalkStatus::Partial => "dry run of a partial walk, nothing written".to_owned(),
            WalkStatus::Held => "dry run of a walk that would be held, nothing written".to_owned(),
        },
    };
    writeln!(
        out,
        "{site}: {what} in {seconds:.1} s: {} users, {} groups and {} memberships read with {} requests, {} changes",
        count(figures.users_seen),
        count(figures.groups_seen),
        count(figures.memberships_seen),
        thousands(figures.requests),
        thousands(figures.changes),
    )?;
    if let Some(hold) = &report.hold {
        let reasons: Vec<String> = hold.reasons.iter().map(ToString::to_string).collect();
        for reason in brief(reasons.iter().map(String::as_str)) {
            writeln!(out, "  held: {reason}")?;
        }
        let removals = thousands(hold.removals.changes().count() as u64);
        match report.walk {
            Some(walk) => {
                let id = walk.0;
                writeln!(
                    out,
                    "  {removals} removals are set aside: `rollbook walks diff {id}` shows them, `rollbook walks approve {id}`"
                )?;
                writeln!(
                    out,
                    "  applies them, `rollbook walks reject {id} --reason TEXT` drops them; the next walk judges afresh"
                )?;
            }
            None => writeln!(out, "  {removals} removals would be set aside")?,
        }
    }
    for problem in &report.problems {
        writeln!(out, "  missing: {}", visible(problem))?;
    }
    for note in &report.notes {
        writeln!(out, "  note: {}", visible(note))?;
    }
    if !report.not_addressable.is_empty() {
        let names: Vec<_> = report.not_addressable.iter().map(|name| visible(name)).collect();
        writeln!(out, "  not addressable (a / in the name), members not read: {}", names.join(", "))?;
    }
    for (kind, rows) in report.counts() {
        writeln!(out, "  {:>9} {kind}", thousands(rows))?;
    }
    if !changes.is_empty() {
        writeln!(out)?;
    }
    for change in changes {
        writeln!(out, "  {}", line(change))?;
    }
    let more = figures.changes.saturating_sub(changes.len() as u64);
    if more > 0 && !changes.is_empty() {
        writeln!(out, "  … and {} more", thousands(more))?;
    }
    Ok(())
}

fn line(change: &Change) -> String {
    let mut line = format!("{:<20}", change.kind.as_str());
    if let Some(user) = &change.user {
        line.push_str(&format!(" {}", visible(user)));
    }
    if let Some(group) = &change.group {
        line.push_str(&if change.user.is_some() {
            format!(" in {}", visible(group))
        } else {
            format!(" {}", visible(group))
        });
    }
    if let Some(field) = change.field {
        let value = |value: &Option<String>| match value {
            Some(value) => visible(value).into_owned(),
            None => "(none)".to_owned(),
        };
        line.push_str(&format!(" {field}: {} -> {}", value(&change.before), value(&change.after)));
    }
    line
}

/// A walk's outcome as a JSON object.
pub(super) fn document(site: &str, report: &WalkReport, changes: &[Change]) -> Value {
    let figures = &report.figures;
    let counts: serde_json::Map<String, Value> =
        report.counts().into_iter().map(|(kind, rows)| (kind.as_str().to_owned(), rows.into())).collect();
    let changes: Vec<Value> = changes
        .iter()
        .map(|Change { kind, user, group, field, before, after }| {
            json!({ "kind": kind.as_str(), "user": user, "group": group, "field": field, "before": before, "after": after })
        })
        .collect();
    json!({
        "site": site,
        "walk": report.walk.map(|walk| walk.0),
        "status": report.status.as_str(),
        "exit": exit(report.status) as u8,
        "started_at": report.started_at.to_rfc3339(),
        "finished_at": report.finished_at.to_rfc3339(),
        "users_declared": figures.users_declared,
        "users_seen": figures.users_seen,
        "groups_seen": figures.groups_seen,
        "memberships_seen": figures.memberships_seen,
        "requests": figures.requests,
        "retries": figures.retries,
        "rate_limited": figures.rate_limited,
        "changes_total": figures.changes,
        "changes_by_kind": counts,
        "changes": changes,
        "held": report.hold.as_ref().map(|hold| json!({
            "reasons": hold.reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "removals": hold.removals.changes().count(),
        })),
        "missing": report.problems,
        "notes": report.notes,
        "not_addressable": report.not_addressable,
    })
}

/// The exit code of a walk that applied something.
pub(super) fn exit(status: WalkStatus) -> Exit {
    match status {
        WalkStatus::Applied => Exit::Done,
        WalkStatus::Partial => Exit::Partial,
        WalkStatus::Held => Exit::Held,
    }
}

/// `12 345`: a number for people.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_for_people() {
        assert_eq!(super::thousands(7), "7");
        assert_eq!(super::thousands(1234), "1 234");
        assert_eq!(super::thousands(1_234_567), "1 234 567");
    }
}
