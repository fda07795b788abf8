//! The members of every group: read by name, resolved to users; those whom the user list does not show ("outsiders":
//! members without access) are read again with details, in as few windows as possible.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use futures_util::stream::{self, StreamExt};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::people::{Names, UserRef, members_fingerprint, name_hash};
use crate::confluence::{
    Detail, Extender, LookUp, Page, RequestError, Rows, decode_member_name, decode_user, is_addressable, read_listing,
};
use crate::model::{SeenUser, UserId};
use crate::store::{Entry, Fingerprint};

/// Readings of a list that keeps changing.
pub const PASSES: u32 = 3;

/// A member whom the user list does not show, or shows twice.
#[derive(Clone, Debug)]
pub struct Outsider {
    position: u64,
    name: String,
}

impl Outsider {
    fn exact(&self) -> u64 {
        xxh3_64(self.name.as_bytes())
    }
}

/// What became of reading a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Every member was read.
    Read,
    /// The members are those of the last walk.
    Unchanged,
    /// They could not be read, or not all of them; the reason.
    Failed(String),
    /// The group's name cannot stand in a request.
    NotAddressable,
}

/// A group and its members.
#[derive(Debug)]
pub struct GroupReading {
    /// The group's name.
    pub name: String,
    /// What became of it.
    pub reading: Reading,
    /// Its members, sorted; empty unless `Read`.
    pub members: Vec<UserRef>,
    /// Members still to be identified.
    pub outsiders: Vec<Outsider>,
    /// How its members were when last read.
    pub fingerprint: Option<Fingerprint>,
    /// Fingerprint of the listing's bytes, where these alone tell the users.
    pub listing: Option<u64>,
    /// How many members the listing showed.
    pub size: u64,
    /// Rows that came again.
    pub repeated: u64,
}

impl GroupReading {
    /// Why the members are not known, where they are not.
    pub fn failure(&self) -> Option<String> {
        match &self.reading {
            Reading::Failed(why) => Some(why.clone()),
            Reading::Read | Reading::Unchanged | Reading::NotAddressable => None,
        }
    }
}

/// Whose names the members are.
pub struct Bearers<'a> {
    /// The users of the user list, by name.
    pub names: &'a (dyn Fn() -> &'a Names + Sync),
    /// Every name stands for the user it stood for in the last walk: a listing of the same bytes tells the same users.
    pub as_before: bool,
}

/// Reads the members of `group` by name; `fingerprint` is how they were read last.
/// Fails only when the credentials or the account are refused.
pub async fn read_group(
    extender: Extender<'_>,
    group: &str,
    bearers: &Bearers<'_>,
    fingerprint: Option<Fingerprint>,
) -> Result<GroupReading, RequestError> {
    let mut reading = GroupReading {
        name: group.to_owned(),
        reading: Reading::NotAddressable,
        members: Vec::new(),
        outsiders: Vec::new(),
        fingerprint,
        listing: None,
        size: 0,
        repeated: 0,
    };
    if !is_addressable(group) {
        return Ok(reading);
    }
    let limits = extender.client().limits();
    let (page_size, concurrency) = (u64::from(limits.page_size), limits.concurrency);
    let mut readings = 0;
    for pass_number in 1..=PASSES {
        readings = pass_number;
        let mut pages: Vec<(Page, usize)> = Vec::new();
        let pass = read_listing(
            |start, size| extender.member_page(group, Detail::Name, start, size),
            None,
            page_size,
            concurrency,
            xxh3_64,
            |page: Page, first| pages.push((page, first)),
        )
        .await;
        let pass = match pass {
            Ok(pass) => pass,
            Err(error) if error.trouble.is_refusal() || error.trouble.is_block() => return Err(error),
            Err(error) => {
                reading.reading = Reading::Failed(error.to_string());
                return Ok(reading);
            }
        };
        let listing = listing_fingerprint(&pages);
        let known = fingerprint.and_then(|known| known.listing);
        if bearers.as_before && known == Some(listing) && !pass.disturbed && pass.is_complete(pass.received) {
            reading.reading = Reading::Unchanged;
            reading.listing = known;
            reading.size = pass.received;
            return Ok(reading);
        }
        let (members, outsiders) = match resolve(&pages, (bearers.names)()) {
            Ok(resolved) => resolved,
            Err(malformed) => {
                reading.reading = Reading::Failed(format!("group '{group}': {malformed}"));
                return Ok(reading);
            }
        };
        let distinct = (members.len() + outsiders.len()) as u64;
        let complete = pass.is_complete(distinct);
        reading.listing = Some(listing);
        reading.repeated += pass.repeated;
        reading.size = distinct;
        // A member is gone only when no reading of this walk showed it.
        reading.members.extend(members);
        reading.members.sort_unstable();
        reading.members.dedup();
        reading.outsiders = outsiders;
        if complete && (!pass.disturbed || pass_number > 1) {
            reading.reading = Reading::Read;
            break;
        }
        if !pass.failures.is_empty() || pass_number == PASSES {
            reading.reading = if complete {
                Reading::Read
            } else {
                Reading::Failed(format!("group '{group}': {}", pass.shortfall(distinct)))
            };
            break;
        }
    }
    if readings > 1 {
        // Some of the members may have left between two readings: their bytes do not tell the members.
        reading.listing = None;
    }
    if reading.outsiders.is_empty() {
        settle(&mut reading);
    } else {
        // Outsiders are read again in every walk, so that what changes about them is seen.
        reading.listing = None;
    }
    Ok(reading)
}

fn listing_fingerprint(pages: &[(Page, usize)]) -> u64 {
    let mut hasher = Xxh3::new();
    for (page, first) in pages {
        hasher.update(page.rows.span(*first));
    }
    hasher.digest()
}

/// Who the members are: users of the user list, and others, who are to be identified.
fn resolve(pages: &[(Page, usize)], names: &Names) -> Result<(Vec<UserRef>, Vec<Outsider>), String> {
    let mut members: Vec<UserRef> = Vec::new();
    let mut outsiders: Vec<Outsider> = Vec::new();
    let rows = pages.iter().flat_map(|(page, first)| page.rows.iter().skip(*first));
    for (position, record) in rows.enumerate() {
        let member = decode_member_name(record).map_err(|error| format!("users[{position}]: {error}"))?;
        match names.get(name_hash(&member.0)) {
            Some(user) => members.push(user),
            None => outsiders.push(Outsider { position: position as u64, name: member.0.into_owned() }),
        }
    }
    members.sort_unstable();
    members.dedup();
    Ok((members, outsiders))
}

/// Lets go of the members of a group that is as it was.
fn settle(reading: &mut GroupReading) {
    if let (Reading::Read, Some(known)) = (&reading.reading, reading.fingerprint)
        && reading.members.iter().all(|member| member.new_index().is_none())
        && known.members == members_fingerprint(reading.members.iter().map(|member| member.id(UserId(0))))
    {
        reading.reading = Reading::Unchanged;
        reading.members = Vec::new();
    }
}

/// A stretch of a group's listing to be read with details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    group: usize,
    start: u64,
    len: u64,
    /// Indices into the group's outsiders.
    wanted: Vec<usize>,
}

/// The windows that show every outsider at least once, asking little of the site: groups whose outsiders stand close
/// together come first, and an outsider in many groups is read in one.
pub fn plan_windows(groups: &[GroupReading], page_size: u64) -> Vec<Window> {
    let mut order: Vec<(f64, usize)> = groups
        .iter()
        .enumerate()
        .filter(|(_, group)| !group.outsiders.is_empty())
        .map(|(index, group)| {
            let windows = windows_of(index, group, page_size, &HashSet::new());
            // A request costs the site about as much as rendering a hundred members.
            let cost: f64 = windows.iter().map(|window| 1.0 + window.len as f64 / 100.0).sum();
            (cost / group.outsiders.len() as f64, index)
        })
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut covered = HashSet::new();
    let mut windows = Vec::new();
    for (_, index) in order {
        windows.extend(windows_of(index, &groups[index], page_size, &covered));
        covered.extend(groups[index].outsiders.iter().map(Outsider::exact));
    }
    windows
}

fn windows_of(index: usize, group: &GroupReading, page_size: u64, covered: &HashSet<u64>) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for (place, outsider) in group.outsiders.iter().enumerate() {
        if covered.contains(&outsider.exact()) {
            continue;
        }
        match windows.last_mut() {
            Some(window) if outsider.position < window.start + page_size => {
                window.len = outsider.position + 1 - window.start;
                window.wanted.push(place);
            }
            _ => windows.push(Window { group: index, start: outsider.position, len: 1, wanted: vec![place] }),
        }
    }
    windows
}

/// An outsider with its details.
#[derive(Debug)]
pub enum Found {
    /// As it was read last: entry `n` of the known members.
    Known(usize),
    /// Something about it is new.
    Fresh {
        /// Fingerprint of the record's bytes.
        fingerprint: u64,
        /// The record.
        record: Box<SeenUser>,
    },
}

/// Everything found out about outsiders, by the exact name.
#[derive(Default)]
pub struct Outsiders {
    /// What was found, by the hash of the exact name.
    pub found: HashMap<u64, Vec<Found>>,
    /// Windows that could not be read.
    pub failures: Vec<String>,
    /// Requests made for details.
    pub windows: u64,
}

impl Outsiders {
    fn add(&mut self, name: u64, found: Found) {
        let list = self.found.entry(name).or_default();
        let new = match &found {
            Found::Known(entry) => !list.iter().any(|other| matches!(other, Found::Known(known) if known == entry)),
            Found::Fresh { record, .. } => {
                !list.iter().any(|other| matches!(other, Found::Fresh { record: known, .. } if known.key == record.key))
            }
        };
        if new {
            list.push(found);
        }
    }
}

/// Reads the details of every outsider. `known` is how the outsiders were read last; `lookups` is how many single
/// look-ups may be spent on those whom the windows do not show any more, and is lowered by those spent.
/// Fails only when the credentials or the account are refused.
pub async fn read_outsiders(
    extender: Extender<'_>,
    groups: &[GroupReading],
    known: &[Entry],
    lookups: &mut u32,
) -> Result<Outsiders, RequestError> {
    let mut outsiders = Outsiders::default();
    let limits = extender.client().limits();
    let windows = plan_windows(groups, u64::from(limits.page_size));
    if windows.is_empty() {
        return Ok(outsiders);
    }
    let by_fingerprint: HashMap<u64, usize> =
        known.iter().enumerate().map(|(index, entry)| (entry.fingerprint, index)).collect();
    // Only needed where a window cannot be read.
    let known_by_name = OnceLock::new();
    let known_by_name = || {
        known_by_name.get_or_init(|| {
            let mut map: HashMap<u64, Vec<usize>> = HashMap::new();
            for (index, entry) in known.iter().enumerate() {
                map.entry(entry.name).or_default().push(index);
            }
            map
        })
    };
    outsiders.windows = windows.len() as u64;
    let mut answers = stream::iter(windows)
        .map(|window| async move {
            let records = read_window(extender, &groups[window.group].name, window.start, window.len).await;
            (window, records)
        })
        .buffer_unordered(limits.concurrency);
    let mut lost: Vec<(usize, usize)> = Vec::new();
    while let Some((window, pages)) = answers.next().await {
        let group = &groups[window.group];
        let pages = match pages {
            Ok(pages) => pages,
            Err(error) if error.trouble.is_refusal() || error.trouble.is_block() => return Err(error),
            Err(error) => {
                outsiders.failures.push(error.to_string());
                // Who they are may still be known; how they are now is not.
                for place in window.wanted {
                    let outsider = &group.outsiders[place];
                    for index in known_by_name().get(&name_hash(&outsider.name)).into_iter().flatten() {
                        outsiders.add(outsider.exact(), Found::Known(*index));
                    }
                }
                continue;
            }
        };
        let records: Vec<(&Rows, usize)> =
            pages.iter().flat_map(|page| (0..page.rows.len()).map(|index| (&page.rows, index))).collect();
        // Only needed where the listing moved.
        let by_name = OnceLock::new();
        let by_name = || {
            by_name.get_or_init(|| {
                let named = |(at, &(rows, index)): (usize, &(&Rows, usize))| {
                    Some((decode_member_name(rows.get(index)).ok()?.0.into_owned(), at))
                };
                records.iter().enumerate().filter_map(named).collect::<HashMap<String, usize>>()
            })
        };
        let open = |(rows, index): (&Rows, usize), outsider: &Outsider| -> Option<Found> {
            let fingerprint = rows.fingerprint(index);
            if let Some(&entry) = by_fingerprint.get(&fingerprint)
                && known[entry].name == name_hash(&outsider.name)
            {
                return Some(Found::Known(entry));
            }
            let record = decode_user(rows.get(index)).ok()?;
            (record.name == outsider.name).then(|| Found::Fresh { fingerprint, record: Box::new(record) })
        };
        for place in window.wanted {
            let outsider = &group.outsiders[place];
            let expected = (outsider.position - window.start) as usize;
            let found = records.get(expected).and_then(|record| open(*record, outsider)).or_else(|| {
                // The listing moved since its names were read: the outsider may stand elsewhere in the window.
                by_name().get(&outsider.name).and_then(|at| open(records[*at], outsider))
            });
            match found {
                Some(found) => outsiders.add(outsider.exact(), found),
                None => lost.push((window.group, place)),
            }
        }
    }
    drop(answers);
    for (group, place) in lost {
        let outsider = &groups[group].outsiders[place];
        if outsiders.found.contains_key(&outsider.exact()) || *lookups == 0 || !is_addressable(&outsider.name) {
            continue;
        }
        *lookups -= 1;
        match extender.look_up(&outsider.name).await {
            Ok(LookUp::Found(record)) if record.name == outsider.name => {
                outsiders.add(outsider.exact(), Found::Fresh { fingerprint: 0, record });
            }
            Ok(_) => {}
            Err(error) if error.trouble.is_refusal() || error.trouble.is_block() => return Err(error),
            Err(error) => outsiders.failures.push(error.to_string()),
        }
    }
    Ok(outsiders)
}

async fn read_window(
    extender: Extender<'_>,
    group: &str,
    mut start: u64,
    mut len: u64,
) -> Result<Vec<Page>, RequestError> {
    let mut pages = Vec::new();
    // A server that caps its pages gives the window in parts.
    while len > 0 {
        let page = extender.member_page(group, Detail::Extended, start, len).await?;
        let rows = page.rows.len() as u64;
        pages.push(page);
        if rows == 0 {
            break;
        }
        start += rows;
        len = len.saturating_sub(rows);
    }
    Ok(pages)
}

/// Puts the identified outsiders into their groups; `users` are those of each exact name.
pub fn settle_outsiders(groups: &mut [GroupReading], users: &HashMap<u64, Vec<UserRef>>) {
    for group in groups {
        if group.outsiders.is_empty() {
            continue;
        }
        let outsiders = std::mem::take(&mut group.outsiders);
        let mut times: HashMap<u64, usize> = HashMap::new();
        for outsider in &outsiders {
            *times.entry(outsider.exact()).or_default() += 1;
        }
        let mut strangers = 0;
        for (name, times) in times {
            match users.get(&name).map(Vec::as_slice) {
                Some([user]) => group.members.push(*user),
                Some(bearers) if bearers.len() == times => group.members.extend(bearers),
                _ => strangers += times,
            }
        }
        group.members.sort_unstable();
        group.members.dedup();
        if strangers > 0 && group.reading == Reading::Read {
            group.reading = Reading::Failed(format!(
                "group '{}': {strangers} of {} members could not be identified",
                group.name, group.size
            ));
        }
        settle(group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, outsiders: &[(u64, &str)]) -> GroupReading {
        GroupReading {
            name: name.to_owned(),
            reading: Reading::Read,
            members: Vec::new(),
            outsiders: outsiders.iter().map(|&(position, name)| Outsider { position, name: name.to_owned() }).collect(),
            fingerprint: None,
            listing: None,
            size: 10_000,
            repeated: 0,
        }
    }

    fn plan(groups: &[GroupReading]) -> Vec<(usize, u64, u64, usize)> {
        plan_windows(groups, 1000).into_iter().map(|w| (w.group, w.start, w.len, w.wanted.len())).collect()
    }

    #[test]
    fn outsiders_close_together_share_a_window() {
        let groups = [group("all", &[(10, "a"), (500, "b"), (1009, "c"), (1010, "d")])];
        assert_eq!(plan(&groups), [(0, 10, 1000, 3), (0, 1010, 1, 1)]);
    }

    #[test]
    fn an_outsider_in_many_groups_is_read_in_one() {
        let groups = [
            group("all", &[(10, "a"), (5000, "b"), (9000, "c")]),
            group("left", &[(0, "a"), (1, "b"), (2, "c")]),
            group("empty", &[]),
        ];
        assert_eq!(plan(&groups), [(1, 0, 3, 3)]);
    }

    #[test]
    fn a_group_with_a_stranger_is_not_believed() {
        let mut groups = [group("g", &[(0, "a"), (1, "b")])];
        let users = HashMap::from([(xxh3_64(b"a"), vec![UserRef::new(0)])]);
        settle_outsiders(&mut groups, &users);
        assert!(matches!(&groups[0].reading, Reading::Failed(why) if why.contains("1 of 10000")));
    }
}
