//! Reads a site into a [`Picture`]: the user list, the groups, their members, and look-ups of whom no listing shows.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use futures_util::stream::{self, StreamExt};
use sqlx::sqlite::SqliteConnection;
use xxhash_rust::xxh3::xxh3_64;

use super::coverage;
use super::diff::{Gone, GroupSight, Picture, Place, Sight};
use super::error::WalkError;
use super::members::{
    Bearers, Found, GroupReading, Outsiders, PASSES, Reading, read_group, read_outsiders, settle_outsiders,
};
use super::people::{UserRef, name_hash};
use super::resolve::{Finding, LookedUp, look_up_all};
use super::users::{People, Remember, UserListing, read_users, retained};
use super::walk::Progress;
use crate::confluence::{Extender, Page, Pass, UserList, decode_group_name, read_listing};
use crate::model::{SeenUser, SiteId, UserId};
use crate::store::{self, Before, Entry, Figures, Fingerprint, GroupRow, Part, Store};

/// A listing: how it was read last, and what is to be remembered of it now; `None` = as it was.
pub type Listing = (Vec<Entry>, Option<Vec<Remember>>);

/// All that was read.
pub struct Fetched {
    /// What may differ from what is known.
    pub picture: Picture,
    /// The figures of the walk's row, less those of the client.
    pub figures: Figures,
    /// What is missing; empty when the walk is complete.
    pub problems: Vec<String>,
    /// News from look-ups.
    pub evidence: Vec<(UserId, String)>,
    /// The endpoint that answered.
    pub user_list: UserList,
    /// The user list.
    pub users: Listing,
    /// The members whom it does not show.
    pub members: Listing,
    /// Groups whose names cannot stand in a request.
    pub not_addressable: Vec<String>,
}

/// What a walk reads from and compares with.
pub struct Reader<'a> {
    /// The site.
    pub extender: Extender<'a>,
    /// A connection to the mirror.
    pub connection: &'a mut SqliteConnection,
    /// The mirror's file, for errors.
    pub store: &'a Store,
    /// The site's row; before its first walk one that nothing refers to.
    pub site: SiteId,
    /// What earlier walks left.
    pub before: &'a Before,
    /// Told how far it is.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

/// The groups and their members.
pub(super) struct Groups {
    pub(super) known: Vec<GroupRow>,
    pub(super) readings: Vec<GroupReading>,
    pub(super) pass: Pass,
    pub(super) complete: bool,
}

/// The members whom the user list does not show.
#[derive(Default)]
pub(super) struct Outside {
    pub(super) records: Vec<SeenUser>,
    pub(super) people: People,
    pub(super) rows: Vec<Remember>,
    pub(super) windows: u64,
    pub(super) complete: bool,
}

/// Who is not there any more, and what is known of it.
#[derive(Default)]
pub(super) struct Departed {
    pub(super) looked_up: Vec<LookedUp>,
    /// Absent users about whom nothing could be found out: they stay as they were.
    pub(super) kept: HashSet<UserId>,
    pub(super) cursor: UserId,
}

impl Reader<'_> {
    /// Reads everything.
    pub async fn fetch(mut self) -> Result<Fetched, WalkError> {
        let mut problems = Vec::new();
        let mut new_users = 0;
        let mut lookups = self.extender.client().limits().lookups_per_walk;

        let known_users = self.load(Part::Users).await?;
        let known_members = self.load(Part::Members).await?;
        let remembered = self.before.user_list.as_deref().and_then(UserList::from_name);
        let users = read_users(
            self.extender,
            (&mut *self.connection, self.store),
            self.site,
            remembered,
            known_users,
            &mut new_users,
            self.progress,
        )
        .await?;
        problems.extend(users.problem.clone());

        let mut groups = self.read_groups(&users, &mut problems).await?;
        let outside =
            self.read_outside(&users, &mut groups, &known_members, &mut new_users, &mut lookups, &mut problems).await?;
        let unread: Vec<String> = groups.readings.iter().filter_map(GroupReading::failure).collect();
        let members_complete = groups.complete && outside.complete && unread.is_empty();
        problems.extend(unread);

        let absent = absent(&users, &outside, &known_members, members_complete);
        let departed = self.look_up(&absent, &mut lookups, &mut problems).await?;

        // Rows that did not arrive are kept, but not of users who arrived elsewhere: their rows would be taken for
        // known when they come back.
        let mut kept = departed.kept.clone();
        if !users.is_complete() {
            kept.extend(&users.absent);
        }
        for (_, user, _) in outside.rows.iter().filter(|row| row.1.new_index().is_none()) {
            kept.remove(&user.id(UserId(0)));
        }
        let users_now = users.remember(&kept);
        let mut kept = departed.kept.clone();
        if !members_complete {
            kept.extend(known_members.iter().map(|entry| UserId(i64::from(entry.user))));
            users.roll.retain_unseen(&mut kept, &users.people.users);
        }
        let members_now = remember_members(&known_members, &outside, &kept);
        let not_addressable: Vec<String> = groups
            .readings
            .iter()
            .filter(|group| group.reading == Reading::NotAddressable)
            .map(|group| group.name.clone())
            .collect();
        let figures = Figures {
            users_declared: users.pass.declared,
            users_seen: Some(users.distinct),
            groups_seen: Some(groups.readings.len() as u64),
            memberships_seen: Some(groups.readings.iter().map(|group| group.size).sum()),
            coverage: Some(coverage::of(&users, &groups, &outside, &departed)),
            lookup_cursor: departed.cursor,
            ..Figures::default()
        };

        let listed = users.shows(&outside.people.users);
        let elsewhere = if users.is_complete() { Place::Group } else { Place::GroupUnproven };
        let UserListing { endpoint, roll, people, .. } = users;
        let (records, known_users) = roll.into_parts();
        let mut picture = Picture::default();
        add_sights(&mut picture.sights, records, people, Place::UserList, &HashSet::new());
        add_sights(&mut picture.sights, outside.records, outside.people, elsewhere, &listed);
        let evidence = self.settle_departed(&mut picture, departed.looked_up).await?;
        self.settle_groups(&mut picture, groups).await?;
        Ok(Fetched {
            picture,
            figures,
            problems,
            evidence,
            user_list: endpoint,
            users: (known_users, users_now),
            members: (known_members, members_now),
            not_addressable,
        })
    }

    async fn load(&mut self, part: Part) -> Result<Vec<Entry>, WalkError> {
        let listing = store::load_listing(self.connection, self.site, part).await;
        Ok(listing.map_err(|error| self.store.sql(error))?)
    }

    /// The list of groups, and each group's members.
    async fn read_groups(&mut self, users: &UserListing, problems: &mut Vec<String>) -> Result<Groups, WalkError> {
        let known = store::current_groups(self.connection, self.site).await.map_err(|error| self.store.sql(error))?;
        let fingerprints: HashMap<&str, Fingerprint> =
            known.iter().filter_map(|group| Some((group.name.as_str(), group.fingerprint?))).collect();
        let (listed, pass, problem) = self.read_group_list(known.len()).await?;
        let complete = problem.is_none();
        problems.extend(problem);

        let total = listed.len() as u64;
        let concurrency = self.extender.client().limits().concurrency;
        let extender = self.extender;
        let fingerprints = &fingerprints;
        // Not even made where every group is as it was.
        let names = OnceLock::new();
        let bearers =
            Bearers { names: &|| names.get_or_init(|| users.names()), as_before: users.names_are_as_before() };
        let bearers = &bearers;
        let mut answers =
            stream::iter(listed)
                .map(|name| async move {
                    read_group(extender, &name, bearers, fingerprints.get(name.as_str()).copied()).await
                })
                .buffered(concurrency);
        let mut readings = Vec::new();
        while let Some(answer) = answers.next().await {
            readings.push(answer.map_err(WalkError::of_request)?);
            (self.progress)(Progress::Groups { read: readings.len() as u64, total });
        }
        drop(answers);
        Ok(Groups { known, readings, pass, complete })
    }

    async fn read_group_list(&self, known: usize) -> Result<(Vec<String>, Pass, Option<String>), WalkError> {
        let limits = self.extender.client().limits();
        let mut names: Vec<String> = Vec::new();
        let mut seen = HashSet::new();
        for number in 1..=PASSES {
            let mut distinct = HashSet::new();
            let mut malformed = None;
            let pass = read_listing(
                |start, size| self.extender.group_page(start, size),
                None,
                u64::from(limits.page_size),
                limits.concurrency,
                xxh3_64,
                |page: Page, fresh| {
                    for (index, record) in page.rows.iter().enumerate().skip(fresh) {
                        match decode_group_name(record) {
                            Ok(name) => {
                                distinct.insert(name.clone());
                                if seen.insert(name.clone()) {
                                    names.push(name);
                                }
                            }
                            Err(error) => {
                                malformed.get_or_insert_with(|| format!("group/getGroups: groups[{index}]: {error}"));
                            }
                        }
                    }
                },
            )
            .await;
            let pass = match pass {
                Ok(pass) => pass,
                Err(error) if error.trouble.is_refusal() || error.trouble.is_block() => {
                    return Err(WalkError::of_request(error));
                }
                Err(error) => return Ok((names, Pass::default(), Some(format!("the list of groups: {error}")))),
            };
            let distinct = distinct.len() as u64;
            if known > 0 && distinct == 0 && malformed.is_none() {
                let problem = format!("the list of groups is empty although {known} groups were known");
                return Ok((names, pass, Some(problem)));
            }
            let complete = malformed.is_none() && pass.is_complete(distinct);
            if (complete && (!pass.disturbed || number > 1)) || malformed.is_some() {
                return Ok((names, pass, malformed));
            }
            if number == PASSES || !pass.failures.is_empty() {
                let problem =
                    (!complete).then(|| format!("the list of groups is incomplete: {}", pass.shortfall(distinct)));
                return Ok((names, pass, problem));
            }
        }
        unreachable!("the last pass returns")
    }

    /// The members whom the user list does not show: read with details, identified, put into their groups.
    async fn read_outside(
        &mut self,
        users: &UserListing,
        groups: &mut Groups,
        known: &[Entry],
        new_users: &mut usize,
        lookups: &mut u32,
        problems: &mut Vec<String>,
    ) -> Result<Outside, WalkError> {
        let Outsiders { found, failures, windows } =
            read_outsiders(self.extender, &groups.readings, known, lookups).await.map_err(WalkError::of_request)?;
        let mut outside = Outside { windows, complete: failures.is_empty(), ..Outside::default() };
        problems.extend(failures);

        // New records in a fixed order, so that the same site gives the same ids.
        let mut known_bearers: Vec<(u64, usize)> = Vec::new();
        let mut fresh: Vec<(u64, u64, SeenUser)> = Vec::new();
        for (name, found) in found {
            for found in found {
                match found {
                    Found::Known(entry) => known_bearers.push((name, entry)),
                    Found::Fresh { fingerprint, record } => fresh.push((name, fingerprint, *record)),
                }
            }
        }
        fresh.sort_by(|a, b| a.2.key.cmp(&b.2.key).then(a.1.cmp(&b.1)));
        let mut bearers: HashMap<u64, Vec<UserRef>> = HashMap::new();
        for (name, entry) in known_bearers {
            let Entry { fingerprint, user, name: folded } = known[entry];
            let user = UserRef::known(UserId(i64::from(user)));
            bearers.entry(name).or_default().push(user);
            outside.rows.push((fingerprint, user, folded));
        }
        let mut fresh_rows = Vec::with_capacity(fresh.len());
        for (name, fingerprint, record) in fresh {
            fresh_rows.push((name, fingerprint, outside.records.len(), name_hash(&record.name)));
            if outside.records.last().is_some_and(|last: &SeenUser| last.key == record.key) {
                // One user under two spellings of its name.
                fresh_rows.last_mut().expect("just pushed").2 -= 1;
            } else {
                outside.records.push(record);
            }
        }
        // The list may show a member all the same: under a name that two bear, or another than a moment later.
        let listed = |key: &str| users.fresh(key);
        let found = outside.people.identify(self.connection, self.site, &outside.records, listed, new_users).await;
        found.map_err(|error| self.store.sql(error))?;
        for (name, fingerprint, record, folded) in fresh_rows {
            let user = outside.people.users[record];
            bearers.entry(name).or_default().push(user);
            outside.rows.push((fingerprint, user, folded));
        }
        settle_outsiders(&mut groups.readings, &bearers);
        Ok(outside)
    }

    /// Looks up whom no listing shows: first those who were there in the last walk, then the rotation.
    async fn look_up(
        &mut self,
        absent: &[UserId],
        lookups: &mut u32,
        problems: &mut Vec<String>,
    ) -> Result<Departed, WalkError> {
        let accounts = store::accounts_by_id(self.connection, absent).await.map_err(|error| self.store.sql(error))?;
        let mut looked_up = look_up_all(self.extender, accounts, lookups).await.map_err(WalkError::of_request)?;
        let kept: HashSet<UserId> = looked_up
            .iter()
            .filter(|user| matches!(user.finding, Finding::Unanswered))
            .map(|user| user.known.id)
            .collect();
        if !kept.is_empty() {
            problems.push(format!(
                "{} users no longer listed could not be looked up; they stay as they were until the next walk",
                kept.len()
            ));
        }
        let mut cursor = self.before.lookup_cursor;
        let rotation = store::unlisted(self.connection, self.site, cursor, *lookups as usize)
            .await
            .map_err(|error| self.store.sql(error))?;
        let rotation = look_up_all(self.extender, rotation, lookups).await.map_err(WalkError::of_request)?;
        for user in rotation.into_iter().filter(|user| !matches!(user.finding, Finding::NotAsked)) {
            cursor = user.known.id;
            looked_up.push(user);
        }
        Ok(Departed { looked_up, kept, cursor })
    }

    async fn settle_departed(
        &mut self,
        picture: &mut Picture,
        looked_up: Vec<LookedUp>,
    ) -> Result<Vec<(UserId, String)>, WalkError> {
        if looked_up.is_empty() {
            return Ok(Vec::new());
        }
        let shown: HashSet<UserRef> = picture.sights.iter().map(|sight| sight.user).collect();
        let mut evidence = Vec::new();
        for LookedUp { known, finding, evidence: told } in looked_up {
            let user = UserRef::known(known.id);
            if shown.contains(&user) {
                continue; // a listing shows it after all
            }
            if let Some(told) = told {
                let last = store::last_evidence(self.connection, known.id).await;
                if last.map_err(|error| self.store.sql(error))?.as_ref() != Some(&told) {
                    evidence.push((known.id, told));
                }
            }
            match finding {
                Finding::Found(record) => {
                    picture.sights.push(Sight {
                        user,
                        record: *record,
                        known: Some(Box::new(known)),
                        place: Place::LookUp,
                    });
                }
                Finding::Deleted => picture.gone.push(Gone { known, deleted: true }),
                // Not reached by the budget, it is no longer listed and nothing proves why all the same.
                Finding::Missing | Finding::NotAsked => picture.gone.push(Gone { known, deleted: false }),
                Finding::Unanswered => {}
            }
        }
        Ok(evidence)
    }

    async fn settle_groups(&mut self, picture: &mut Picture, groups: Groups) -> Result<(), WalkError> {
        let Groups { known, readings, pass: _, complete } = groups;
        let mut known: HashMap<String, GroupRow> = known.into_iter().map(|group| (group.name.clone(), group)).collect();
        let mut sights = Vec::new();
        for GroupReading { name, reading, members, listing, fingerprint, .. } in readings {
            let known = known.remove(&name);
            match (&known, reading) {
                (Some(known), Reading::Unchanged) => {
                    // The same users under other bytes: one of them was renamed.
                    if let Some(fingerprint) = fingerprint.filter(|fingerprint| fingerprint.listing != listing) {
                        picture.relisted.push((known.id, Fingerprint { listing, ..fingerprint }));
                    }
                }
                // Its names may stand for others by now: the next walk must not pass over it.
                (Some(known), Reading::Failed(_)) => {
                    if let Some(fingerprint) = fingerprint.filter(|fingerprint| fingerprint.listing.is_some()) {
                        picture.relisted.push((known.id, Fingerprint { listing: None, ..fingerprint }));
                    }
                }
                (Some(_), Reading::NotAddressable) => {}
                (_, reading) => {
                    let members = (reading == Reading::Read).then_some(members);
                    sights.push(GroupSight { name, known, members, listing, before: Vec::new() });
                }
            }
        }
        let mut gone: Vec<GroupRow> = if complete { known.into_values().collect() } else { Vec::new() };
        gone.sort_by_key(|group| group.id);
        let ids: Vec<_> = sights
            .iter()
            .filter_map(|sight| Some(sight.known.as_ref()?.id))
            .chain(gone.iter().map(|group| group.id))
            .collect();
        let mut members = store::current_members(self.connection, &ids).await.map_err(|error| self.store.sql(error))?;
        for sight in &mut sights {
            sight.before = sight.known.as_ref().and_then(|known| members.remove(&known.id)).unwrap_or_default();
        }
        picture.groups = sights;
        picture.groups_gone = gone
            .into_iter()
            .map(|group| {
                let before = members.remove(&group.id).unwrap_or_default();
                (group, before)
            })
            .collect();
        Ok(())
    }
}

/// Adds what was seen of users, but not of those in `elsewhere`.
fn add_sights(
    sights: &mut Vec<Sight>,
    records: Vec<SeenUser>,
    people: People,
    place: Place,
    elsewhere: &HashSet<UserRef>,
) {
    sights.reserve(records.len());
    for ((record, user), known) in records.into_iter().zip(people.users).zip(people.known) {
        if !elsewhere.contains(&user) {
            sights.push(Sight { user, record, known, place });
        }
    }
}

/// Users the last walk saw and this one did not, in any listing that was read completely.
fn absent(users: &UserListing, outside: &Outside, members: &[Entry], members_complete: bool) -> Vec<UserId> {
    let mut absent: HashSet<UserId> = HashSet::new();
    if users.is_complete() {
        absent.extend(&users.absent);
    }
    if members_complete {
        absent.extend(members.iter().map(|entry| UserId(i64::from(entry.user))));
    }
    for (_, user, _) in outside.rows.iter().filter(|row| row.1.new_index().is_none()) {
        absent.remove(&user.id(UserId(0)));
    }
    users.roll.retain_unseen(&mut absent, &users.people.users);
    let mut absent: Vec<UserId> = absent.into_iter().collect();
    absent.sort_unstable();
    absent
}

/// What is to be remembered of the members whom the user list does not show; `None` when it is as it was.
fn remember_members(known: &[Entry], outside: &Outside, kept: &HashSet<UserId>) -> Option<Vec<Remember>> {
    let mut rows = outside.rows.clone();
    let shown: HashSet<UserRef> = rows.iter().map(|row| row.1).collect();
    rows.extend(retained(known, kept).filter(|row| !shown.contains(&row.1)));
    rows.sort_unstable_by_key(|row| (row.1, row.2, row.0));
    rows.dedup();
    let unchanged = rows.len() == known.len()
        && rows
            .iter()
            .zip(known)
            .all(|(row, entry)| *row == (entry.fingerprint, UserRef::known(UserId(i64::from(entry.user))), entry.name));
    (!unchanged).then_some(rows)
}
