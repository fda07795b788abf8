//! One person: what the site's records of it said during the year. Pure.

use std::collections::BTreeMap;

use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rollbook::model::{Account, Presence, Profile, Standing, Status, Times, Timestamp};

use super::{DAY, FIRST_WALK, WALKS, Walk, Year, moment, seen_by};

/// A person, as the walks saw it.
pub struct Person {
    /// `users.id`
    pub id: u32,
    /// The walk that saw it first.
    pub found: Walk,
    /// Each with the walk that brought it, oldest first. The last is what is known now.
    pub versions: Vec<(Walk, Account)>,
    /// Log-ins, each with the walk that brought it, oldest first.
    pub logins: Vec<(Timestamp, Walk)>,
    /// Failed ones.
    pub failures: Vec<(Timestamp, Walk)>,
    /// Memberships, one a group.
    pub memberships: Vec<Membership>,
}

/// From one walk on, until another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Membership {
    /// `groups.id`, less 1; 0 is the group that grants access.
    pub group: u16,
    /// `users.id`
    pub user: u32,
    /// The walk that saw it first.
    pub from: Walk,
    /// The walk that saw it no more.
    pub to: Option<Walk>,
}

/// What happens to a person between two walks.
enum Event {
    Marries,
    Moves,
    Stands(Status),
}

const GIVEN: [(&str, &str); 20] = [
    ("Aisling", "aisling"),
    ("Björn", "bjoern"),
    ("Chloé", "chloe"),
    ("Daniel", "daniel"),
    ("Elif", "elif"),
    ("François", "francois"),
    ("Grace", "grace"),
    ("Katarzyna", "katarzyna"),
    ("Łukasz", "lukasz"),
    ("Maria Magdalena", "maria"),
    ("Oliver", "oliver"),
    ("Priya", "priya"),
    ("Renée", "renee"),
    ("Thomas", "thomas"),
    ("Věra", "vera"),
    ("Zoë", "zoe"),
    ("Дмитрий", "dmitry"),
    ("Ελένη", "eleni"),
    ("さくら", "sakura"),
    ("يوسف", "youssef"),
];
const FAMILY: [(&str, &str); 20] = [
    ("Andersson", "andersson"),
    ("Çelik", "celik"),
    ("Dvořák", "dvorak"),
    ("Eriksen", "eriksen"),
    ("Fernández", "fernandez"),
    ("García Márquez", "garcia"),
    ("Großmann", "grossmann"),
    ("Huber", "huber"),
    ("Ionescu", "ionescu"),
    ("Kovács", "kovacs"),
    ("Lefèvre", "lefevre"),
    ("Müller", "mueller"),
    ("Nowak", "nowak"),
    ("O'Brien", "obrien"),
    ("Rossi", "rossi"),
    ("Smith", "smith"),
    ("van der Berg", "vanderberg"),
    ("Шевченко", "shevchenko"),
    ("Παπαδόπουλος", "papadopoulos"),
    ("渡辺", "watanabe"),
];
const DEPARTMENTS: [&str; 10] = [
    "Engineering",
    "Operations",
    "Sales",
    "Marketing",
    "Finance & Controlling",
    "Human Resources",
    "Legal",
    "Forschung & Entwicklung",
    "Customer Success",
    "Procurement",
];
const POSITIONS: [&str; 8] = [
    "Software Engineer",
    "Senior Engineer",
    "Key Account Manager",
    "System Administrator",
    "Team Lead",
    "Auditor",
    "Wissenschaftliche Mitarbeiterin",
    "Controller",
];
const LOCATIONS: [&str; 8] = ["Berlin", "Kraków", "Dublin", "São Paulo", "東京", "Αθήνα", "Remote", "New York"];
const DIRECTORIES: [&str; 3] = ["Corporate LDAP", "Crowd", "Confluence Internal Directory"];
const LANGUAGES: [&str; 4] = ["en_GB", "de_DE", "pl_PL", "Default"];

impl Person {
    /// The user with the number `id`.
    pub fn of(year: &Year, id: u32) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(year.seed.rotate_left(32) ^ u64::from(id));
        let rng = &mut rng;
        let found = year.found_by(id);
        let events = events(rng, found);
        let mut versions = versions(rng, id, found, events);
        let (_, now) = versions.last().expect("it is known by what it was found with");
        let ends = versions.iter().find(|(_, account)| account.standing == now.standing).map(|(walk, _)| *walk);
        // A user who was found without access had it once.
        let ends = ends.filter(|_| now.standing.status != Status::Active);
        let (known, logins) = logins(rng, found, ends);
        let failures = logins
            .iter()
            .filter(|_| rng.random_bool(0.03))
            .map(|(at, walk)| (at.plus_millis(-90_000), *walk))
            .collect::<Vec<_>>();
        let gone = matches!(now.standing.status, Status::Deleted | Status::Missing);
        let memberships = memberships(rng, year, id, found, ends, gone);
        let (changed, last) = versions.last_mut().expect("as above");
        date(rng, last, found, *changed, ends);
        last.times.last_login_known = known;
        last.times.last_login_at = logins.last().map(|(at, _)| *at);
        last.times.last_failed_login_at = failures.last().map(|(at, _)| *at);
        Self { id, found, versions, logins, failures, memberships }
    }
}

/// What the year brings: about one thing a user.
fn events(rng: &mut ChaCha8Rng, found: Walk) -> BTreeMap<Walk, Event> {
    let mut events = BTreeMap::new();
    let fate = match rng.random_range(0..1_000) {
        0..840 => Status::Active,
        840..900 => Status::NoAccess,
        900..970 => Status::Deactivated,
        970..990 => Status::Deleted,
        _ => Status::Missing,
    };
    let later = |rng: &mut ChaCha8Rng| rng.random_range(found + 1..WALKS.max(found + 2));
    let mut end = WALKS;
    if fate != Status::Active {
        // Who is proven gone or missing was there before; of the others half were found so.
        let is_found = matches!(fate, Status::NoAccess | Status::Deactivated) && rng.random_bool(0.5);
        end = if is_found { found } else { later(rng) };
        events.insert(end, Event::Stands(fate));
    } else if rng.random_bool(0.05) {
        // For a while only.
        let (one, other) = (later(rng), later(rng));
        let status = if rng.random_bool(0.5) { Status::NoAccess } else { Status::Deactivated };
        events.insert(one.max(other), Event::Stands(Status::Active));
        events.insert(one.min(other), Event::Stands(status));
    }
    for _ in 0..[0, 0, 0, 0, 1, 1, 1, 2, 2, 3][rng.random_range(0..10)] {
        let walk = later(rng);
        if walk < end {
            let event = if rng.random_bool(0.15) { Event::Marries } else { Event::Moves };
            events.entry(walk).or_insert(event);
        }
    }
    events.retain(|walk, _| *walk < WALKS);
    events
}

fn versions(rng: &mut ChaCha8Rng, id: u32, found: Walk, events: BTreeMap<Walk, Event>) -> Vec<(Walk, Account)> {
    let key = format!("{:032x}", rng.random::<u128>());
    let first =
        Account { key: Some(key), profile: profile(rng, id), standing: stands(Status::Active), ..Account::unknown() };
    let mut versions = vec![(found, first)];
    for (walk, event) in events {
        let (since, before) = versions.last().expect("it begins with one");
        let mut after = before.clone();
        match event {
            Event::Marries => marry(rng, &mut after.profile, id),
            Event::Moves => move_on(rng, &mut after.profile),
            Event::Stands(status) => after.standing = stands(status),
        }
        if *since == walk {
            versions.pop();
        } else if after == *before {
            continue;
        }
        versions.push((walk, after));
    }
    versions
}

/// What the sources say of a user who stands so.
fn stands(status: Status) -> Standing {
    let (active, has_access) = match status {
        Status::Active => (Some(true), Some(true)),
        Status::NoAccess => (Some(true), Some(false)),
        Status::Deactivated => (Some(false), Some(false)),
        Status::Deleted => (None, Some(false)),
        Status::Missing | Status::Unknown => (None, None),
    };
    Standing { status, active, has_access }
}

fn profile(rng: &mut ChaCha8Rng, id: u32) -> Profile {
    let mut profile = Profile {
        directory: pick(rng, &DIRECTORIES),
        language: pick(rng, &LANGUAGES),
        im: some(rng, 0.15, |rng| format!("@chat{}", rng.random_range(1_000..9_999))),
        website: some(rng, 0.08, |rng| format!("https://people.example.com/~{}", rng.random_range(1_000..9_999))),
        ..Profile::default()
    };
    marry(rng, &mut profile, id);
    move_on(rng, &mut profile);
    profile
}

/// Another name, which nobody else has: with the user's number behind it.
fn marry(rng: &mut ChaCha8Rng, profile: &mut Profile, id: u32) {
    let (given, given_ascii) = GIVEN.choose(rng).expect("there are names");
    let (family, family_ascii) = FAMILY.choose(rng).expect("there are names");
    profile.name = format!("{given_ascii}.{family_ascii}{id}");
    profile.full_name = Some(format!("{given} {family}"));
    profile.email = Some(format!("{}@corp.example.com", profile.name));
}

/// Another post, and what goes with it.
fn move_on(rng: &mut ChaCha8Rng, profile: &mut Profile) {
    profile.department = some(rng, 0.85, |rng| {
        format!("{} {}", DEPARTMENTS.choose(rng).expect("there are departments"), rng.random_range(1..40))
    });
    profile.position = pick(rng, &POSITIONS).filter(|_| rng.random_bool(0.6));
    profile.location = pick(rng, &LOCATIONS);
    profile.phone = some(rng, 0.4, |rng| format!("+49 30 5550-{}", rng.random_range(1_000..9_999)));
}

fn pick(rng: &mut ChaCha8Rng, texts: &[&str]) -> Option<String> {
    texts.choose(rng).map(|text| (*text).to_owned())
}

fn some(rng: &mut ChaCha8Rng, share: f64, text: impl FnOnce(&mut ChaCha8Rng) -> String) -> Option<String> {
    rng.random_bool(share).then(|| text(rng))
}

/// The moments that are kept with what is known now; `since` is the walk since which it stands so, unless it is active.
fn date(rng: &mut ChaCha8Rng, account: &mut Account, found: Walk, changed: Walk, since: Option<Walk>) {
    let before = if found == 0 { 3_000 * DAY } else { DAY };
    let created = moment(found).plus_millis(-rng.random_range(1..before));
    let edited = if changed == found { created } else { moment(changed).plus_millis(-rng.random_range(1..DAY)) };
    account.times = Times { created_at: Some(created), updated_at: Some(edited), ..Times::default() };
    let when = |status| since.filter(|_| account.standing.status == status).map(moment);
    let (missing_since, deactivated_at, deleted_at) =
        (when(Status::Missing), when(Status::Deactivated), when(Status::Deleted));
    // Last seen by the walk before the one that found it gone.
    let unlisted_seen_at = missing_since.or(deleted_at).map(|at| at.plus_millis(-DAY));
    account.presence = Presence { unlisted_seen_at, missing_since, deactivated_at, deleted_at };
}

/// Whether the site tells log-ins, and those it told: a walk sees the last one alone.
fn logins(rng: &mut ChaCha8Rng, found: Walk, ends: Option<Walk>) -> (bool, Vec<(Timestamp, Walk)>) {
    let mut seen: Vec<(Timestamp, Walk)> = Vec::new();
    let a_year = match rng.random_range(0..100) {
        0 => return (false, seen),
        1..7 => return (true, seen),
        7..22 => 45.0,
        22..65 => 17.0,
        65..90 => 6.0,
        _ => 0.6,
    };
    let year = 365.0 * DAY as f64;
    let whole = moment(WALKS - 1).millis();
    // Some lose the habit.
    let habit_ends = if rng.random_bool(0.2) { rng.random_range(FIRST_WALK - 365 * DAY..whole) } else { whole };
    let until = ends.map_or(whole, |walk| moment(walk).millis() - 1).min(habit_ends);
    let earliest = if found == 0 { until.min(FIRST_WALK) - 120 * DAY } else { moment(found).millis() - DAY };
    let mut at = earliest as f64;
    loop {
        at += -(1.0 - rng.random::<f64>()).ln() * year / a_year;
        if at >= until as f64 {
            return (true, seen);
        }
        let walk = seen_by(at as i64).max(found);
        if seen.last().is_some_and(|(_, before)| *before == walk) {
            seen.pop();
        }
        seen.push((Timestamp::from_millis_clamped(at as i64), walk));
    }
}

/// The group that grants access, while it does, and about four others.
fn memberships(
    rng: &mut ChaCha8Rng,
    year: &Year,
    user: u32,
    found: Walk,
    ends: Option<Walk>,
    gone: bool,
) -> Vec<Membership> {
    let mut memberships: Vec<Membership> = Vec::new();
    if ends != Some(found) {
        memberships.push(Membership { group: 0, user, from: found, to: ends });
    }
    for _ in 0..rng.random_range(2..=6) {
        // A few groups are large, most are small.
        let group = 1 + (f64::from(year.groups - 1) * rng.random::<f64>().powi(2)) as u16;
        let from = if rng.random_bool(0.85) { found } else { rng.random_range(found..WALKS) };
        let to =
            Some(from.saturating_add(rng.random_range(1..=WALKS))).filter(|to| *to < WALKS && rng.random_bool(0.25));
        let end = ends.filter(|_| gone);
        let to = to.into_iter().chain(end).min();
        if to.is_none_or(|to| to > from) && memberships.iter().all(|other| other.group != group) {
            memberships.push(Membership { group, user, from, to });
        }
    }
    memberships
}
