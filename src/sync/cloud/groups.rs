//! The groups of a Cloud site and their members. A group is its id; the list may be that of the whole organization.

use std::collections::{HashMap, HashSet};

use futures_util::stream::{self, StreamExt};
use xxhash_rust::xxh3::Xxh3;

use super::CloudReader;
use super::ids::{AccountIds, IdList, Place};
use crate::confluence::{
    AccountIdReader, Cloud, CloudGroup, Page, Pass, RequestError, account_identity, decode_cloud_group, group_identity,
    read_listing,
};
use crate::model::UserId;
use crate::store::{self, Fingerprint, GroupRename, GroupRow};
use crate::sync::coverage::Meter;
use crate::sync::diff::{GroupSight, Picture};
use crate::sync::error::WalkError;
use crate::sync::groups::{GroupList, GroupListing};
use crate::sync::members::{PASSES, Reading};
use crate::sync::people::{UserRef, members_fingerprint};
use crate::sync::walk::Progress;

/// A group and its members, as ids.
pub struct GroupReading {
    /// The group.
    pub group: CloudGroup,
    /// What became of reading it.
    pub reading: Reading,
    /// Its members; empty unless `Read`.
    pub members: Vec<Place>,
    /// Fingerprint of the listing's bytes.
    pub listing: Option<u64>,
    /// How many members the listing showed.
    pub size: u64,
    /// Rows that came again.
    pub repeated: u64,
    /// It had members, and has none now.
    emptied: bool,
}

/// The groups and their members.
pub struct Groups {
    /// Those the mirror has.
    pub known: Vec<GroupRow>,
    /// Those whose members were read.
    pub readings: Vec<GroupReading>,
    /// The ids of all that are listed, mirrored or not.
    pub listed: HashSet<String>,
    /// The reading of their list.
    pub pass: Pass,
    /// Why the list is not complete.
    pub problem: Option<String>,
    /// What the list got instead of an answer.
    pub failure: Option<RequestError>,
    /// Groups that are left out: no user of this site is a member.
    pub elsewhere: u64,
}

impl Groups {
    /// Why members could not be read, group by group.
    pub fn failures(&self) -> impl Iterator<Item = String> {
        self.readings.iter().filter_map(|group| match &group.reading {
            Reading::Failed(why) => Some(why.clone()),
            Reading::Read | Reading::Unchanged | Reading::NotAddressable => None,
        })
    }
}

impl CloudReader<'_> {
    /// Reads the list of groups, and the members of each.
    pub(super) async fn read_groups(
        &mut self,
        ids: &mut AccountIds,
        meter: &mut Meter<'_>,
    ) -> Result<Groups, WalkError> {
        let known = store::current_groups(self.connection, self.row).await.map_err(|error| self.store.sql(error))?;
        let GroupListing { groups: found, pass, problem, failure } = self.list_groups(known.len()).await?;
        meter.ends("groups");
        let listed = found.iter().map(|group| group.id.clone()).collect();
        let filter = self.site.group_filter.as_ref();
        // One that is mirrored already is read on: what is known of it would grow old unseen.
        let mirrored: HashSet<&str> = known.iter().filter_map(|row| row.external_id.as_deref()).collect();
        let wanted = |group: &CloudGroup| {
            filter.is_none_or(|filter| filter.is_match(&group.name)) || mirrored.contains(group.id.as_str())
        };
        let wanted = found.into_iter().filter(wanted).collect();
        let readings = self.read_members(wanted, &known, ids).await?;
        let mut groups = Groups { known, readings, listed, pass, problem, failure, elsewhere: 0 };
        self.doubt(&mut groups).await?;
        meter.ends("members");
        Ok(groups)
    }

    async fn list_groups(&self, known: usize) -> Result<GroupListing<CloudGroup>, WalkError> {
        let cloud = self.cloud;
        let list = GroupList {
            label: "rest/api/group: results",
            page_size: cloud.page_size(),
            concurrency: cloud.client().limits().concurrency,
            known,
        };
        let fetch = |start, size| cloud.group_page(start, size);
        let read = list.read(fetch, group_identity, decode_cloud_group, |group| &group.id).await;
        read.map_err(WalkError::of_cloud_request)
    }

    async fn read_members(
        &self,
        groups: Vec<CloudGroup>,
        known: &[GroupRow],
        ids: &mut AccountIds,
    ) -> Result<Vec<GroupReading>, WalkError> {
        let known: HashMap<&str, &GroupRow> =
            known.iter().filter_map(|row| Some((row.external_id.as_deref()?, row))).collect();
        let (cloud, total) = (self.cloud, groups.len() as u64);
        let mut answers = stream::iter(groups)
            .map(|group| {
                let known = known.get(group.id.as_str()).copied();
                async move { (read_group(cloud, &group.id, known).await, group, known) }
            })
            .buffered(cloud.client().limits().concurrency);
        let mut readings = Vec::new();
        while let Some((raw, group, known)) = answers.next().await {
            let raw = raw.map_err(WalkError::of_cloud_request)?;
            readings.push(GroupReading::of(raw, group, known, ids));
            (self.progress)(Progress::Groups { read: readings.len() as u64, total });
        }
        Ok(readings)
    }

    /// Reads the list of groups once more before a group is said to be gone, or empty. A group that is renamed while the
    /// list is read may move from before the reading to behind it, unseen where another makes room; and an id that nobody
    /// has any more gets an empty page, too.
    async fn doubt(&self, groups: &mut Groups) -> Result<(), WalkError> {
        let is_unlisted = |row: &GroupRow| row.external_id.as_ref().is_some_and(|id| !groups.listed.contains(id));
        let unlisted = groups.problem.is_none() && groups.known.iter().any(is_unlisted);
        if !unlisted && !groups.readings.iter().any(|group| group.emptied) {
            return Ok(());
        }
        let again = self.list_groups(groups.known.len()).await?;
        let still: HashSet<String> = again.groups.into_iter().map(|group| group.id).collect();
        for group in groups.readings.iter_mut().filter(|group| group.emptied && !still.contains(&group.group.id)) {
            if again.problem.is_some() {
                let name = &group.group.name;
                group.reading = Reading::Failed(format!("group '{name}': it is empty, and may not be there any more"));
            } else {
                groups.listed.remove(&group.group.id);
            }
        }
        groups.readings.retain(|group| groups.listed.contains(&group.group.id));
        if unlisted {
            groups.listed.extend(still);
            groups.problem = again.problem;
        }
        Ok(())
    }

    /// Adds to the picture what is new about groups, once it is known whose the account ids are.
    pub(super) async fn settle_groups(
        &mut self,
        picture: &mut Picture,
        groups: &mut Groups,
        ids: &AccountIds,
    ) -> Result<(), WalkError> {
        let mut known: HashMap<String, GroupRow> =
            groups.known.drain(..).filter_map(|row| Some((row.external_id.clone()?, row))).collect();
        let mut sights = Vec::new();
        for reading in &groups.readings {
            let CloudGroup { id, name } = &reading.group;
            let row = known.remove(id);
            if let Some(row) = row.as_ref().filter(|row| row.name != *name) {
                let rename = GroupRename { id: row.id, before: row.name.clone(), after: name.clone() };
                picture.groups_renamed.push(rename);
            }
            let (members, listing) = reading.settled(ids);
            match (&row, &reading.reading) {
                (Some(_), Reading::Unchanged | Reading::Failed(_) | Reading::NotAddressable) => {}
                (Some(row), Reading::Read) if is_as_before(row, &members) => {
                    if let Some(fingerprint) = row.fingerprint.filter(|fingerprint| fingerprint.listing != listing) {
                        picture.relisted.push((row.id, Fingerprint { listing, ..fingerprint }));
                    }
                }
                (None, reading) if members.is_empty() && self.site.group_filter.is_none() => {
                    // Of another site, or of nobody yet; one that could not be read is met again.
                    groups.elsewhere += u64::from(*reading == Reading::Read);
                }
                (_, state) => {
                    let members = (*state == Reading::Read).then_some(members);
                    let (name, external_id) = (name.clone(), Some(id.clone()));
                    sights.push(GroupSight { name, external_id, known: row, members, listing, before: Vec::new() });
                }
            }
        }
        let mut gone: Vec<GroupRow> = match groups.problem {
            None => known.into_iter().filter(|(id, _)| !groups.listed.contains(id)).map(|(_, row)| row).collect(),
            Some(_) => Vec::new(),
        };
        gone.sort_by_key(|row| row.id);
        let asked: Vec<_> = sights
            .iter()
            .filter_map(|sight| Some(sight.known.as_ref()?.id))
            .chain(gone.iter().map(|row| row.id))
            .collect();
        let before = store::current_members(self.connection, &asked).await;
        let mut before = before.map_err(|error| self.store.sql(error))?;
        for sight in &mut sights {
            sight.before = sight.known.as_ref().and_then(|row| before.remove(&row.id)).unwrap_or_default();
        }
        picture.groups = sights;
        picture.groups_gone =
            gone.into_iter().map(|row| (row.clone(), before.remove(&row.id).unwrap_or_default())).collect();
        Ok(())
    }
}

impl GroupReading {
    fn of(raw: Raw, group: CloudGroup, known: Option<&GroupRow>, ids: &mut AccountIds) -> Self {
        let Raw { state, members, listing, size, repeated } = raw;
        let reading = match state {
            Reading::Failed(why) => Reading::Failed(format!("group '{}': {why}", group.name)),
            state => state,
        };
        let mut members: Vec<Place> = members.iter().map(|id| ids.add(id)).collect();
        members.sort_unstable();
        members.dedup();
        let emptied = reading == Reading::Read && size == 0 && had_members(known);
        Self { group, reading, members, listing, size, repeated, emptied }
    }

    /// The members who are users here, sorted, and what is to be remembered of the listing: nothing while it shows others,
    /// who may become users of this site.
    fn settled(&self, ids: &AccountIds) -> (Vec<UserRef>, Option<u64>) {
        let mut members: Vec<UserRef> = self.members.iter().filter_map(|place| ids.user(*place)).collect();
        let all = members.len() == self.members.len();
        members.sort_unstable();
        members.dedup();
        (members, self.listing.filter(|_| all))
    }
}

fn is_as_before(row: &GroupRow, members: &[UserRef]) -> bool {
    members.iter().all(|member| member.new_index().is_none())
        && row.fingerprint.is_some_and(|known| {
            known.members == members_fingerprint(members.iter().map(|member| member.id(UserId(0))))
        })
}

/// It had members, or may have had: how it was read last is forgotten when a hold is approved.
fn had_members(known: Option<&GroupRow>) -> bool {
    let nobody = members_fingerprint(std::iter::empty());
    known.is_some_and(|row| row.fingerprint.is_none_or(|fingerprint| fingerprint.members != nobody))
}

/// A group as read.
struct Raw {
    state: Reading,
    /// The members of every reading; empty unless `Read`.
    members: IdList,
    listing: Option<u64>,
    size: u64,
    repeated: u64,
}

/// Reads the members of a group until a reading is complete; `known` is how they were read last. Fails only when the
/// credentials or the account are refused.
async fn read_group(cloud: Cloud<'_>, id: &str, known: Option<&GroupRow>) -> Result<Raw, RequestError> {
    let (size, concurrency) = (cloud.page_size(), cloud.client().limits().concurrency);
    let mut raw = Raw { state: Reading::Unchanged, members: IdList::default(), listing: None, size: 0, repeated: 0 };
    for number in 1..=PASSES {
        let before = raw.members.len();
        let (mut bytes, mut reader) = (Xxh3::new(), AccountIdReader::default());
        let mut malformed = None;
        let take = |page: Page, first: usize| {
            bytes.update(page.rows.span(first));
            // The ids alone are kept: a page has ten times their bytes.
            for record in page.rows.iter().skip(first) {
                match reader.read(record) {
                    Ok(id) => raw.members.push(&id),
                    Err(error) => drop(malformed.get_or_insert_with(|| format!("a member's {error}"))),
                }
            }
        };
        let fetch = |start, size| cloud.member_page(id, start, size);
        let pass = match read_listing(fetch, None, size, concurrency, account_identity, take).await {
            Ok(pass) => pass,
            Err(error) if error.trouble.is_refusal() || error.trouble.is_block() => return Err(error),
            Err(error) => return Ok(raw.failed(error.to_string())),
        };
        let listing = bytes.digest();
        let as_before = known.and_then(|row| row.fingerprint?.listing) == Some(listing);
        if number == 1 && as_before && !pass.disturbed && pass.is_complete(pass.received) {
            return Ok(Raw { members: IdList::default(), listing: Some(listing), size: pass.received, ..raw });
        }
        if let Some(why) = malformed {
            return Ok(raw.failed(why));
        }
        let distinct: HashSet<&str> = raw.members.iter().skip(before).collect();
        raw.size = distinct.len() as u64;
        let complete = pass.is_complete(raw.size);
        raw.repeated += pass.repeated;
        // Some of the members may have left between two readings: their bytes do not tell the members.
        raw.listing = (number == 1).then_some(listing);
        // An empty page is what an id gets that nobody has: it is read once more.
        let doubtful = number == 1 && (pass.disturbed || (raw.size == 0 && had_members(known)));
        if complete && !doubtful {
            raw.state = Reading::Read;
            break;
        }
        if !pass.failures.is_empty() || number == PASSES {
            if !complete {
                let why = pass.shortfall(raw.size);
                return Ok(raw.failed(why));
            }
            raw.state = Reading::Read;
            break;
        }
        // A member is gone only when no reading of this walk showed it.
    }
    Ok(raw)
}

impl Raw {
    fn failed(self, why: String) -> Self {
        Self { state: Reading::Failed(why), members: IdList::default(), listing: None, ..self }
    }
}
