//! Groups, who is in them, and whom they let in.

use std::collections::{BTreeMap, BTreeSet};

use rollbook::model::Timestamp;
use rollbook::render::Value;

use super::Expected;
use super::exceptions::fits;
use crate::reports::recorder::Group;
use crate::reports::then::{Person, Row, SiteThen, Then, bit, count, text, with};

pub fn groups(then: &Then) -> Expected {
    let mut rows = Vec::new();
    for site in then.asked() {
        let spells = site.spells();
        let mut groups: Vec<(&str, &Group)> = site.groups().collect();
        groups.sort_by_key(|(_, group)| &group.name);
        for (id, group) in groups {
            let life = site.life(id);
            let own = spells.iter().filter(|spell| spell.id == id && spell.from >= life);
            let last = own.map(|spell| spell.to.unwrap_or(spell.from)).max();
            // Extender takes the name in the path.
            let known = group.external_id.is_some() || !group.name.contains('/');
            let told = |value: Value| if known { value } else { Value::Null };
            let active = group.members.iter().filter(|key| site.person(key).is_active()).count();
            rows.push(Row::from([
                ("site", site.record.site.into()),
                ("group", text(&group.name)),
                ("external_id", group.external_id.as_deref().into()),
                ("members", told(count(group.members.len()))),
                ("active_members", told(count(active))),
                ("first_seen_at", site.pictures[life].at.into()),
                ("empty", told(bit(group.members.is_empty()))),
                ("last_change_at", last.map(|nth| site.pictures[nth].at).into()),
            ]));
        }
    }
    rows.into()
}

/// The memberships of a user, by the names of the groups.
fn memberships_of<'a>(person: &Person<'a>) -> Vec<(&'a Group, Timestamp)> {
    let mut groups = person.groups();
    groups.sort_by_key(|(_, group)| &group.name);
    let pictures = person.site.pictures;
    let since = |id: &str| {
        let is_out = |picture: &crate::reports::recorder::Picture| {
            picture.groups.get(id).is_none_or(|group| !group.members.contains(person.key))
        };
        pictures[pictures.iter().rposition(is_out).map_or(0, |out| out + 1)].at
    };
    groups.into_iter().map(|(id, group)| (group, since(id))).collect()
}

pub fn memberships(then: &Then, only: Option<&str>) -> Expected {
    let mut rows = Vec::new();
    for person in then.people() {
        for (group, since) in memberships_of(&person) {
            if only.is_none_or(|only| only == group.name) {
                rows.push(with(person.row(), [("group", text(&group.name)), ("since", since.into())]));
            }
        }
    }
    rows.into()
}

pub fn membership_changes(then: &Then, since: Timestamp, only: Option<&str>) -> Expected {
    let mut rows = Vec::new();
    for site in then.asked() {
        for spell in site.spells() {
            let name = site.group_name(spell.id);
            let events = [(Some(spell.from), "member.added"), (spell.to, "member.removed")];
            for (nth, kind) in events.into_iter().filter_map(|(nth, kind)| Some((nth?, kind))) {
                let at = site.pictures[nth].at;
                // The first walk found its members, it did not see them join.
                if nth > 0 && at >= since && only.is_none_or(|only| only == name) {
                    let columns = [
                        ("group", text(name)),
                        ("kind", kind.into()),
                        ("at", at.into()),
                        ("not_before", site.not_before(nth).into()),
                        ("walk_id", site.pictures[nth].walk.into()),
                    ];
                    rows.push(with(site.person(spell.user).row(), columns));
                }
            }
        }
    }
    Expected { rows, order: &["site", "at"] }
}

pub fn admins(then: &Then, patterns: &[&str], days: i64) -> Expected {
    let mut rows = Vec::new();
    for person in then.people() {
        let activity = person.presence(days);
        let rank = ["never", "idle", "unknown", "current"].iter().position(|reason| *reason == activity.reason);
        for (group, since) in memberships_of(&person) {
            if !patterns.iter().any(|pattern| fits(pattern, &group.name)) {
                continue;
            }
            let columns = [
                ("group", text(&group.name)),
                ("since", since.into()),
                ("last_login_at", person.last_login_at().into()),
                ("last_active_at", person.last_active_at().into()),
                ("days", activity.days.into()),
                ("reason", activity.reason.into()),
            ];
            let row = with(person.row(), columns);
            let age = if activity.reason == "never" { None } else { activity.days };
            rows.push(((rank, age.map(|days| -days), person.site.record.site, person.key, &group.name), row));
        }
    }
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>().into()
}

/// Why each seat is one. `configured` are the groups, by site and name, that are said to grant access.
pub fn licence_groups(then: &Then, configured: &[(String, String)]) -> Expected {
    let mut rows = Vec::new();
    for site in then.asked() {
        let named: BTreeSet<&str> =
            configured.iter().filter(|(of, _)| of == site.record.site).map(|(_, name)| name.as_str()).collect();
        let granting = if named.is_empty() { Granting::deduce(site) } else { Granting::Configured(named) };
        for person in site.people().filter(Person::is_seat) {
            for (group, basis) in granting.of(&person) {
                let columns = [
                    ("group", group.map_or(Value::Null, |group| text(&group.name))),
                    ("basis", basis.into()),
                    ("members", group.map_or(Value::Null, |group| count(group.members.len()))),
                ];
                rows.push(with(person.row(), columns));
            }
        }
    }
    rows.into()
}

enum Granting<'a> {
    /// The configuration names them.
    Configured(BTreeSet<&'a str>),
    /// The site does not say who has access.
    NotKnown,
    /// By id, whether it is the only one that explains somebody's access.
    Deduced(BTreeMap<&'a str, bool>),
}

impl<'a> Granting<'a> {
    /// A group may be one that grants access when somebody in it has access, and nobody is shut out though in it.
    fn deduce(site: SiteThen<'a>) -> Self {
        let holders: Vec<Person> = site.people().filter(Person::is_seat).collect();
        if holders.iter().all(|holder| holder.seen.has_access.is_none()) {
            return Self::NotKnown;
        }
        let mut may = BTreeMap::new();
        for (id, group) in site.groups() {
            let members = || group.members.iter().map(|key| site.person(key).seen);
            let lets_in = members().any(|seen| seen.has_access == Some(true));
            let shuts_out = members().any(|seen| seen.has_access == Some(false) && seen.status == "no-access");
            if lets_in && !shuts_out {
                may.insert(id, false);
            }
        }
        for holder in holders.iter().filter(|holder| holder.seen.has_access == Some(true)) {
            let groups = holder.groups();
            if let [only] = groups.iter().filter(|(id, _)| may.contains_key(id)).collect::<Vec<_>>()[..] {
                may.insert(only.0, true);
            }
        }
        Self::Deduced(may)
    }

    /// The groups that let a user in, by their names, and how that is known; without a group why it is not.
    fn of(&self, person: &Person<'a>) -> Vec<(Option<&'a Group>, &'static str)> {
        let mut groups = person.groups();
        groups.sort_by_key(|(_, group)| &group.name);
        let those = |which: &dyn Fn(&str, &Group) -> bool, basis: &'static str| -> Vec<_> {
            let chosen = groups.iter().filter(|(id, group)| which(id, group));
            chosen.map(|(_, group)| (Some(*group), basis)).collect()
        };
        let (found, none) = match self {
            Self::NotKnown => (vec![], "not known"),
            Self::Configured(names) => {
                (those(&|_, group| names.contains(group.name.as_str()), "configured"), "none of the configured")
            }
            Self::Deduced(may) => {
                let proven = those(&|id, _| may.get(id) == Some(&true), "deduced");
                let found = if proven.is_empty() { those(&|id, _| may.contains_key(id), "possible") } else { proven };
                (found, "unexplained")
            }
        };
        if found.is_empty() { vec![(None, none)] } else { found }
    }
}
