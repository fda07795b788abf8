//! Month by month.

use chrono::{Datelike, NaiveDate, Utc};
use rollbook::model::Timestamp;

use super::Expected;
use crate::reports::recorder::{Picture, Seen};
use crate::reports::then::{DAY, Person, Row, SiteThen, Then, bit, count, percent, with};

/// For so many days somebody may come back who was idle.
const WINDOW: i64 = 30 * DAY;

/// The first moment of the month of `at`.
pub fn month(at: Timestamp) -> Timestamp {
    let day = at.in_zone(&Utc).date_naive();
    first(day.year(), day.month())
}

/// The first moment of the month after the one that begins at `month`.
fn next(month: Timestamp) -> Timestamp {
    let day = month.in_zone(&Utc).date_naive();
    match day.month() {
        12 => first(day.year() + 1, 1),
        number => first(day.year(), number + 1),
    }
}

fn first(year: i32, month: u32) -> Timestamp {
    let day = NaiveDate::from_ymd_opt(year, month, 1).expect("a month");
    Timestamp::from_millis_clamped(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis())
}

/// The months from that of `from` to that of `to`.
fn months(from: Timestamp, to: Timestamp) -> impl Iterator<Item = Timestamp> {
    std::iter::successors(Some(month(from)), |month| Some(next(*month))).take_while(move |month| *month <= to)
}

pub fn activity(then: &Then) -> Expected {
    let of_site = |site| months(site_begins(&site), then.at).map(move |month| of_month(site, month));
    then.asked().flat_map(of_site).collect::<Vec<_>>().into()
}

fn site_begins(site: &SiteThen) -> Timestamp {
    site.pictures[0].at
}

fn of_month(site: SiteThen, month: Timestamp) -> Row {
    let end = next(month).plus_millis(-1);
    let within = |at: Timestamp| at >= month && at <= end;
    let people: Vec<Person> = site.people().collect();
    let is_active = |picture: &Picture, person: &Person| picture.users.get(person.key).is_some_and(Seen::is_seat);
    let actives = |picture: &Picture| people.iter().filter(|person| is_active(picture, person)).count();
    let seen_last = site.pictures.iter().rev().find(|picture| picture.at <= end);
    let (mut joiners, mut leavers) = (0, 0);
    for pair in site.pictures.windows(2).filter(|pair| within(pair[1].at)) {
        for person in &people {
            match (is_active(&pair[0], person), is_active(&pair[1], person)) {
                (false, true) => joiners += 1,
                (true, false) => leavers += 1,
                _ => {}
            }
        }
    }
    let found = &site.pictures[0];
    let may = people.iter().filter(|person| person.seen.may_hold_a_seat());
    let logged_in = may.filter(|person| person.visits().into_iter().any(within)).count();
    Row::from([
        ("site", site.record.site.into()),
        ("month", month.into()),
        ("ends_at", end.min(site.at).into()),
        ("active", count(seen_last.map_or(0, actives))),
        ("found", count(if within(found.at) { actives(found) } else { 0 })),
        ("joiners", count(joiners)),
        ("leavers", count(leavers)),
        ("logged_in", count(logged_in)),
        ("forgotten", count(0)),
    ])
}

/// What would have become of the seats freed at the first of a month, as it was known then.
struct Freed<'a> {
    month: Timestamp,
    seats: usize,
    /// Who would have lost the seat, and when that user was there again within the window.
    people: Vec<(Person<'a>, Option<Timestamp>)>,
}

fn freed<'a>(site: SiteThen<'a>, days: i64) -> Vec<Freed<'a>> {
    let begins = site_begins(&site);
    let firsts = months(begins, site.at).filter(|month| *month > begins);
    firsts
        .map(|month| {
            let before = SiteThen::new(site.record, month).expect("a walk was before");
            let seats: Vec<Person> = before.people().filter(Person::is_seat).collect();
            let back = |seat: &Person| {
                let visits = site.person(seat.key).visits();
                visits.into_iter().find(|at| *at > month && at.millis() <= month.millis() + WINDOW)
            };
            let people = seats.iter().filter(|seat| seat.is_idle(days)).map(|seat| (*seat, back(seat))).collect();
            Freed { month, seats: seats.len(), people }
        })
        .collect()
}

pub fn what_if(then: &Then, days: i64) -> Expected {
    let mut rows = Vec::new();
    for site in then.asked() {
        for Freed { month, seats, people } in freed(site, days) {
            let came_back = people.iter().filter(|(_, back)| back.is_some()).count();
            rows.push(Row::from([
                ("site", site.record.site.into()),
                ("month", month.into()),
                ("seats", count(seats)),
                ("freed", count(people.len())),
                ("came_back", count(came_back)),
                ("came_back_percent", percent(came_back, people.len())),
                ("complete", bit(month.plus_millis(WINDOW) <= site.last().at)),
            ]));
        }
    }
    rows.into()
}

pub fn came_back(then: &Then, days: i64) -> Expected {
    let mut rows = Vec::new();
    for site in then.asked() {
        for Freed { month, people, .. } in freed(site, days) {
            for (seat, back) in people.into_iter().filter_map(|(seat, back)| Some((seat, back?))) {
                let activity = seat.activity();
                let columns = [
                    ("month", month.into()),
                    ("days", activity.days.into()),
                    ("reason", activity.reason.into()),
                    ("came_back_at", back.into()),
                ];
                rows.push(with(site.person(seat.key).row(), columns));
            }
        }
    }
    rows.into()
}
