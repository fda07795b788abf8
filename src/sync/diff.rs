//! What changed: a pure function of what a walk saw and what is known of it. Printed by `--dry-run`, applied by
//! [`super::apply`]; both tell the same changes in the same order.

use std::collections::HashMap;

use chrono_tz::Tz;

use super::cloud::merge_cloud;
use super::merge::{departed, merge, released_by};
use super::people::UserRef;
use crate::model::{
    Account, Activity, ChangeKind, CloudUser, ExportedUser, GroupId, SeenUser, Status, Timestamp, Told, UserId,
};
use crate::store::{AccountRow, Fingerprint, GroupRename, GroupRow, NewGroup};

/// Where a record came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The user list: users with access.
    UserList,
    /// A group's members, beside a user list that was read completely.
    Group,
    /// A group's members, beside a user list of which something is missing.
    GroupUnproven,
    /// A single look-up: no listing shows the user.
    LookUp,
    /// User Export alone shows the user; a record beside it is that of a look-up.
    Export,
    /// The same, beside a user list of which something is missing.
    ExportUnproven,
    /// A listing shows the user as it did before, and User Export has news of it.
    Standing,
}

/// A user seen with something new about it, or seen for the first time.
#[derive(Debug)]
pub struct Sight {
    /// Who.
    pub user: UserRef,
    /// What REST API Extender says now, where that may be news.
    pub record: Option<SeenUser>,
    /// What User Export says now, where that may be news.
    pub export: Option<Box<ExportedUser>>,
    /// What is known; `None` for a new user.
    pub known: Option<Box<AccountRow>>,
    /// Where the record came from.
    pub place: Place,
}

/// A user of Cloud with something new about it, or seen for the first time.
#[derive(Debug)]
pub struct CloudSight {
    /// Who.
    pub user: UserRef,
    /// What `users-bulk` says now, where that may be news.
    pub record: Option<CloudUser>,
    /// What the organization says now, where that may be news.
    pub activity: Option<Activity>,
    /// What is known; `None` for a new user.
    pub known: Option<Box<AccountRow>>,
}

/// A user whom no listing shows any more, and who was not found.
#[derive(Debug)]
pub struct Gone {
    /// What is known.
    pub known: AccountRow,
    /// Proven deleted; else missing.
    pub deleted: bool,
}

/// A group seen, with its members where they were read and are not those of the last walk.
#[derive(Debug)]
pub struct GroupSight {
    /// Its name.
    pub name: String,
    /// Cloud: its id there.
    pub external_id: Option<String>,
    /// The group, if it is known.
    pub known: Option<GroupRow>,
    /// Its members now, sorted; `None` leaves what is known as it is.
    pub members: Option<Vec<UserRef>>,
    /// Fingerprint of the bytes that listed them, where these alone tell the users.
    pub listing: Option<u64>,
    /// Its members as known, sorted.
    pub before: Vec<UserId>,
}

/// Everything a walk saw that may differ from what is known.
#[derive(Debug, Default)]
pub struct Picture {
    /// Users with something new about them. New users in the order of their references.
    pub sights: Vec<Sight>,
    /// The same on Cloud.
    pub cloud_sights: Vec<CloudSight>,
    /// Users no longer there, or whom a look-up did not find.
    pub gone: Vec<Gone>,
    /// Users whom a listing showed that is not read any more: nobody shows them, and that says nothing about them.
    pub released: Vec<AccountRow>,
    /// Groups seen.
    pub groups: Vec<GroupSight>,
    /// Groups whose names changed.
    pub groups_renamed: Vec<GroupRename>,
    /// Groups whose members are as they were, to be remembered differently.
    pub relisted: Vec<(GroupId, Fingerprint)>,
    /// Groups no longer listed, with their members. Empty unless the list of groups is complete.
    pub groups_gone: Vec<(GroupRow, Vec<UserId>)>,
}

/// When the walk's changes are dated, and when the site was last known as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The moment of this walk.
    pub at: Timestamp,
    /// That of the applied walk before it.
    pub not_before: Option<Timestamp>,
    /// The site's time zone, for sources that tell times without one.
    pub zone: Tz,
}

/// A user that changes.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Who.
    pub id: UserId,
    /// What was known.
    pub before: Account,
    /// What is known now.
    pub after: Account,
}

impl Edit {
    /// A versioned attribute changed.
    pub fn is_versioned(&self) -> bool {
        self.before.profile != self.after.profile || self.before.standing != self.after.standing
    }

    /// Nothing but the times the site tells changed.
    pub fn is_times_only(&self) -> bool {
        let Account { key, profile, standing, times: _, presence } = &self.before;
        let after = &self.after;
        *key == after.key && *profile == after.profile && *standing == after.standing && *presence == after.presence
    }

    /// The rows of the change feed: how the user stands first, then one a field.
    pub fn changes(&self) -> Vec<FieldChange> {
        let mut changes = Vec::new();
        let (before, after) = (self.before.standing, self.after.standing);
        if before.status != after.status {
            changes.push(FieldChange {
                kind: status_change(before.status, after.status),
                field: "status",
                before: Some(before.status.as_str().to_owned()),
                after: Some(after.status.as_str().to_owned()),
            });
        } else {
            // Where the status changes it says all this, and Cloud's own word for it.
            let bits = [("active", before.active, after.active), ("has_access", before.has_access, after.has_access)];
            for (field, before, after) in bits.into_iter().filter(|(_, before, after)| before != after) {
                let digit = |bit: Option<bool>| bit.map(|bit| u8::from(bit).to_string());
                changes.push(FieldChange {
                    kind: ChangeKind::UserUpdated,
                    field,
                    before: digit(before),
                    after: digit(after),
                });
            }
        }
        let fields = self.before.profile.fields().into_iter().zip(self.after.profile.fields());
        for ((field, before), (_, after)) in fields.filter(|((_, before), (_, after))| before != after) {
            if field == "account_status" && self.before.standing.status != self.after.standing.status {
                continue;
            }
            changes.push(FieldChange {
                kind: if field == "name" { ChangeKind::UserRenamed } else { ChangeKind::UserUpdated },
                field,
                before: before.map(|text| text.into_owned()),
                after: after.map(|text| text.into_owned()),
            });
        }
        changes
    }
}

/// One field of one user.
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the columns of `changes`
pub struct FieldChange {
    pub kind: ChangeKind,
    pub field: &'static str,
    pub before: Option<String>,
    pub after: Option<String>,
}

fn status_change(before: Status, after: Status) -> ChangeKind {
    match (before, after) {
        (_, Status::Deleted) => ChangeKind::Deleted,
        (_, Status::Missing) => ChangeKind::Missing,
        (_, Status::Deactivated) => ChangeKind::Deactivated,
        (Status::Missing | Status::Deleted, _) => ChangeKind::Returned,
        (Status::Deactivated, _) => ChangeKind::Reactivated,
        (_, Status::Active) => ChangeKind::AccessGained,
        (Status::Active, Status::NoAccess) => ChangeKind::AccessLost,
        (_, Status::NoAccess | Status::Unknown) => ChangeKind::UserUpdated,
    }
}

/// A group of this walk: one that is known, or the n-th new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupRef {
    /// Known.
    Known(GroupId),
    /// The n-th of [`Diff::groups_created`].
    New(usize),
}

/// A group whose members changed.
#[derive(Debug)]
pub struct GroupDiff {
    /// Which.
    pub group: GroupRef,
    /// Its name.
    pub name: String,
    /// Who joined.
    pub added: Vec<UserRef>,
    /// Who left.
    pub removed: Vec<UserId>,
    /// All who are members now; for the fingerprint.
    pub members: Vec<UserRef>,
    /// Fingerprint of the bytes that listed them.
    pub listing: Option<u64>,
}

/// All a walk changes.
#[derive(Debug, Default)]
pub struct Diff {
    /// New users, in the order of their references.
    pub created: Vec<Account>,
    /// Users that change.
    pub edits: Vec<Edit>,
    /// Successful log-ins not known before, of users known before.
    pub logins: Vec<(UserId, Timestamp)>,
    /// Failed log-ins, likewise.
    pub failed_logins: Vec<(UserId, Timestamp)>,
    /// Activity not known before, likewise.
    pub activity: Vec<(UserId, Timestamp)>,
    /// New groups.
    pub groups_created: Vec<NewGroup>,
    /// Groups whose names changed.
    pub groups_renamed: Vec<GroupRename>,
    /// Groups whose members changed, or were read for the first time.
    pub members: Vec<GroupDiff>,
    /// Groups whose members are as they were, to be remembered differently. No change of the site.
    pub relisted: Vec<(GroupId, Fingerprint)>,
    /// Groups no longer listed, with the members they had.
    pub groups_removed: Vec<(GroupRow, Vec<UserId>)>,
}

/// A row of the change feed before it is written.
#[derive(Clone, PartialEq, Eq)]
pub struct DiffChange<'a> {
    /// What happened.
    pub kind: ChangeKind,
    /// To whom.
    pub user: Option<UserRef>,
    /// The group, with its name.
    pub group: Option<(GroupRef, &'a str)>,
    /// The field, with its value before and after.
    pub field: Option<FieldChange>,
}

impl Diff {
    /// The rows of the change feed, in the order in which they are written.
    pub fn changes(&self) -> impl Iterator<Item = DiffChange<'_>> {
        let row = |kind, user, group| DiffChange { kind, user, group, field: None };
        let groups_created = self.groups_created.iter().enumerate().map(move |(index, group)| {
            row(ChangeKind::GroupCreated, None, Some((GroupRef::New(index), group.name.as_str())))
        });
        let groups_renamed = self.groups_renamed.iter().map(|GroupRename { id, before, after }| DiffChange {
            kind: ChangeKind::GroupRenamed,
            user: None,
            group: Some((GroupRef::Known(*id), after.as_str())),
            field: Some(FieldChange {
                kind: ChangeKind::GroupRenamed,
                field: "name",
                before: Some(before.clone()),
                after: Some(after.clone()),
            }),
        });
        let created =
            (0..self.created.len()).map(move |index| row(ChangeKind::UserCreated, Some(UserRef::new(index)), None));
        let edits = self.edits.iter().flat_map(|edit| {
            let user = Some(UserRef::known(edit.id));
            let change =
                move |field: FieldChange| DiffChange { kind: field.kind, user, group: None, field: Some(field) };
            edit.changes().into_iter().map(change)
        });
        let added = self.members.iter().flat_map(move |group| {
            let name = Some((group.group, group.name.as_str()));
            group.added.iter().map(move |user| row(ChangeKind::MemberAdded, Some(*user), name))
        });
        let left = move |user: &UserId, group| row(ChangeKind::MemberRemoved, Some(UserRef::known(*user)), Some(group));
        let removed = self.members.iter().flat_map(move |group| {
            let name = (group.group, group.name.as_str());
            group.removed.iter().map(move |user| left(user, name))
        });
        fn name(group: &GroupRow) -> (GroupRef, &str) {
            (GroupRef::Known(group.id), &group.name)
        }
        let ended = self.groups_removed.iter().flat_map(move |(group, members)| {
            let name = name(group);
            members.iter().map(move |user| left(user, name))
        });
        let groups_removed =
            self.groups_removed.iter().map(move |(group, _)| row(ChangeKind::GroupRemoved, None, Some(name(group))));
        let begun = groups_created.chain(groups_renamed).chain(created).chain(edits).chain(added);
        begun.chain(removed).chain(ended).chain(groups_removed)
    }

    /// How many rows of the change feed there are of each kind.
    pub fn counts(&self) -> Vec<(ChangeKind, u64)> {
        let mut counts: HashMap<ChangeKind, u64> = HashMap::new();
        let mut count = |kind, rows: usize| *counts.entry(kind).or_default() += rows as u64;
        count(ChangeKind::UserCreated, self.created.len());
        for change in self.edits.iter().flat_map(Edit::changes) {
            count(change.kind, 1);
        }
        count(ChangeKind::GroupCreated, self.groups_created.len());
        count(ChangeKind::GroupRenamed, self.groups_renamed.len());
        count(ChangeKind::GroupRemoved, self.groups_removed.len());
        for group in &self.members {
            count(ChangeKind::MemberAdded, group.added.len());
            count(ChangeKind::MemberRemoved, group.removed.len());
        }
        for (_, members) in &self.groups_removed {
            count(ChangeKind::MemberRemoved, members.len());
        }
        ChangeKind::ALL
            .iter()
            .filter_map(|kind| counts.get(kind).filter(|rows| **rows > 0).map(|rows| (*kind, *rows)))
            .collect()
    }
}

/// Compares what was seen with what is known.
pub fn diff(picture: Picture, moment: Moment) -> Diff {
    let Picture { sights, cloud_sights, gone, released, groups, groups_renamed, relisted, groups_gone } = picture;
    let new = sights.iter().filter(|sight| sight.known.is_none()).count()
        + cloud_sights.iter().filter(|sight| sight.known.is_none()).count();
    let mut diff = Diff { relisted, groups_renamed, created: Vec::with_capacity(new), ..Diff::default() };
    for Sight { user, record, export, known, place } in sights {
        match known {
            None => {
                debug_assert_eq!(user.new_index(), Some(diff.created.len()), "new users come in order");
                diff.created.push(merge(None, record, export.as_deref(), place, moment));
            }
            Some(known) => {
                let AccountRow { id, account: before } = *known;
                // Each new value counts, also one older than the latest.
                let news = |told: Option<&Told<Timestamp>>, known: Option<Timestamp>| match told {
                    Some(Told::Told(at)) => at.filter(|at| known != Some(*at)),
                    _ => None,
                };
                let told = record.as_ref().map(|record| &record.last_failed_login_at);
                diff.failed_logins.extend(news(told, before.times.last_failed_login_at).map(|at| (id, at)));
                let told = record.as_ref().map(|record| &record.last_login_at);
                let login = news(told, before.times.last_login_at);
                let after = merge(Some(&before), record, export.as_deref(), place, moment);
                // That of User Export, where Extender told none or an older one.
                let latest = after.times.last_login_at.filter(|at| before.times.last_login_at != Some(*at));
                diff.logins.extend(login.map(|at| (id, at)));
                diff.logins.extend(latest.filter(|at| login != Some(*at)).map(|at| (id, at)));
                if after != before {
                    diff.edits.push(Edit { id, before, after });
                }
            }
        }
    }
    for CloudSight { user, record, activity, known } in cloud_sights {
        match known {
            None => {
                debug_assert_eq!(user.new_index(), Some(diff.created.len()), "new users come in order");
                diff.created.push(merge_cloud(None, record, activity, moment));
            }
            Some(known) => {
                let AccountRow { id, account: before } = *known;
                let after = merge_cloud(Some(&before), record, activity, moment);
                let latest = after.times.last_active_at.filter(|at| before.times.last_active_at != Some(*at));
                diff.activity.extend(latest.map(|at| (id, at)));
                if after != before {
                    diff.edits.push(Edit { id, before, after });
                }
            }
        }
    }
    for AccountRow { id, account: before } in released {
        let after = released_by(&before, moment);
        diff.edits.push(Edit { id, before, after });
    }
    for Gone { known: AccountRow { id, account: before }, deleted } in gone {
        let after = departed(&before, deleted, moment);
        if after != before {
            diff.edits.push(Edit { id, before, after });
        }
    }
    diff.edits.sort_by_key(|edit| edit.id);
    for GroupSight { name, external_id, known, members, listing, before } in groups {
        let group = match &known {
            Some(known) => GroupRef::Known(known.id),
            None => {
                diff.groups_created.push(NewGroup { name: name.clone(), external_id });
                GroupRef::New(diff.groups_created.len() - 1)
            }
        };
        let Some(members) = members else { continue };
        let (added, removed) = compare(&before, &members);
        diff.members.push(GroupDiff { group, name, added, removed, members, listing });
    }
    diff.groups_removed = groups_gone;
    diff
}

/// Who joined and who left, both sides sorted.
fn compare(before: &[UserId], now: &[UserRef]) -> (Vec<UserRef>, Vec<UserId>) {
    let mut added = Vec::new();
    let mut removed = Vec::new();
    let mut old = before.iter().copied().peekable();
    for &member in now {
        if member.new_index().is_some() {
            added.push(member);
            continue;
        }
        let id = member.id(UserId(0));
        while let Some(left) = old.next_if(|old| *old < id) {
            removed.push(left);
        }
        if old.next_if_eq(&id).is_none() {
            added.push(member);
        }
    }
    removed.extend(old);
    (added, removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Presence;

    const T1: Timestamp = Timestamp::from_millis_clamped(1_000);
    const T2: Timestamp = Timestamp::from_millis_clamped(2_000);
    const NOW: Moment = Moment { at: T2, not_before: Some(T1), zone: Tz::UTC };
    const FIRST: Moment = Moment { at: T1, not_before: None, zone: Tz::UTC };

    fn record(name: &str) -> SeenUser {
        SeenUser {
            key: "k".to_owned(),
            name: name.to_owned(),
            email: Told::Told(Some("a@b".to_owned())),
            has_access: Some(true),
            ..SeenUser::default()
        }
    }

    fn known(record: SeenUser, place: Place) -> AccountRow {
        AccountRow { id: UserId(7), account: merge(None, Some(record), None, place, FIRST) }
    }

    fn one(known: AccountRow, record: SeenUser, place: Place) -> Diff {
        let user = UserRef::known(known.id);
        let sight = Sight { user, record: Some(record), export: None, known: Some(Box::new(known)), place };
        diff(Picture { sights: vec![sight], ..Picture::default() }, NOW)
    }

    fn told(diff: &Diff) -> Vec<(&'static str, &'static str)> {
        diff.edits.iter().flat_map(Edit::changes).map(|change| (change.kind.as_str(), change.field)).collect()
    }

    #[test]
    fn the_same_record_changes_nothing() {
        let diff = one(known(record("a"), Place::UserList), record("a"), Place::UserList);
        assert!(diff.edits.is_empty() && diff.logins.is_empty());
    }

    #[test]
    fn what_is_not_told_stays_and_what_is_blank_empties() {
        let untold = SeenUser { email: Told::Untold, ..record("a") };
        assert!(one(known(record("a"), Place::UserList), untold, Place::UserList).edits.is_empty());
        let blank = SeenUser { email: Told::Told(None), ..record("a") };
        assert_eq!(
            told(&one(known(record("a"), Place::UserList), blank, Place::UserList)),
            [("user.updated", "email")]
        );
    }

    #[test]
    fn losing_access_is_one_change_and_a_rename_another() {
        let lost = SeenUser { has_access: Some(false), ..record("b") };
        let diff = one(known(record("a"), Place::UserList), lost, Place::Group);
        assert_eq!(told(&diff), [("user.access-lost", "status"), ("user.renamed", "name")]);
        assert!(diff.edits[0].is_versioned());
    }

    #[test]
    fn a_login_is_no_change_and_never_goes_back() {
        let login = |at| SeenUser { last_login_at: Told::Told(at), ..record("a") };
        let first = one(known(login(None), Place::UserList), login(Some(T1)), Place::UserList);
        assert_eq!(first.logins, [(UserId(7), T1)]);
        assert!(first.edits[0].is_times_only() && told(&first).is_empty());
        let back = one(known(login(Some(T2)), Place::UserList), login(Some(T1)), Place::UserList);
        assert_eq!(back.logins, [(UserId(7), T1)]);
        assert!(back.edits.is_empty());
        let wiped = one(known(login(Some(T2)), Place::UserList), login(None), Place::UserList);
        assert!(wiped.edits.is_empty() && wiped.logins.is_empty());
    }

    #[test]
    fn gone_and_back() {
        let row = known(record("a"), Place::UserList);
        let gone = diff(Picture { gone: vec![Gone { known: row, deleted: false }], ..Picture::default() }, NOW);
        assert_eq!(told(&gone), [("user.missing", "status")]);
        let after = gone.edits[0].after.clone();
        assert_eq!(after.presence.missing_since, Some(T2));
        assert_eq!(after.presence.unlisted_seen_at, Some(T1));
        let back = one(AccountRow { id: UserId(7), account: after }, record("a"), Place::UserList);
        assert_eq!(told(&back), [("user.returned", "status")]);
        assert_eq!(back.edits[0].after.presence, Presence::default());
    }

    #[test]
    fn members_are_compared_as_sets() {
        let known = |id| UserRef::known(UserId(id));
        let (added, removed) =
            compare(&[UserId(1), UserId(3), UserId(5)], &[known(1), known(4), known(5), UserRef::new(0)]);
        assert_eq!(added, [known(4), UserRef::new(0)]);
        assert_eq!(removed, [UserId(3)]);
    }
}
