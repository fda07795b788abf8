//! A walk of a Confluence Cloud site. Nothing there lists all users: account ids are gathered wherever they show, and every
//! one ever stored; `users-bulk` then tells what became of each, the organization when it was last active.
//!
//! | step | file |
//! |---|---|
//! | ids of the search and of a file | `discover` |
//! | groups and their members, by id | `groups` |
//! | ids of the organization's directory, last-active dates | `activity` |
//! | every id once | `ids` |
//! | what became of each | `look_up` |
//! | what is known of a user after that | `merge` (pure) |

mod activity;
mod discover;
mod groups;
mod ids;
mod look_up;
mod merge;

use std::collections::{HashMap, HashSet};

use serde_json::json;
use sqlx::sqlite::SqliteConnection;

use self::activity::Directory;
use self::discover::{IdsFile, Search, read_file, search};
use self::groups::Groups;
use self::ids::{AccountIds, Place};
use self::look_up::{Answered, LookUps, Shortfall};
pub use self::merge::merge_cloud;
use super::coverage::{Meter, Own, of_group_list};
use super::diff::{CloudSight, Gone, Picture};
use super::error::WalkError;
use super::fetch::Fetched;
use super::guard::is_emptied;
use super::identities::Identities;
use super::members::Reading;
use super::people::UserRef;
use super::remember::{Listing, Listings};
use super::roll::Roll;
use super::walk::Progress;
use crate::config::Site;
use crate::confluence::{Cloud, OrganizationApi, RequestError, Trouble};
use crate::model::{Activity, CloudUser, SiteId, Status, Times, Told, UserId};
use crate::store::{self, AccountRow, Before, Entry, Figures, Part, Store};

const LIST: &str = "api/v2/users-bulk";
/// What is kept of an id that is not answered any more.
const NOT_ANSWERED: &str = "users-bulk does not answer the account id any more, asked twice";

/// What a walk of a Cloud site reads from and compares with.
pub struct CloudReader<'a> {
    /// Its configuration.
    pub site: &'a Site,
    /// The site.
    pub cloud: Cloud<'a>,
    /// Its organization, where one is configured.
    pub organization: Option<OrganizationApi<'a>>,
    /// A connection to the mirror.
    pub connection: &'a mut SqliteConnection,
    /// The mirror's file, for errors.
    pub store: &'a Store,
    /// The site's row; before its first walk one that nothing refers to.
    pub row: SiteId,
    /// What earlier walks left.
    pub before: &'a Before,
    /// Told how far it is.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

/// The users whom `users-bulk` shows, and those it does not.
struct Found {
    roll: Roll<CloudUser>,
    sights: UserSights,
    /// Users whom the last walk saw and whom this one did not get answered.
    absent: HashSet<UserId>,
    /// Users of whom there was no answer to believe.
    unproven: HashSet<UserId>,
    /// Ids asked about together with one whose record cannot be read: whose it is cannot be told.
    doubtful: Vec<Place>,
    /// Ids asked for.
    asked: u64,
    problem: Option<String>,
    note: Option<String>,
}

/// Whom the decoded records are about, in their order.
#[derive(Default)]
struct UserSights {
    users: Vec<UserRef>,
    closed: HashSet<UserRef>,
}

impl UserSights {
    fn is_closed(&self, user: UserRef) -> bool {
        self.closed.contains(&user)
    }
}

impl CloudReader<'_> {
    /// Reads everything.
    pub async fn fetch(mut self) -> Result<Fetched, WalkError> {
        let known_users = self.load(Part::Users).await?;
        let known_directory = self.load(Part::Organization).await?;
        let keys = store::account_keys(self.connection, self.row).await.map_err(|error| self.store.sql(error))?;
        let mut ids = AccountIds::of_stored(keys);
        let mut meter = Meter::new(self.cloud.client());

        let searched = search(self.cloud, &mut ids).await.map_err(WalkError::of_cloud_request)?;
        meter.ends("search");
        let mut groups = self.read_groups(&mut ids, &mut meter).await?;
        let mut directory = self.read_directory(known_directory, (&searched.shown, &ids)).await?;
        directory.discover(&mut ids);
        let file = self.site.account_ids_file.as_deref().map(|path| read_file(path, &mut ids)).unwrap_or_default();
        self.is_readable(&searched, &groups, &ids)?;

        let mut identities = Identities::new(self.row);
        let found = self.look_up((known_users, &searched.shown), &mut ids, &file, &mut identities).await?;
        meter.ends("users");
        let mut activity = directory.news(&ids);
        activity.extend(self.ask_one_by_one(&mut directory, &found.sights, &ids).await?);
        let sent = self.organization.map(|organization| organization.client().figures()).unwrap_or_default();
        meter.add("organization", sent);

        let Found { roll, sights, absent, unproven, asked, problem, note, doubtful: _ } = found;
        let users_seen = roll.distinct();
        let users_now = roll.remember(&unproven, |at| Some(sights.users[at]));
        let directory_now = directory.remember(&ids);
        let mut figures = Figures {
            users_seen: Some(users_seen),
            groups_seen: Some(groups.readings.len() as u64),
            memberships_seen: Some(groups.readings.iter().map(|group| group.size).sum()),
            requests: sent.requests,
            retries: sent.retries,
            rate_limited: sent.rate_limited,
            activity_cursor: directory.cursor,
            ..Figures::default()
        };

        let mut picture = Picture::default();
        self.settle_groups(&mut picture, &mut groups, &ids).await?;
        let coverage = |part: &str| match part {
            "search" => of_search(&searched),
            "groups" => of_group_list(&groups.pass, groups.problem.as_ref()),
            "members" => of_members(&groups),
            "users" => vec![
                ("ids", json!(asked)),
                ("received", json!(users_seen)),
                ("note", json!(note.as_ref().or(file.note.as_ref()))),
                ("problem", json!(problem)),
            ],
            _ => of_organization(&directory),
        };
        figures.coverage = Some(meter.coverage(coverage));
        let (records, known_users) = roll.into_parts();
        self.add_sights(&mut picture, (records, sights.users), activity, directory.forgets).await?;
        let evidence = self.add_gone(&mut picture, absent).await?;

        let problems = [searched.problem, groups.problem.take()].into_iter().chain(groups.failures().map(Some));
        let problems = problems.chain([problem, directory.problem.take(), file.problem]).flatten().collect();
        let notes = [searched.note, note, file.note, directory.note.take()].into_iter().flatten().collect();
        Ok(Fetched {
            picture,
            figures,
            problems,
            notes,
            evidence,
            user_list: None,
            cloud_id: directory.cloud_id.take().filter(|_| directory.is_new_id),
            forgets_activity: directory.forgets,
            listings: Listings {
                users: Listing { before: known_users, now: users_now },
                organization: Listing { before: directory.roll.known().to_vec(), now: directory_now },
                ..Listings::default()
            },
            not_addressable: Vec::new(),
        })
    }

    async fn load(&mut self, part: Part) -> Result<Vec<Entry>, WalkError> {
        let listing = store::load_listing(self.connection, self.row, part).await;
        Ok(listing.map_err(|error| self.store.sql(error))?)
    }

    /// Refuses a site that shows nothing of itself.
    fn is_readable(&self, searched: &Search, groups: &Groups, ids: &AccountIds) -> Result<(), WalkError> {
        let failures = [&searched.failure, &groups.failure];
        let refused = |failure: &Option<RequestError>| {
            let trouble = failure.as_ref().map(|error| &error.trouble);
            matches!(trouble, Some(Trouble::Forbidden | Trouble::NotFound))
        };
        if failures.into_iter().all(refused) || ids.len() == 0 {
            return Err(match failures.into_iter().flatten().next() {
                Some(error) => WalkError::of_cloud_request(error.clone()),
                None => WalkError::Nobody,
            });
        }
        Ok(())
    }

    /// Looks every id up, those of users who are not answered any more twice.
    async fn look_up(
        &self,
        (known, shown): (Vec<Entry>, &HashSet<Place>),
        ids: &mut AccountIds,
        file: &IdsFile,
        identities: &mut Identities,
    ) -> Result<Found, WalkError> {
        let order = order(ids, &known);
        let total = Some(order.len() as u64);
        let mut found = Found {
            roll: Roll::new(known),
            sights: UserSights::default(),
            absent: HashSet::new(),
            unproven: HashSet::new(),
            doubtful: Vec::new(),
            asked: order.len() as u64,
            problem: None,
            note: None,
        };
        found.roll.begin_pass();
        found.roll.expect(total);
        let mut read = 0;
        let look_ups = LookUps::new(self.cloud, ids);
        let shortfall = look_ups.all(&order, |part| {
            read += part.asked.len() as u64;
            found.take(part);
            (self.progress)(Progress::Users { read, total });
        });
        let shortfall = shortfall.await.map_err(WalkError::of_cloud_request)?;
        match &shortfall.failure {
            Some(error) if read == 0 => return Err(WalkError::Unreadable(error.clone())),
            _ => {}
        }
        let unproven: HashSet<Place> = shortfall.refused.iter().chain(&shortfall.unanswered).copied().collect();
        found.settle(shortfall, ids, file, identities);
        let known = found.roll.known().len().saturating_sub(found.unproven.len());
        if is_emptied(known, found.roll.distinct()) {
            return Err(WalkError::Emptied { known });
        }
        // A row that was left out by mistake once will be there now: of users who were answered before, and of whom the
        // site's own search shows.
        let places = ids.by_user();
        let absent = found.absent.iter().filter_map(|id| places.place(UserRef::known(*id)));
        let silent = |ids: &AccountIds, place: &Place| ids.user(*place).is_none() && !unproven.contains(place);
        let mut again: Vec<Place> = absent.chain(shown.iter().copied().filter(|place| silent(ids, place))).collect();
        again.sort_unstable();
        let before = found.roll.distinct();
        found.ask_again(self.cloud, &again, ids, file, identities).await?;
        if found.roll.distinct() > before {
            // The site leaves rows out: all others whom nobody knows yet are asked about again, too.
            let rest: Vec<Place> = (0..ids.len() as Place).filter(|place| silent(ids, place)).collect();
            found.ask_again(self.cloud, &rest, ids, file, identities).await?;
        }
        if found.roll.distinct() == 0 && found.roll.known().is_empty() && found.problem.is_none() {
            return Err(WalkError::Unanswered { asked: found.asked });
        }
        let silent = shown.iter().filter(|place| silent(ids, place)).count();
        found.note = (silent > 0 && found.problem.is_none()).then(|| {
            format!(
                "{LIST} answers for none of {silent} users whom the search shows, asked twice: they are not recorded"
            )
        });
        Ok(found)
    }

    async fn add_sights(
        &mut self,
        picture: &mut Picture,
        (records, users): (Vec<CloudUser>, Vec<UserRef>),
        mut activity: HashMap<UserRef, Activity>,
        forgets: bool,
    ) -> Result<(), WalkError> {
        let shown: HashSet<UserRef> = users.iter().copied().collect();
        let quiet = activity.keys().filter(|user| !shown.contains(user));
        let known: Vec<UserId> = users.iter().chain(quiet).filter_map(|user| user.known_id()).collect();
        let rows = store::accounts_by_id(self.connection, &known).await.map_err(|error| self.store.sql(error))?;
        let mut rows: HashMap<UserId, AccountRow> = rows.into_iter().map(|row| (row.id, row)).collect();
        if forgets {
            // As the transaction will have left them before it writes what is told now.
            for Times { last_active_at, last_active_known, last_active_known_since, .. } in
                rows.values_mut().map(|row| &mut row.account.times)
            {
                (*last_active_at, *last_active_known, *last_active_known_since) = (None, None, None);
            }
        }
        let mut row = |user: UserRef| user.known_id().and_then(|id| rows.remove(&id)).map(Box::new);
        picture.cloud_sights.reserve(records.len());
        for (record, user) in records.into_iter().zip(users) {
            let (known, activity) = (row(user), activity.remove(&user));
            picture.cloud_sights.push(CloudSight { user, record: Some(record), activity, known });
        }
        let mut quiet: Vec<(UserRef, Activity)> = activity.into_iter().collect();
        quiet.sort_unstable_by_key(|(user, _)| *user);
        for (user, activity) in quiet {
            if let Some(known) = row(user) {
                picture.cloud_sights.push(CloudSight {
                    user,
                    record: None,
                    activity: Some(activity),
                    known: Some(known),
                });
            }
        }
        Ok(())
    }

    /// Adds those who are not answered any more.
    async fn add_gone(
        &mut self,
        picture: &mut Picture,
        absent: HashSet<UserId>,
    ) -> Result<Vec<(UserId, String)>, WalkError> {
        let absent: Vec<UserId> = absent.into_iter().collect();
        let rows = store::accounts_by_id(self.connection, &absent).await.map_err(|error| self.store.sql(error))?;
        // Of one that is known to be closed nothing better can be said.
        let rows = rows.into_iter().filter(|row| row.account.standing.status != Status::Deleted);
        picture.gone = rows.map(|known| Gone { known, deleted: false }).collect();
        let new = picture.gone.iter().filter(|gone| gone.known.account.standing.status != Status::Missing);
        Ok(new.map(|gone| (gone.known.id, NOT_ANSWERED.to_owned())).collect())
    }
}

/// In which order the ids are asked about: as they were answered last, then the other stored ones, then the new ones. So a
/// site where nothing happened gives the same bytes in the same order.
fn order(ids: &AccountIds, known: &[Entry]) -> Vec<Place> {
    let places = ids.by_user();
    let mut order: Vec<Place> = Vec::with_capacity(ids.len());
    let mut taken = vec![false; ids.len()];
    let listed = known.iter().filter_map(|entry| places.place(UserRef::known(entry.user_id())));
    for place in listed.chain(0..ids.len() as Place) {
        if !std::mem::replace(&mut taken[place as usize], true) {
            order.push(place);
        }
    }
    order
}

impl Found {
    fn take(&mut self, Answered { asked, page }: Answered) {
        let (_, before) = self.roll.malformed();
        self.roll.take(&page, 0, LIST, 0, |_| false);
        if self.roll.malformed().1 > before {
            self.doubtful.extend(asked);
        }
    }

    async fn ask_again(
        &mut self,
        cloud: Cloud<'_>,
        places: &[Place],
        ids: &mut AccountIds,
        file: &IdsFile,
        identities: &mut Identities,
    ) -> Result<(), WalkError> {
        if places.is_empty() {
            return Ok(());
        }
        let shortfall = LookUps::new(cloud, ids).all(places, |part| self.take(part)).await;
        self.settle(shortfall.map_err(WalkError::of_cloud_request)?, ids, file, identities);
        Ok(())
    }

    /// Finds out whose the records are that were taken, and who is absent.
    fn settle(&mut self, shortfall: Shortfall, ids: &mut AccountIds, file: &IdsFile, identities: &mut Identities) {
        let Shortfall { refused, unanswered, failure } = shortfall;
        let doubtful = refused.iter().chain(&unanswered).copied().chain(std::mem::take(&mut self.doubtful));
        for record in &self.roll.fresh()[self.sights.users.len()..] {
            let place = ids.add(&record.account_id);
            let user = ids.user(place).unwrap_or_else(|| identities.new_user());
            ids.is_user(place, user);
            self.sights.users.push(user);
        }
        for (record, user) in self.roll.fresh().iter().zip(&self.sights.users) {
            if matches!(&record.account_status, Told::Told(Some(word)) if word.eq_ignore_ascii_case("closed")) {
                self.sights.closed.insert(*user);
            }
        }
        self.unproven.extend(doubtful.filter_map(|place| ids.user(place)?.known_id()));
        self.absent = self.roll.absent(&self.sights.users).into_iter().collect();
        self.unproven.retain(|user| self.absent.contains(user));
        self.absent.retain(|user| !self.unproven.contains(user));
        let problem = self.problem_of(&refused, &unanswered, failure.as_ref(), ids, file);
        self.problem = self.problem.take().or(problem);
    }

    fn problem_of(
        &self,
        refused: &[Place],
        unanswered: &[Place],
        failure: Option<&RequestError>,
        ids: &AccountIds,
        file: &IdsFile,
    ) -> Option<String> {
        let (malformed, rows) = self.roll.malformed();
        if rows > 0 {
            return Some(format!("{rows} records of {LIST} cannot be read: {}", malformed.join("; ")));
        }
        if let Some(first) = refused.first() {
            // The id itself is a person's.
            let which = match (file.lines.get(first), ids.user(*first).and_then(UserRef::known_id)) {
                (Some(line), _) => format!("that of line {line} of account_ids_file"),
                (None, Some(user)) => format!("that of the user with users.id {}", user.0),
                (None, None) => "one that the site's own listings show".to_owned(),
            };
            let count = refused.len();
            return Some(format!(
                "{LIST} answers 400 for {count} account ids, the first {which}: they stay as they were"
            ));
        }
        let failure = failure?;
        Some(format!("{} of {} account ids were not answered: {failure}", unanswered.len(), self.asked))
    }
}

fn of_search(search: &Search) -> Own {
    vec![
        ("pages", json!(search.pages)),
        ("received", json!(search.received)),
        ("declared", json!(search.declared)),
        ("note", json!(search.note)),
        ("problem", json!(search.problem)),
    ]
}

fn of_members(groups: &Groups) -> Own {
    let unread: Vec<&str> = groups
        .readings
        .iter()
        .filter(|group| matches!(group.reading, Reading::Failed(_)))
        .map(|group| group.group.name.as_str())
        .collect();
    let problem = (!unread.is_empty()).then(|| format!("{} groups could not be read", unread.len()));
    vec![
        ("read", json!(groups.readings.len() - unread.len())),
        ("received", json!(groups.readings.iter().map(|group| group.size).sum::<u64>())),
        ("repeated", json!(groups.readings.iter().map(|group| group.repeated).sum::<u64>())),
        ("elsewhere", json!(groups.elsewhere)),
        ("unread", json!(unread)),
        ("problem", json!(problem)),
    ]
}

fn of_organization(directory: &Directory) -> Own {
    vec![
        ("pages", json!(directory.pages)),
        ("received", json!(directory.received)),
        ("lookups", json!(directory.asked)),
        ("note", json!(directory.note)),
        ("problem", json!(directory.problem)),
    ]
}
