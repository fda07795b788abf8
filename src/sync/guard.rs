//! What a walk may not take away unseen: too large a share of what is known. Pure.

use std::collections::BTreeMap;
use std::fmt;

use super::diff::{Diff, Edit, GroupDiff};
use crate::config::Guard;
use crate::model::Status;

/// A user list that is empty where users were known is an error of the site, never a hundred thousand leavers.
pub fn is_emptied(known: usize, listed: u64) -> bool {
    known > 0 && listed == 0
}

/// What a diff takes away.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Users leaving `active`.
    pub users: u64,
    /// Memberships ended.
    pub memberships: u64,
    /// Of each group that loses members: its name, how many, and of how many.
    pub groups: Vec<(String, u64, u64)>,
    /// Users of whom a field turns empty, by field.
    pub emptied: BTreeMap<&'static str, u64>,
}

/// How much is known of what a diff may take away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Users who are `active`.
    pub users: u64,
    /// Memberships that are open.
    pub memberships: u64,
    /// Users of whom a field is filled, by field.
    pub filled: BTreeMap<&'static str, u64>,
}

/// A share that is implausible.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// Of what.
    pub what: Share,
    /// How many are affected.
    pub affected: u64,
    /// Of how many.
    pub of: u64,
    /// The limit, in per cent.
    pub limit: f64,
}

/// What a share is one of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Share {
    /// Users leaving `active`.
    Users,
    /// Memberships ended, over the site.
    Memberships,
    /// Members leaving this group.
    Group(String),
    /// Users of whom this field turns empty.
    Field(&'static str),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, affected, of, limit } = self;
        match what {
            Share::Users => write!(f, "{affected} of {of} active users would leave `active`")?,
            Share::Memberships => write!(f, "{affected} of {of} memberships would end")?,
            Share::Group(name) => write!(f, "{affected} of {of} members would leave the group '{name}'")?,
            Share::Field(field) => write!(f, "the field {field} would turn empty for {affected} of {of} users")?,
        }
        write!(f, ": more than {limit} %")
    }
}

/// Whether a user leaves `active`.
pub fn leaves(edit: &Edit) -> bool {
    edit.before.standing.status == Status::Active && edit.after.standing.status != Status::Active
}

/// The fields of a user that turn empty. An e-mail address that is shown no more does.
pub fn emptied(edit: &Edit) -> impl Iterator<Item = &'static str> {
    let hidden = !edit.before.profile.email_hidden && edit.after.profile.email_hidden;
    let fields = edit.before.profile.fields().into_iter().zip(edit.after.profile.fields());
    let empty = move |field: &str, after: bool| !after || (field == "email" && hidden);
    fields
        .filter(move |((field, before), (_, after))| before.is_some() && empty(field, after.is_some()))
        .map(|((field, _), _)| field)
}

impl Losses {
    /// What `diff` takes away.
    pub fn of(diff: &Diff) -> Self {
        let mut losses = Self::default();
        for edit in diff.edits.iter().filter(|edit| !edit.is_times_only()) {
            losses.users += u64::from(leaves(edit));
            for field in emptied(edit) {
                *losses.emptied.entry(field).or_default() += 1;
            }
        }
        for GroupDiff { name, added, removed, members, .. } in diff.members.iter().filter(|g| !g.removed.is_empty()) {
            let before = members.len() + removed.len() - added.len();
            losses.groups.push((name.clone(), removed.len() as u64, before as u64));
        }
        for (group, members) in &diff.groups_removed {
            losses.groups.push((group.name.clone(), members.len() as u64, members.len() as u64));
        }
        losses.memberships = losses.groups.iter().map(|(_, ended, _)| ended).sum();
        losses
    }

    /// So little that no rule looks at it.
    pub fn are_small(&self, limits: &Guard) -> bool {
        let most = self.emptied.values().copied().max().unwrap_or(0).max(self.users).max(self.memberships);
        most == 0 || most < limits.ignore_below
    }

    /// The shares of what is known that are larger than `limits` allow; none: the walk is plausible.
    pub fn judge(&self, known: &Known, limits: &Guard) -> Vec<Reason> {
        let Guard { users_percent, memberships_percent, ignore_below } = *limits;
        let mut reasons = Vec::new();
        let mut judge = |what, affected: u64, of: u64, limit: f64| {
            if affected > 0 && affected >= ignore_below && affected as f64 * 100.0 > limit * of as f64 {
                reasons.push(Reason { what, affected, of, limit });
            }
        };
        judge(Share::Users, self.users, known.users, users_percent);
        judge(Share::Memberships, self.memberships, known.memberships, memberships_percent);
        for (name, ended, of) in &self.groups {
            judge(Share::Group(name.clone()), *ended, *of, memberships_percent);
        }
        for (field, users) in &self.emptied {
            judge(Share::Field(field), *users, known.filled.get(field).copied().unwrap_or(0), users_percent);
        }
        reasons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Guard = Guard { users_percent: 10.0, memberships_percent: 25.0, ignore_below: 10 };

    fn known() -> Known {
        Known { users: 100, memberships: 1000, filled: BTreeMap::from([("email", 100), ("phone", 11)]) }
    }

    fn shares(losses: Losses, limits: &Guard) -> Vec<Share> {
        losses.judge(&known(), limits).into_iter().map(|reason| reason.what).collect()
    }

    #[test]
    fn more_than_the_share_trips_and_the_share_does_not() {
        assert_eq!(shares(Losses { users: 10, ..Losses::default() }, &LIMITS), []);
        assert_eq!(shares(Losses { users: 11, ..Losses::default() }, &LIMITS), [Share::Users]);
        assert_eq!(shares(Losses { memberships: 250, ..Losses::default() }, &LIMITS), []);
        assert_eq!(shares(Losses { memberships: 251, ..Losses::default() }, &LIMITS), [Share::Memberships]);
    }

    #[test]
    fn few_are_never_held() {
        let all_of_nine = Losses { groups: vec![("g".to_owned(), 9, 9)], memberships: 9, ..Losses::default() };
        assert!(all_of_nine.are_small(&LIMITS));
        assert_eq!(shares(all_of_nine, &LIMITS), []);
        let all_of_ten = Losses { groups: vec![("g".to_owned(), 10, 10)], memberships: 10, ..Losses::default() };
        assert!(!all_of_ten.are_small(&LIMITS));
        assert_eq!(shares(all_of_ten, &LIMITS), [Share::Group("g".to_owned())]);
    }

    #[test]
    fn a_field_emptied_for_many() {
        let emptied = BTreeMap::from([("email", 11), ("phone", 9)]);
        let losses = Losses { emptied, ..Losses::default() };
        assert_eq!(shares(losses, &LIMITS), [Share::Field("email")]);
    }

    #[test]
    fn the_limits_hold_at_their_ends() {
        let none = Guard { users_percent: 0.0, memberships_percent: 0.0, ignore_below: 0 };
        assert_eq!(shares(Losses { users: 1, ..Losses::default() }, &none), [Share::Users]);
        assert_eq!(shares(Losses::default(), &none), []);
        let all = Guard { users_percent: 100.0, memberships_percent: 100.0, ignore_below: 0 };
        assert_eq!(shares(Losses { users: 100, memberships: 1000, ..Losses::default() }, &all), []);
    }

    #[test]
    fn a_reason_is_a_sentence() {
        let reason = Reason { what: Share::Users, affected: 30, of: 100, limit: 10.0 };
        assert_eq!(reason.to_string(), "30 of 100 active users would leave `active`: more than 10 %");
    }
}
