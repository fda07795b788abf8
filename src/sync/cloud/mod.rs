//! A walk of a Confluence Cloud site. Nothing there lists all users: account ids are gathered wherever they show, and every
//! one ever stored; `users-bulk` then tells what became of each, the organization when it was last active.
//!
//! | step | file |
//! |---|---|
//! | ids of the search and of a file | `discover` |
//! | groups and their members, by id | `groups` |
//! | ids of the organization's directory, last-active dates | `activity` |
//! | every id once | `ids` |
//! | what became of each | `users`, by `look_up` |
//! | what is known of a user after that | `merge` (pure) |

mod activity;
mod discover;
mod groups;
mod ids;
mod look_up;
mod merge;
mod users;

use std::collections::{HashMap, HashSet};

use serde_json::json;
use sqlx::sqlite::SqliteConnection;

use self::activity::Directory;
use self::discover::{Search, read_file, search};
use self::groups::Groups;
use self::ids::AccountIds;
pub use self::merge::merge_cloud;
use self::users::Found;
use super::coverage::{Meter, Own, of_group_list};
use super::diff::{CloudSight, Gone, Picture};
use super::error::WalkError;
use super::fetch::Fetched;
use super::identities::Identities;
use super::members::Reading;
use super::people::UserRef;
use super::remember::{Listing, Listings};
use super::walk::Progress;
use crate::config::Site;
use crate::confluence::{Cloud, OrganizationApi, RequestError, Trouble};
use crate::model::{Activity, CloudUser, SiteId, Status, Times, UserId};
use crate::store::{self, AccountRow, Before, Entry, Figures, Part, Store};

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

        let Found { roll, sights, absent, unproven, asked, problem, note, .. } = found;
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
