//! A large site that does not evolve and costs next to nothing to serve.
//!
//! Nothing is stored of a user: everything follows from its number, and the numbers are in the order of the names.
//! Pages are kept as they were first rendered.

mod cloud;
mod export;

use std::collections::HashMap;

use axum::http::StatusCode;
use bytes::Bytes;
use chrono_tz::Tz;
use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};

use self::cloud::Desk;
use self::export::Roster;
use super::call::{Call, Detail, Endpoint, Page, Reply, Search};
use super::extender::{self, Dates, Record};
use super::names::{DEPARTMENTS, LOCATIONS};
use super::settings::{Settings, UserExportApp};
use crate::model::Timestamp;

/// An account's number. Even ones may use Confluence and are in the user list; an odd one may not, and sorts directly
/// behind its even neighbour.
type Number = u32;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Listing {
    Users,
    Groups,
    Members(usize),
    /// What User Export lists: with active users, with inactive ones.
    Export(bool, bool),
}

pub(super) struct Bulk {
    users: usize,
    groups: Vec<(String, Vec<Number>)>,
    zone: Tz,
    /// The last log-ins of a site that nobody has touched lie before this day.
    today: i64,
    /// Later log-ins.
    bumped: HashMap<Number, i64>,
    bumps: u64,
    pages: HashMap<(Listing, Page, Detail), Bytes>,
    export: Roster,
    desk: Desk,
}

/// One in so many accounts has no access.
const BLOCK: usize = 100;
/// The account in each block behind which one without access stands.
const OUTSIDER: usize = 50;
/// Accounts without access are found in so many groups alone.
const FORMER: usize = 5;
/// Memberships beyond `confluence-users`, for each user.
const FURTHER: f64 = 3.9;

const GIVEN: &[&str] =
    &["aisling", "bjoern", "chloe", "dmitry", "fatima", "haakon", "jihun", "katarzyna", "sofia", "zoe"];
const FAMILY: &[&str] =
    &["andersson", "celik", "dvorak", "kovacs", "mueller", "nowak", "obrien", "shevchenko", "tanaka"];

impl Bulk {
    pub fn generate(settings: &Settings) -> Self {
        let &Settings { groups, seed, first_day, zone, .. } = settings;
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let users = settings.users.max(1);
        let even = |user: usize| (2 * user) as Number;
        let mut lists = vec![
            ("confluence-administrators".to_owned(), (0..users).step_by(users.div_ceil(20)).map(even).collect()),
            ("confluence-users".to_owned(), (0..users).map(even).collect()),
        ];
        let outsiders: Vec<_> = (OUTSIDER..users).step_by(BLOCK).map(|user| even(user) + 1).collect();
        for nth in 0..FORMER {
            let mut members: Vec<_> = outsiders.iter().copied().skip(nth).step_by(FORMER).collect();
            members.extend((0..members.len()).map(|_| even(rng.random_range(0..users))));
            lists.push((format!("former-{nth}"), members));
        }
        let rest = groups.saturating_sub(lists.len()).max(1);
        // A few large groups and many small ones, adding up to FURTHER memberships a user.
        let weights: Vec<f64> = (0..rest).map(|nth| 1.0 / (10.0 + nth as f64)).collect();
        let scale = users as f64 * FURTHER / weights.iter().sum::<f64>();
        for (nth, weight) in weights.iter().enumerate() {
            let size = ((weight * scale) as usize).clamp(1, users);
            let members = (0..size).map(|_| even(rng.random_range(0..users))).collect();
            lists.push((format!("team-{nth:06}"), members));
        }
        for (_, members) in &mut lists {
            members.sort_unstable();
            members.dedup();
        }
        let today = first_day.and_hms_opt(0, 0, 0).expect("midnight is a time").and_utc().timestamp_millis();
        Self {
            users,
            desk: Desk::new(if settings.cloud.is_some() { &lists } else { &[] }),
            groups: lists,
            zone,
            today,
            bumped: HashMap::new(),
            bumps: 0,
            pages: HashMap::new(),
            export: Roster::new(settings.user_export == UserExportApp::WithLastLogin),
        }
    }

    /// The next `users` accounts, spread over the list, log in.
    pub fn bump_logins(&mut self, users: usize) {
        let users = users.min(self.users);
        let stride = self.users / users.max(1);
        for nth in 0..users {
            // Another account of the same stretch each time.
            let user = nth * stride + self.bumps as usize % stride;
            let login = self.today + (self.bumps as i64 + 1) * 86_400_000 + nth as i64 * 7;
            self.bumped.insert((2 * user) as Number, login);
        }
        self.bumps += 1;
        // User Export has but one level of detail, with the last log-in.
        self.pages
            .retain(|(listing, _, detail), _| *detail != Detail::Extended && !matches!(listing, Listing::Export(..)));
        self.desk.forget_activity();
    }

    pub fn answer(&mut self, call: &Call, page: Page) -> Reply {
        let listing = match call.endpoint {
            Endpoint::UserList => Listing::Users,
            Endpoint::GroupList => Listing::Groups,
            Endpoint::GroupMembers => {
                match self.groups.binary_search_by(|(name, _)| name.as_str().cmp(&call.subject)) {
                    Ok(group) => Listing::Members(group),
                    Err(_) => return extender::no_such_group(&call.subject),
                }
            }
            Endpoint::UserDetails => return self.look_up(&call.subject),
            Endpoint::UserExportSearch if !call.search.text.is_empty() => {
                return Reply::json(StatusCode::OK, self.search(&call.search, page));
            }
            Endpoint::UserExportSearch => Listing::Export(call.search.active, call.search.inactive),
            _ => return Reply::message(StatusCode::NOT_FOUND, "null for uri"),
        };
        let key = (listing, page, call.detail);
        if let Some(body) = self.pages.get(&key) {
            return Reply::json(StatusCode::OK, body.clone());
        }
        let body = Bytes::from(self.render(listing, page, call.detail));
        self.pages.insert(key, body.clone());
        Reply::json(StatusCode::OK, body)
    }

    fn render(&self, listing: Listing, page: Page, detail: Detail) -> Vec<u8> {
        match listing {
            Listing::Users => {
                let numbers = page.range(self.users).map(|user| (2 * user) as Number);
                self.user_page(self.users, page, numbers, detail)
            }
            Listing::Members(group) => {
                let members = &self.groups[group].1;
                self.user_page(members.len(), page, members[page.range(members.len())].iter().copied(), detail)
            }
            Listing::Groups => {
                let names: Vec<_> =
                    self.groups[page.range(self.groups.len())].iter().map(|(name, _)| name.as_str()).collect();
                extender::group_page(self.groups.len(), page, &names)
            }
            Listing::Export(true, true) => {
                let places = page.range(self.accounts());
                let more = places.end < self.accounts();
                self.export_page(places, more)
            }
            Listing::Export(active, inactive) => self.search(&Search { text: String::new(), active, inactive }, page),
        }
    }

    fn user_page(&self, total: usize, page: Page, users: impl Iterator<Item = Number>, detail: Detail) -> Vec<u8> {
        let dates = Dates::new(self.zone, None);
        extender::user_page(total, page, |body| {
            for (nth, user) in users.enumerate() {
                if nth > 0 {
                    body.push(b',');
                }
                self.write(user, detail, &dates, body);
            }
        })
    }

    fn look_up(&self, name: &str) -> Reply {
        match self.number_of(name) {
            Some(number) => {
                let mut body = Vec::new();
                self.write(number, Detail::Extended, &Dates::new(self.zone, None), &mut body);
                Reply::json(StatusCode::OK, body)
            }
            None => extender::no_such_user(name),
        }
    }

    /// Who has this name: `given.family0000042`, with `-x` behind it when the account has no access.
    fn number_of(&self, name: &str) -> Option<Number> {
        let lower = name.to_lowercase();
        let (plain, odd) = lower.strip_suffix("-x").map_or((lower.as_str(), 0), |plain| (plain, 1));
        let digits = plain.trim_start_matches(|c: char| !c.is_ascii_digit());
        let number =
            digits.parse::<usize>().ok().filter(|&user| user < self.users).map(|user| (2 * user) as Number + odd);
        number.filter(|&number| self.name(number) == lower)
    }

    fn key(number: Number) -> String {
        format!("2c9b8082{number:08x}{:016x}", Self::mixed(number))
    }

    /// Names sort as the numbers do: the given names divide the list, the family names each part, then it counts.
    fn name(&self, number: Number) -> String {
        let user = number as usize / 2;
        let stretch = self.users.div_ceil(GIVEN.len() * FAMILY.len());
        let (given, family) = (user / stretch / FAMILY.len(), user / stretch % FAMILY.len());
        let suffix = if number % 2 == 1 { "-x" } else { "" };
        format!("{}.{}{user:07}{suffix}", GIVEN[given], FAMILY[family])
    }

    /// An odd multiplier permutes the numbers, so that neighbours do not look alike.
    fn mixed(number: Number) -> u64 {
        u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// When an account was created, updated, and last used.
    fn times(&self, number: Number) -> (Timestamp, Timestamp, Option<Timestamp>) {
        let mixed = Self::mixed(number);
        let days = |days: u64| days as i64 * 86_400_000;
        let created = self.today - days(400 + (mixed >> 20) % 2500) - (mixed >> 40) as i64 % 80_000_000;
        let login = self.bumped.get(&number).copied().or_else(|| {
            (!(mixed >> 8).is_multiple_of(20))
                .then(|| self.today - days((mixed >> 30) % 390) - (mixed >> 36) as i64 % 80_000_000)
        });
        let time = Timestamp::from_millis_clamped;
        (time(created), time(created + days((mixed >> 26) % 300)), login.map(time))
    }

    fn write(&self, number: Number, detail: Detail, dates: &Dates, body: &mut Vec<u8>) {
        let name = self.name(number);
        let mixed = Self::mixed(number);
        let (department, posts) = (&DEPARTMENTS[mixed as usize % DEPARTMENTS.len()], number as usize);
        let (created_at, updated_at, last_login_at) = self.times(number);
        Record {
            key: &Self::key(number),
            email: &email(&name),
            name: &name,
            full_name: &full_name(&name),
            department: department.1,
            position: department.2[posts % department.2.len()],
            location: LOCATIONS[(mixed >> 12) as usize % LOCATIONS.len()],
            phone: &if mixed >> 16 & 1 == 0 { format!("+49 30 {:07}", mixed >> 44) } else { String::new() },
            im: "",
            website: "",
            created_at,
            updated_at,
            last_login_at,
            last_failed_login_at: None,
            has_access: has_access(number),
        }
        .write(detail, dates, body);
    }
}

/// Even numbers have it. Odd ones are disabled, as User Export tells.
fn has_access(number: Number) -> bool {
    number.is_multiple_of(2)
}

fn full_name(name: &str) -> String {
    format!("{} {}", name.replacen('.', " ", 1), "Ünal")
}

fn email(name: &str) -> String {
    format!("{name}@example.com")
}
