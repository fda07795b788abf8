//! Writes the tables as the walks of the year would have left them.

use std::error::Error;

use rollbook::model::{Account, ChangeKind, Presence, Status, Times, Timestamp, UserId};
use rollbook::store::{Bound, Prepared, begin_bulk, drop_indexes, restore_indexes};
use rollbook::sync::{Edit, FieldChange};
use sqlx::SqliteConnection;

use super::person::{Membership, Person};
use super::{WALKS, Walk, Year, moment};

/// The one site, and the id of its row.
const SITE: i64 = 1;

/// So many people are there at a time.
const CROWD: u32 = 10_000;

/// What the tables that are in another order than the people need of them.
struct Kept {
    memberships: Vec<Membership>,
    /// By walk: what changed of a user, in the order of the users.
    edits: Vec<Vec<(u32, FieldChange)>>,
    /// By walk: how many users it found.
    found: Vec<u32>,
    /// By walk: who was found to be gone, and whether this is proven.
    gone: Vec<Vec<(u32, bool)>>,
}

/// Fills an empty database.
pub async fn write(connection: &mut SqliteConnection, year: Year) -> Result<(), Box<dyn Error>> {
    begin_bulk(connection).await?;
    // Nobody reads a file that is not whole: what a journal would save is made again.
    sqlx::raw_sql("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN").execute(&mut *connection).await?;
    let indexes = drop_indexes(connection).await?;
    site(connection, &year).await?;
    let mut kept = people(connection, &year).await?;
    kept.memberships.sort_unstable();
    memberships(connection, &kept.memberships).await?;
    let counts = changes(connection, &year, &kept).await?;
    evidence(connection, &kept).await?;
    walks(connection, &year, &kept, &counts).await?;
    restore_indexes(connection, &indexes).await?;
    sqlx::raw_sql("COMMIT; PRAGMA journal_mode = WAL").execute(connection).await?;
    Ok(())
}

async fn site(connection: &mut SqliteConnection, year: &Year) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO sites (id, name, kind, base_url) VALUES (?, 'corp', 'data-center', ?)")
        .bind(SITE)
        .bind("https://confluence.corp.example.com")
        .execute(&mut *connection)
        .await?;
    let sql = "INSERT INTO groups (id, site_id, name, first_seen_at) VALUES (?, ?, ?, ?)";
    let mut rows = Prepared::prepare(connection, sql).await?;
    let at = moment(0).to_sql();
    for group in 0..i64::from(year.groups) {
        let name = if group == 0 { "confluence-users".to_owned() } else { format!("proj-{group:04}") };
        rows.run(&[Bound::Integer(group + 1), Bound::Integer(SITE), Bound::Text(&name), Bound::Text(&at)]).await?;
    }
    Ok(())
}

/// The tables that are in the order of the people, a crowd at a time.
async fn people(connection: &mut SqliteConnection, year: &Year) -> Result<Kept, sqlx::Error> {
    let walks = usize::from(WALKS);
    let mut kept = Kept {
        memberships: Vec::new(),
        edits: (0..walks).map(|_| Vec::new()).collect(),
        found: vec![0; walks],
        gone: vec![Vec::new(); walks],
    };
    for first in (1..=year.users).step_by(CROWD as usize) {
        let last = year.users.min(first + CROWD - 1);
        let crowd: Vec<Person> = (first..=last).map(|id| Person::of(year, id)).collect();
        accounts(connection, &crowd).await?;
        versions(connection, &crowd).await?;
        logins(connection, &crowd).await?;
        crowd.into_iter().for_each(|person| kept.keep(person));
    }
    Ok(kept)
}

impl Kept {
    fn keep(&mut self, person: Person) {
        self.found[usize::from(person.found)] += 1;
        self.memberships.extend(person.memberships);
        let mut before: Option<Account> = None;
        for (walk, after) in person.versions {
            if let Some(before) = before {
                let gone = matches!(after.standing.status, Status::Deleted | Status::Missing);
                if gone && before.standing != after.standing {
                    self.gone[usize::from(walk)].push((person.id, after.standing.status == Status::Deleted));
                }
                let edit = Edit { id: UserId(person.id.into()), before, after: after.clone() };
                let changes = edit.changes().into_iter().map(|change| (person.id, change));
                self.edits[usize::from(walk)].extend(changes);
            }
            before = Some(after);
        }
    }
}

async fn accounts(connection: &mut SqliteConnection, crowd: &[Person]) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO accounts (id, site_id, first_seen_at, version_from, version_walk_id, key, created_at, \
        updated_at, last_login_at, last_login_known, last_failed_login_at, unlisted_seen_at, missing_since, \
        deactivated_at, deleted_at, name, full_name, email, status, active, has_access, directory, department, \
        position, location, phone, im, website, language) \
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let mut rows = Prepared::prepare(connection, sql).await?;
    for person in crowd {
        let (from, account) = person.versions.last().expect("it has one");
        let Times { created_at, updated_at, last_login_at, last_login_known, last_failed_login_at, .. } = account.times;
        let Presence { unlisted_seen_at, missing_since, deactivated_at, deleted_at } = account.presence;
        let spell = |time: Option<Timestamp>| time.map(Timestamp::to_sql);
        let times = [created_at, updated_at, last_login_at, last_failed_login_at].map(spell);
        let presence = [unlisted_seen_at, missing_since, deactivated_at, deleted_at].map(spell);
        let (found, changed) = (moment(person.found).to_sql(), moment(*from).to_sql());
        let mut values = vec![
            Bound::Integer(person.id.into()),
            Bound::Integer(SITE),
            Bound::Text(&found),
            Bound::Text(&changed),
            Bound::Integer(id(*from)),
            Bound::text(account.key.as_deref()),
        ];
        values.extend(times[..3].iter().map(|time| Bound::text(time.as_deref())));
        values.push(Bound::Integer(last_login_known.into()));
        values.push(Bound::text(times[3].as_deref()));
        values.extend(presence.iter().map(|time| Bound::text(time.as_deref())));
        values.extend(version(account));
        rows.run(&values).await?;
    }
    Ok(())
}

async fn versions(connection: &mut SqliteConnection, crowd: &[Person]) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO account_versions (user_id, valid_from, valid_to, walk_id, name, full_name, email, status, \
        active, has_access, directory, department, position, location, phone, im, website, language) \
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let mut rows = Prepared::prepare(connection, sql).await?;
    for person in crowd {
        for ((from, account), (to, _)) in person.versions.iter().zip(&person.versions[1..]) {
            let times = [moment(*from).to_sql(), moment(*to).to_sql()];
            let mut values = vec![Bound::Integer(person.id.into())];
            values.extend(times.iter().map(|time| Bound::Text(time)));
            values.push(Bound::Integer(id(*from)));
            values.extend(version(account));
            rows.run(&values).await?;
        }
    }
    Ok(())
}

/// The columns of a version that a Data Center fills, from `name` on.
fn version(account: &Account) -> [Bound<'_>; 14] {
    let (profile, standing) = (&account.profile, account.standing);
    let bit = |bit: Option<bool>| Bound::integer(bit.map(i64::from));
    [
        Bound::Text(&profile.name),
        Bound::text(profile.full_name.as_deref()),
        Bound::text(profile.email.as_deref()),
        Bound::Text(standing.status.as_str()),
        bit(standing.active),
        bit(standing.has_access),
        Bound::text(profile.directory.as_deref()),
        Bound::text(profile.department.as_deref()),
        Bound::text(profile.position.as_deref()),
        Bound::text(profile.location.as_deref()),
        Bound::text(profile.phone.as_deref()),
        Bound::text(profile.im.as_deref()),
        Bound::text(profile.website.as_deref()),
        Bound::text(profile.language.as_deref()),
    ]
}

async fn logins(connection: &mut SqliteConnection, crowd: &[Person]) -> Result<(), sqlx::Error> {
    let mut rows =
        Prepared::prepare(connection, "INSERT INTO logins (user_id, kind, at, walk_id) VALUES (?, ?, ?, ?)").await?;
    for person in crowd {
        // In the order of the table's key.
        for (kind, logins) in [("failure", &person.failures), ("success", &person.logins)] {
            for (at, walk) in logins {
                let at = at.to_sql();
                let user = Bound::Integer(person.id.into());
                rows.run(&[user, Bound::Text(kind), Bound::Text(&at), Bound::Integer(id(*walk))]).await?;
            }
        }
    }
    Ok(())
}

async fn memberships(connection: &mut SqliteConnection, memberships: &[Membership]) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO memberships (group_id, user_id, valid_from, valid_to, walk_id) VALUES (?, ?, ?, ?, ?)";
    let mut rows = Prepared::prepare(connection, sql).await?;
    for membership in memberships {
        let from = moment(membership.from).to_sql();
        let to = membership.to.map(|to| moment(to).to_sql());
        let (group, user) = member(membership);
        let walk = Bound::Integer(id(membership.from));
        rows.run(&[group, user, Bound::Text(&from), Bound::text(to.as_deref()), walk]).await?;
    }
    Ok(())
}

/// The change feed, walk by walk; gives the number of rows of each.
async fn changes(connection: &mut SqliteConnection, year: &Year, kept: &Kept) -> Result<Vec<i64>, sqlx::Error> {
    let mut joined: Vec<Vec<&Membership>> = vec![Vec::new(); usize::from(WALKS)];
    let mut left = joined.clone();
    for membership in &kept.memberships {
        joined[usize::from(membership.from)].push(membership);
        if let Some(to) = membership.to {
            left[usize::from(to)].push(membership);
        }
    }
    let sql = "INSERT INTO change_log (walk_id, kind, user_id, group_id, field, before, after) \
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    let mut feed = Feed { rows: Prepared::prepare(connection, sql).await?, count: 0 };
    let mut counts = Vec::new();
    let mut next_user = 1;
    for walk in 0..WALKS {
        let place = usize::from(walk);
        let before = feed.count;
        let groups = if walk == 0 { year.groups } else { 0 };
        for group in 1..=i64::from(groups) {
            feed.add(walk, ChangeKind::GroupCreated, Bound::Null, Bound::Integer(group), None).await?;
        }
        for _ in 0..kept.found[place] {
            feed.add(walk, ChangeKind::UserCreated, Bound::Integer(next_user), Bound::Null, None).await?;
            next_user += 1;
        }
        for (user, change) in &kept.edits[place] {
            feed.add(walk, change.kind, Bound::Integer((*user).into()), Bound::Null, Some(change)).await?;
        }
        for (kind, members) in [(ChangeKind::MemberAdded, &joined), (ChangeKind::MemberRemoved, &left)] {
            for membership in &members[place] {
                let (group, user) = member(membership);
                feed.add(walk, kind, user, group, None).await?;
            }
        }
        counts.push(feed.count - before);
    }
    Ok(counts)
}

/// The change feed while it is written.
struct Feed<'c> {
    rows: Prepared<'c>,
    count: i64,
}

impl Feed<'_> {
    async fn add(
        &mut self,
        walk: Walk,
        kind: ChangeKind,
        user: Bound<'_>,
        group: Bound<'_>,
        change: Option<&FieldChange>,
    ) -> Result<(), sqlx::Error> {
        self.count += 1;
        self.rows
            .run(&[
                Bound::Integer(id(walk)),
                Bound::Text(kind.as_str()),
                user,
                group,
                Bound::text(change.map(|change| change.field)),
                Bound::text(change.and_then(|change| change.before.as_deref())),
                Bound::text(change.and_then(|change| change.after.as_deref())),
            ])
            .await
    }
}

/// What the look-ups answered about those who are gone.
async fn evidence(connection: &mut SqliteConnection, kept: &Kept) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO evidence (user_id, walk_id, answer) VALUES (?, ?, ?)";
    let mut rows = Prepared::prepare(connection, sql).await?;
    for (walk, gone) in (0..).zip(&kept.gone) {
        for (user, is_proven) in gone {
            let answer =
                if *is_proven { "by key: the alias of a deleted account" } else { "by name: 404, by key: 404" };
            rows.run(&[Bound::Integer((*user).into()), Bound::Integer(id(walk)), Bound::Text(answer)]).await?;
        }
    }
    Ok(())
}

async fn walks(connection: &mut SqliteConnection, year: &Year, kept: &Kept, counts: &[i64]) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO walks (id, site_id, started_at, at, not_before, finished_at, status, users_declared, \
        users_seen, groups_seen, requests, changes, lookup_cursor) VALUES (?, ?, ?, ?, ?, ?, 'applied', ?, ?, ?, ?, ?, 0)";
    let mut rows = Prepared::prepare(connection, sql).await?;
    let mut users = 0;
    for walk in 0..WALKS {
        let place = usize::from(walk);
        users += i64::from(kept.found[place]) - kept.gone[place].len() as i64;
        let at = moment(walk).to_sql();
        let before = walk.checked_sub(1).map(|before| moment(before).to_sql());
        let end = moment(walk).plus_millis(14 * 60_000).to_sql();
        let at = Bound::Text(&at);
        rows.run(&[
            Bound::Integer(id(walk)),
            Bound::Integer(SITE),
            at,
            at,
            Bound::text(before.as_deref()),
            Bound::Text(&end),
            Bound::Integer(users),
            Bound::Integer(users),
            Bound::Integer(year.groups.into()),
            Bound::Integer(users / 200 + i64::from(year.groups)),
            Bound::Integer(counts[place]),
        ])
        .await?;
    }
    Ok(())
}

/// `walks.id`
fn id(walk: Walk) -> i64 {
    i64::from(walk) + 1
}

/// The group's and the user's id.
fn member(membership: &Membership) -> (Bound<'static>, Bound<'static>) {
    (Bound::Integer(i64::from(membership.group) + 1), Bound::Integer(membership.user.into()))
}
