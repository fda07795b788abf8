//! A walk that trips the guard: what of it is applied, and what is set aside until a person decides. Pure.

use std::collections::HashSet;

use super::diff::{Diff, Edit, GroupDiff};
use super::guard::{Reason, Share, emptied, leaves};
use super::people::UserRef;
use crate::model::Account;

/// The removing part of a walk, set aside.
#[derive(Debug)]
pub struct Hold {
    /// Which shares were too large.
    pub reasons: Vec<Reason>,
    /// What it takes away, upon the rest of the walk: no user, group or membership begins in it.
    pub removals: Diff,
}

/// Takes the removals out of `diff`: users leaving `active`, memberships ended, groups removed, and the fields that turn
/// empty for too many.
pub fn set_aside(diff: &mut Diff, reasons: Vec<Reason>) -> Hold {
    let fields: HashSet<&str> = reasons
        .iter()
        .filter_map(|reason| match reason.what {
            Share::Field(field) => Some(field),
            Share::Users | Share::Memberships | Share::Group(_) => None,
        })
        .collect();
    let mut removals = Diff::default();
    for edit in &mut diff.edits {
        let kept = without_removals(edit, &fields);
        if kept != edit.after {
            let after = std::mem::replace(&mut edit.after, kept.clone());
            removals.edits.push(Edit { id: edit.id, before: kept, after });
        }
    }
    diff.edits.retain(|edit| edit.before != edit.after);
    for group in &mut diff.members {
        if group.removed.is_empty() {
            continue;
        }
        let removed = std::mem::take(&mut group.removed);
        group.members.extend(removed.iter().copied().map(UserRef::known));
        group.members.sort_unstable();
        // The bytes of its listing tell other members.
        group.listing = None;
        removals.members.push(GroupDiff {
            group: group.group,
            name: group.name.clone(),
            added: Vec::new(),
            removed,
            members: Vec::new(),
            listing: None,
        });
    }
    removals.groups_removed = std::mem::take(&mut diff.groups_removed);
    Hold { reasons, removals }
}

/// What an edit leaves of a user when nothing is taken away.
fn without_removals(edit: &Edit, fields: &HashSet<&str>) -> Account {
    let mut account = edit.after.clone();
    if leaves(edit) {
        account.standing = edit.before.standing;
        // Cloud's own word for the same.
        account.profile.keep("account_status", &edit.before.profile);
        account.presence = edit.before.presence;
    }
    for field in emptied(edit).filter(|field| fields.contains(field)) {
        account.profile.keep(field, &edit.before.profile);
    }
    account
}
