//! Reads a site into a [`Picture`]: the user list, the groups, their members, User Export, and look-ups of whom no
//! listing shows.

use std::collections::{HashMap, HashSet};

use sqlx::sqlite::SqliteConnection;

use super::coverage::{Meter, of_data_center};
use super::diff::{GroupSight, Picture, Place, Sight};
use super::error::WalkError;
use super::groups::Groups;
use super::identities::{Identities, People};
use super::members::{GroupReading, Reading};
use super::people::UserRef;
use super::presence::Extended;
use super::remember::{Listing, Listings};
use super::users::{UserListing, read_users};
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
    /// Data Center: the endpoint that answered.
    pub user_list: Option<UserList>,
    /// Cloud: which Confluence of its organization the site is, where that was found out.
    pub cloud_id: Option<String>,
    /// Cloud: what was told of activity was that of another site.
    pub forgets_activity: bool,
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
        let mut identities = Identities::new(self.site);
        let mut lookups = self.extender.client().limits().lookups_per_walk;
        let known_users = self.load(Part::Users).await?;
        let known_members = self.load(Part::Members).await?;
        let known_export = self.load(Part::Export).await?;
        let mut meter = Meter::new(self.extender.client());

        let remembered = self.before.user_list.as_deref().and_then(UserList::from_name);
        let connection = (&mut *self.connection, self.store);
        let users =
            read_users(self.extender, connection, remembered, known_users, &mut identities, self.progress).await?;
        meter.ends("users");
        let mut groups = self.read_groups(&users, &mut meter).await?;
        let outside = self.read_outside(&users, &mut groups, &known_members, &mut identities, &mut lookups).await?;
        meter.ends("details");
        let members_complete = groups.are_complete() && outside.failures.is_empty();
        let extended = Extended::new(&users, &outside, &known_members, members_complete);

        let mut absent = extended.absent();
        let mut exported = self.read_export(&extended, known_export, &absent).await?;
        meter.ends("export");
        absent.extend(exported.gone(&extended));
        for user in exported.users().filter_map(UserRef::known_id) {
            absent.remove(&user);
        }
        let mut departed = self.look_up(&absent, &mut exported, &extended, &mut identities, &mut lookups).await?;
        meter.ends("lookups");
        exported.adopt(&mut identities);

        let mut problems: Vec<String> = users.problem.iter().chain(&groups.problem).cloned().collect();
        problems.extend(outside.failures.iter().cloned());
        problems.extend(groups.readings.iter().filter_map(GroupReading::failure));
        problems.extend(exported.problem().cloned());
        problems.extend(departed.problem.clone());
        let not_addressable = groups.readings.iter().filter(|group| group.reading == Reading::NotAddressable);
        let not_addressable: Vec<String> = not_addressable.map(|group| group.name.clone()).collect();
        let figures = Figures {
            users_declared: users.pass.declared,
            users_seen: Some(users.distinct),
            groups_seen: Some(groups.readings.len() as u64),
            memberships_seen: Some(groups.readings.iter().map(|group| group.size).sum()),
            coverage: Some(
                meter.coverage(|part| of_data_center(part, &users, &groups, &outside, &exported, &departed)),
            ),
            lookup_cursor: departed.cursor,
            ..Figures::default()
        };
        let notes = exported.note().cloned().into_iter().collect();

        // How the listings are to be remembered, while whom they show can still be asked.
        let (users_now, members_now) = extended.remember(&departed.kept);
        let mut export = Listing { before: exported.roll.known().to_vec(), now: exported.remember(&departed.kept) };
        let shown = extended.shown(exported.users().filter_map(UserRef::known_id));
        let still = exported.shows(departed.looked_up.iter().map(|user| user.known.id));
        let releasable = exported.releasable(&extended);
        let listed = users.shows(&outside.people.users);
        let (elsewhere, alone) = match users.is_complete() {
            true => (Place::Group, Place::Export),
            false => (Place::GroupUnproven, Place::ExportUnproven),
        };
        let whole = exported.is_whole();

        let UserListing { endpoint, roll, people, .. } = users;
        let (records, known_users) = roll.into_parts();
        let mut picture = Picture::default();
        add_sights(&mut picture.sights, records, people, Place::UserList, &HashSet::new());
        add_sights(&mut picture.sights, outside.records, outside.people, elsewhere, &listed);
        self.add_exports(&mut picture, exported, departed.take_named(), &shown, alone).await?;
        let settled = self.settle_departed(&mut picture, departed, &still, alone).await?;
        picture.released = self.released(&picture, releasable).await?;
        self.settle_groups(&mut picture, groups).await?;
        if !whole {
            // What Extender told meanwhile, User Export has to confirm when it is read again.
            let told = picture.sights.iter().filter(|sight| sight.export.is_none());
            let told = told.filter_map(|sight| sight.user.known_id());
            export.doubt_shown(&told.chain(picture.gone.iter().map(|gone| gone.known.id)).collect());
        }
        export.doubt_shown(&settled.doubtful);
        Ok(Fetched {
            picture,
            figures,
            problems,
            notes,
            evidence: settled.evidence,
            user_list: Some(endpoint),
            cloud_id: None,
            forgets_activity: false,
            listings: Listings {
                users: Listing { before: known_users, now: users_now },
                members: Listing { before: known_members, now: members_now },
                export,
                ..Listings::default()
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
                    sights.push(GroupSight { name, external_id: None, known, members, listing, before: Vec::new() });
                }
            }
        }
        if problem.is_some() {
            // Not listed, and not known to be gone: their names may stand for others when they are read again.
            let read = known.values().filter_map(|group| Some((group.id, group.fingerprint?)));
            for (group, fingerprint) in read.filter(|(_, fingerprint)| fingerprint.listing.is_some()) {
                picture.relisted.push((group, Fingerprint { listing: None, ..fingerprint }));
            }
            known.clear();
        }
        let mut gone: Vec<GroupRow> = known.into_values().collect();
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
