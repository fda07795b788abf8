//! Reads a site into a [`Picture`]: the user list, the groups, their members, User Export, and look-ups of whom no
//! listing shows.

use std::collections::{HashMap, HashSet};

use sqlx::sqlite::SqliteConnection;

use super::coverage::Meter;
use super::diff::{GroupSight, Picture, Place, Sight};
use super::error::WalkError;
use super::exports::Answer;
use super::groups::Groups;
use super::members::{GroupReading, Reading};
use super::outside::Outside;
use super::people::UserRef;
use super::remember::{Listing, Listings, Remember, remember_unordered};
use super::users::{People, UserListing, read_users};
use super::walk::Progress;
use crate::config::UserExport;
use crate::confluence::{Extender, UserList};
use crate::model::{SeenUser, SiteId, UserId};
use crate::store::{self, Before, Entry, Figures, Fingerprint, GroupRow, Part, Store};

/// All that was read.
pub struct Fetched {
    /// What may differ from what is known.
    pub picture: Picture,
    /// The figures of the walk's row, less those of the client.
    pub figures: Figures,
    /// What is missing; empty when the walk is complete.
    pub problems: Vec<String>,
    /// What deserves a word although nothing is missing.
    pub notes: Vec<String>,
    /// News from look-ups.
    pub evidence: Vec<(UserId, String)>,
    /// The endpoint that answered.
    pub user_list: UserList,
    /// The listings, as they are to be remembered.
    pub listings: Listings,
    /// Groups whose names cannot stand in a request.
    pub not_addressable: Vec<String>,
}

/// What a walk reads from and compares with.
pub struct Reader<'a> {
    /// The site.
    pub extender: Extender<'a>,
    /// Whether User Export is asked.
    pub user_export: UserExport,
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

impl Reader<'_> {
    /// Reads everything.
    pub async fn fetch(mut self) -> Result<Fetched, WalkError> {
        let mut new_users = 0;
        let mut lookups = self.extender.client().limits().lookups_per_walk;
        let known_users = self.load(Part::Users).await?;
        let known_members = self.load(Part::Members).await?;
        let known_export = self.load(Part::Export).await?;
        let mut meter = Meter::new(self.extender.client());

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
        meter.ends("users");
        let mut groups = self.read_groups(&users, &mut meter).await?;
        let outside = self.read_outside(&users, &mut groups, &known_members, &mut new_users, &mut lookups).await?;
        meter.ends("details");
        let members_complete = groups.are_complete() && outside.failures.is_empty();

        let mut absent = absent(&users, &outside, &known_members, members_complete);
        let mut exported = self.read_export(&users, &outside, (known_export, &known_members), &absent).await?;
        meter.ends("export");
        if exported.is_whole() {
            let mut hidden: HashSet<UserId> = exported.absent().into_iter().collect();
            remove_extender_shown(&mut hidden, &users, &outside);
            absent.extend(hidden);
        }
        for user in exported.users().filter_map(UserRef::known_id) {
            absent.remove(&user);
        }
        let listings = (&users, &outside, members_complete);
        let mut departed = self.look_up(&absent, &mut exported, listings, &mut new_users, &mut lookups).await?;
        meter.ends("lookups");

        let mut problems: Vec<String> = users.problem.iter().chain(&groups.problem).cloned().collect();
        problems.extend(outside.failures.iter().cloned());
        problems.extend(groups.readings.iter().filter_map(GroupReading::failure));
        problems.extend(exported.problem().cloned());
        problems.extend(departed.problem.clone());
        let notes = match &exported.answer {
            Answer::Unused(note) => note.iter().cloned().collect(),
            Answer::Read { .. } | Answer::Failed(_) => Vec::new(),
        };
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
            coverage: Some(meter.coverage(&users, &groups, &outside, &exported, &departed)),
            lookup_cursor: departed.cursor,
            ..Figures::default()
        };

        let released = self.released(&exported, &absent, (&users, &outside)).await?;
        let mut picture = Picture { released, ..Picture::default() };
        let (users_now, members_now) = listings_now(&users, &outside, &known_members, members_complete, &departed.kept);
        let shown = shown_by_extender(exported.users(), &users, &outside);
        let listed = users.shows(&outside.people.users);
        let elsewhere = if users.is_complete() { Place::Group } else { Place::GroupUnproven };
        let UserListing { endpoint, roll, people, .. } = users;
        let (records, known_users) = roll.into_parts();
        add_sights(&mut picture.sights, records, people, Place::UserList, &HashSet::new());
        add_sights(&mut picture.sights, outside.records, outside.people, elsewhere, &listed);

        exported.adopt(&mut new_users);
        let still = exported.shows(departed.looked_up.iter().map(|user| user.known.id));
        let export_now = exported.remember(&departed.kept);
        let whole = exported.is_whole();
        let known_export = self.add_exports(&mut picture, exported, departed.take_named(), &shown).await?;
        let mut export = Listing { before: known_export, now: export_now };
        if !whole {
            // What Extender told meanwhile, User Export has to confirm when it is read again.
            let news = picture.sights.iter().filter(|sight| sight.export.is_none());
            export.doubt_shown(&news.filter_map(|sight| sight.user.known_id()).collect());
        }
        let evidence = self.settle_departed(&mut picture, departed, &still, &mut export).await?;
        // A look-up told better of them than that nobody shows them any more.
        let sights = picture.sights.iter().filter_map(|sight| sight.user.known_id());
        let told: HashSet<UserId> = match picture.released.is_empty() {
            true => HashSet::new(),
            false => sights.chain(picture.gone.iter().map(|gone| gone.known.id)).collect(),
        };
        picture.released.retain(|row| !told.contains(&row.id));
        self.settle_groups(&mut picture, groups).await?;
        Ok(Fetched {
            picture,
            figures,
            problems,
            notes,
            evidence,
            user_list: endpoint,
            listings: Listings {
                users: Listing { before: known_users, now: users_now },
                members: Listing { before: known_members, now: members_now },
                export,
            },
            not_addressable,
        })
    }

    async fn load(&mut self, part: Part) -> Result<Vec<Entry>, WalkError> {
        let listing = store::load_listing(self.connection, self.site, part).await;
        Ok(listing.map_err(|error| self.store.sql(error))?)
    }

    async fn settle_groups(&mut self, picture: &mut Picture, groups: Groups) -> Result<(), WalkError> {
        let Groups { known, readings, pass: _, problem } = groups;
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
        let mut gone: Vec<GroupRow> = if problem.is_none() { known.into_values().collect() } else { Vec::new() };
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
            sights.push(Sight { user, record: Some(record), export: None, known, place });
        }
    }
}

/// Takes away from `hidden` those whom REST API Extender shows, or may show: rows of the user list that did not arrive
/// prove nothing.
pub fn remove_extender_shown(hidden: &mut HashSet<UserId>, users: &UserListing, outside: &Outside) {
    outside.remove_shown(hidden);
    users.roll.retain_unseen(hidden, &users.people.users);
    if !users.is_complete() {
        for user in &users.absent {
            hidden.remove(user);
        }
    }
}

/// Those of `asked` whom REST API Extender shows, or may show.
fn shown_by_extender(asked: impl Iterator<Item = UserRef>, users: &UserListing, outside: &Outside) -> HashSet<UserId> {
    let asked: HashSet<UserId> = asked.filter_map(UserRef::known_id).collect();
    let mut hidden = asked.clone();
    remove_extender_shown(&mut hidden, users, outside);
    asked.difference(&hidden).copied().collect()
}

/// The two listings of REST API Extender as they are to be remembered. Rows that did not arrive are kept, but not of
/// users who arrived elsewhere: their rows would be taken for known when they come back.
fn listings_now(
    users: &UserListing,
    outside: &Outside,
    known_members: &[Entry],
    members_complete: bool,
    kept: &HashSet<UserId>,
) -> (Option<Vec<Remember>>, Option<Vec<Remember>>) {
    let mut kept_users = kept.clone();
    if !users.is_complete() {
        kept_users.extend(&users.absent);
    }
    outside.remove_shown(&mut kept_users);
    let mut kept_members = kept.clone();
    if !members_complete {
        kept_members.extend(known_members.iter().map(Entry::user_id));
        users.roll.retain_unseen(&mut kept_members, &users.people.users);
    }
    (users.remember(&kept_users), remember_unordered(known_members, outside.rows.clone(), &kept_members))
}

/// Users the last walk saw and this one did not, in any listing of REST API Extender that was read completely.
fn absent(users: &UserListing, outside: &Outside, members: &[Entry], members_complete: bool) -> HashSet<UserId> {
    let mut absent: HashSet<UserId> = HashSet::new();
    if users.is_complete() {
        absent.extend(&users.absent);
    }
    if members_complete {
        absent.extend(members.iter().map(Entry::user_id));
    }
    remove_extender_shown(&mut absent, users, outside);
    absent
}
