//! Who holds a seat, and who uses it.

use super::Expected;
use crate::reports::then::{Person, Row, SiteThen, Then, count, percent, text, with};

fn used(person: &Person) -> Row {
    let activity = person.activity();
    let columns = [
        ("last_login_at", person.last_login_at().into()),
        ("last_active_at", person.last_active_at().into()),
        ("days", activity.days.into()),
        ("reason", activity.reason.into()),
    ];
    with(person.row(), columns)
}

/// Whom the reports on unused seats name: also those of whom nothing is known.
fn is_unused(person: &Person, days: i64) -> bool {
    person.is_active() && (person.is_idle(days) || person.activity().reason == "unknown")
}

pub fn licensed(then: &Then) -> Expected {
    let rows = then.seats().map(|person| {
        let columns = [("directory", text(person.seen.text("directory"))), ("created_at", person.created_at().into())];
        with(used(&person), columns)
    });
    rows.collect::<Vec<_>>().into()
}

pub fn inactive(then: &Then, days: i64) -> Expected {
    then.people().filter(|person| is_unused(person, days)).map(|person| used(&person)).collect::<Vec<_>>().into()
}

pub fn reclaimable(then: &Then, days: i64) -> Expected {
    then.seats().filter(|person| is_unused(person, days)).map(|person| used(&person)).collect::<Vec<_>>().into()
}

pub fn never_logged_in(then: &Then, days: i64) -> Expected {
    let never = |person: &Person| person.is_active() && person.activity().reason == "never" && person.is_idle(days);
    let rows = then.people().filter(never).map(|person| {
        let columns = [
            ("created_at", person.created_at().into()),
            ("first_seen_at", person.first_seen_at().into()),
            ("days", person.activity().days.into()),
        ];
        with(person.row(), columns)
    });
    rows.collect::<Vec<_>>().into()
}

pub fn seats(then: &Then, days: i64, tier: Option<i64>) -> Expected {
    then.asked().map(|site| of_site(site, days, tier)).collect::<Vec<_>>().into()
}

fn of_site(site: SiteThen, days: i64, tier: Option<i64>) -> Row {
    let seats: Vec<Person> = site.people().filter(Person::is_seat).collect();
    let unused = |reason: &str| {
        count(seats.iter().filter(|seat| is_unused(seat, days) && seat.activity().reason == reason).count())
    };
    let status = |status: &str| count(site.people().filter(|person| person.seen.status == status).count());
    Row::from([
        ("site", site.record.site.into()),
        ("licensed", count(seats.len())),
        ("tier", tier.into()),
        ("free", tier.map(|tier| tier - seats.len() as i64).into()),
        ("used_percent", tier.map_or(percent(0, 0), |tier| percent(seats.len(), tier as usize))),
        ("idle", unused("idle")),
        ("never", unused("never")),
        ("unknown", unused("unknown")),
        ("no_access", status("no-access")),
        ("deactivated", status("deactivated")),
        ("missing", status("missing")),
        ("deleted", status("deleted")),
        ("other", status("unknown")),
    ])
}
