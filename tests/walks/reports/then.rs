//! What the pictures tell at one moment: who was there, since when, and what was known of them.

use std::collections::BTreeSet;

use rollbook::model::Timestamp;
use rollbook::render::Value;

use super::recorder::{Group, Picture, Record, Seen};

/// Milliseconds in a day.
pub const DAY: i64 = 86_400_000;

/// A row by its columns.
pub type Row = std::collections::BTreeMap<&'static str, Value>;

/// All sites at one moment.
#[derive(Debug)]
pub struct Then<'a> {
    pub at: Timestamp,
    /// Those that a walk had seen by then, in the order of their names.
    pub sites: Vec<SiteThen<'a>>,
    /// The sites that are asked about.
    pub chosen: Vec<&'static str>,
}

/// A site at one moment.
#[derive(Clone, Copy, Debug)]
pub struct SiteThen<'a> {
    pub at: Timestamp,
    pub record: &'a Record,
    /// What the walks up to then saw: at least one.
    pub pictures: &'a [Picture],
}

/// A user at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    pub site: SiteThen<'a>,
    pub key: &'a str,
    pub seen: &'a Seen,
}

/// When a user was there last.
#[derive(Clone, Copy, Debug)]
pub struct Activity {
    /// `idle`, `never` or `unknown`.
    pub reason: &'static str,
    /// Whole days since the user was there; of one who never was, the age of the account.
    pub days: Option<i64>,
}

/// A membership without a break.
#[derive(Clone, Copy, Debug)]
pub struct Spell<'a> {
    pub id: &'a str,
    pub user: &'a str,
    /// The picture that first shows it, and the one that first does not any more.
    pub from: usize,
    pub to: Option<usize>,
}

impl<'a> Then<'a> {
    pub fn new(records: &'a [Record], at: Timestamp, chosen: &[&'static str]) -> Self {
        let mut sites: Vec<_> = records.iter().filter_map(|record| SiteThen::new(record, at)).collect();
        sites.sort_by_key(|site| site.record.site);
        let chosen = match chosen {
            [] => records.iter().map(|record| record.site).collect(),
            chosen => chosen.to_vec(),
        };
        Self { at, sites, chosen }
    }

    /// The chosen sites that a walk had seen.
    pub fn asked(&self) -> impl Iterator<Item = SiteThen<'a>> + '_ {
        self.sites.iter().copied().filter(|site| self.chosen.contains(&site.record.site))
    }

    /// The users of the chosen sites, by site and key.
    pub fn people(&self) -> impl Iterator<Item = Person<'a>> + '_ {
        self.asked().flat_map(|site| site.people())
    }

    /// Those who hold a seat.
    pub fn seats(&self) -> impl Iterator<Item = Person<'a>> + '_ {
        self.people().filter(Person::is_seat)
    }
}

impl<'a> SiteThen<'a> {
    pub fn new(record: &'a Record, at: Timestamp) -> Option<Self> {
        let known = record.pictures.partition_point(|picture| picture.at <= at);
        (known > 0).then(|| Self { at, record, pictures: &record.pictures[..known] })
    }

    pub fn last(&self) -> &'a Picture {
        &self.pictures[self.pictures.len() - 1]
    }

    /// The moment of the walk before the one of a picture: what that one shows anew is younger.
    pub fn not_before(&self, picture: usize) -> Option<Timestamp> {
        picture.checked_sub(1).map(|before| self.pictures[before].looked_at)
    }

    pub fn people(self) -> impl Iterator<Item = Person<'a>> {
        self.last().users.iter().map(move |(key, seen)| Person { site: self, key, seen })
    }

    pub fn person(self, key: &str) -> Person<'a> {
        let (key, seen) = self.last().users.get_key_value(key).expect("nobody is forgotten");
        Person { site: self, key, seen }
    }

    /// The groups that are there.
    pub fn groups(self) -> impl Iterator<Item = (&'a str, &'a Group)> {
        self.last().groups.iter().map(|(id, group)| (id.as_str(), group))
    }

    /// What a group is called, or was when it was last there.
    pub fn group_name(&self, id: &str) -> &'a str {
        let named = self.pictures.iter().rev().find_map(|picture| picture.groups.get(id));
        &named.expect("a group that was seen").name
    }

    /// The picture with which the present life of a group begins.
    pub fn life(&self, id: &str) -> usize {
        let gone = self.pictures.iter().rposition(|picture| !picture.groups.contains_key(id));
        gone.map_or(0, |gone| gone + 1)
    }

    /// Every membership there was.
    pub fn spells(&self) -> Vec<Spell<'a>> {
        let mut spells: Vec<Spell<'a>> = Vec::new();
        for (nth, picture) in self.pictures.iter().enumerate() {
            let is_member =
                |id: &str, user: &str| picture.groups.get(id).is_some_and(|group| group.members.contains(user));
            for spell in spells.iter_mut().filter(|spell| spell.to.is_none()) {
                spell.to = (!is_member(spell.id, spell.user)).then_some(nth);
            }
            let open: BTreeSet<(&str, &str)> =
                spells.iter().filter(|spell| spell.to.is_none()).map(|spell| (spell.id, spell.user)).collect();
            for (id, group) in &picture.groups {
                let new = group.members.iter().filter(|user| !open.contains(&(id.as_str(), user.as_str())));
                spells.extend(new.map(|user| Spell { id, user, from: nth, to: None }));
            }
        }
        spells
    }
}

impl<'a> Person<'a> {
    /// What the mirror knows of the user now, whatever the moment.
    fn now(&self) -> &'a Seen {
        &self.site.record.pictures.last().expect("there was a walk").users[self.key]
    }

    pub fn is_active(&self) -> bool {
        self.seen.status == "active"
    }

    pub fn is_seat(&self) -> bool {
        self.seen.is_seat()
    }

    fn first(&self) -> usize {
        self.site.pictures.iter().position(|picture| picture.users.contains_key(self.key)).expect("it was seen")
    }

    pub fn first_seen_at(&self) -> Timestamp {
        self.site.pictures[self.first()].at
    }

    /// The picture with which the present status begins.
    pub fn run(&self) -> usize {
        self.site
            .pictures
            .iter()
            .rposition(|picture| picture.users.get(self.key).is_none_or(|seen| seen.status != self.seen.status))
            .map_or(0, |other| other + 1)
    }

    /// Since when the status is what it is.
    pub fn since(&self) -> Timestamp {
        self.site.pictures[self.run()].at
    }

    /// Every time of a kind that the walks told.
    fn times(&self, kind: fn(&Seen) -> Option<Timestamp>) -> BTreeSet<Timestamp> {
        self.site.pictures.iter().filter_map(|picture| kind(picture.users.get(self.key)?)).collect()
    }

    pub fn logins(&self) -> BTreeSet<Timestamp> {
        self.times(|seen| seen.last_login_at)
    }

    pub fn failures(&self) -> BTreeSet<Timestamp> {
        self.times(|seen| seen.last_failed_login_at)
    }

    /// When the user was there: log-ins, and activity on Cloud.
    pub fn visits(&self) -> BTreeSet<Timestamp> {
        let mut visits = self.logins();
        visits.extend(self.times(|seen| seen.last_active_at));
        visits
    }

    pub fn last_login_at(&self) -> Option<Timestamp> {
        self.logins().last().copied()
    }

    pub fn last_active_at(&self) -> Option<Timestamp> {
        self.times(|seen| seen.last_active_at).last().copied()
    }

    pub fn created_at(&self) -> Option<Timestamp> {
        self.now().created_at
    }

    /// As the mirror has it now: there is no history of it.
    pub fn updated_at(&self) -> Option<Timestamp> {
        self.now().updated_at.filter(|at| *at <= self.site.at)
    }

    /// Whether it was told by then, and is to this day, when the user was there last or that it never was.
    pub fn is_told(&self) -> bool {
        self.now().told_since.is_some_and(|since| since <= self.site.at)
    }

    pub fn activity(&self) -> Activity {
        let days = |since: Timestamp| Some((self.site.at.millis() - since.millis()) / DAY);
        match self.visits().last() {
            Some(last) => Activity { reason: "idle", days: days(*last) },
            None if self.is_told() => {
                Activity { reason: "never", days: days(self.created_at().unwrap_or(self.first_seen_at())) }
            }
            None => Activity { reason: "unknown", days: None },
        }
    }

    /// As [`Person::activity`], of one who was there within `days` days `current`.
    pub fn presence(&self, days: i64) -> Activity {
        match self.activity() {
            Activity { reason: "idle", days: Some(since) } if since < days => {
                Activity { reason: "current", days: Some(since) }
            }
            activity => activity,
        }
    }

    /// Nobody has seen the user for `days` days; nor has anybody said that there is nothing to see.
    pub fn is_idle(&self, days: i64) -> bool {
        self.activity().days.is_some_and(|since| since >= days)
    }

    /// The groups that the user is in.
    pub fn groups(&self) -> Vec<(&'a str, &'a Group)> {
        self.site.groups().filter(|(_, group)| group.members.contains(self.key)).collect()
    }

    pub fn row(&self) -> Row {
        Row::from([
            ("site", self.site.record.site.into()),
            ("key", self.key.into()),
            ("name", text(&self.seen.name)),
            ("full_name", text(&self.seen.full_name)),
            ("email", text(&self.seen.email)),
            ("status", self.seen.status.into()),
        ])
    }
}

/// Blank text is none.
pub fn text(text: &str) -> Value {
    (!text.is_empty()).then_some(text).into()
}

pub fn bit(bit: bool) -> Value {
    Value::Integer(bit.into())
}

/// Yes, no, or not told.
pub fn told(told: Option<bool>) -> Value {
    told.map_or(Value::Null, bit)
}

/// A count.
pub fn count(number: usize) -> Value {
    Value::Integer(number as i64)
}

/// `part` of `whole` in per cent, with one decimal.
pub fn percent(part: usize, whole: usize) -> Value {
    if whole == 0 { Value::Null } else { Value::Real((part as f64 * 1000.0 / whole as f64).round() / 10.0) }
}

/// `row` with further columns.
pub fn with<const N: usize>(mut row: Row, columns: [(&'static str, Value); N]) -> Row {
    row.extend(columns);
    row
}
