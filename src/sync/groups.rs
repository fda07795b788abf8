//! The list of groups, and each group's members.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use futures_util::stream::{self, StreamExt};
use xxhash_rust::xxh3::xxh3_64;

use super::coverage::Meter;
use super::error::WalkError;
use super::fetch::Reader;
use super::members::{Bearers, GroupReading, PASSES, read_group};
use super::users::UserListing;
use super::walk::Progress;
use crate::confluence::{Malformed, Page, Pass, RequestError, decode_group_name, read_listing};
use crate::store::{self, Fingerprint, GroupRow};

/// The groups and their members.
pub struct Groups {
    /// Those the mirror has.
    pub known: Vec<GroupRow>,
    /// Those listed, with their members.
    pub readings: Vec<GroupReading>,
    /// The reading of their list.
    pub pass: Pass,
    /// Why the list is not complete; `None`: whatever it does not show is not there.
    pub problem: Option<String>,
}

impl Groups {
    /// Every group was listed, and the members of each were read.
    pub fn are_complete(&self) -> bool {
        self.problem.is_none() && self.readings.iter().all(|group| group.failure().is_none())
    }
}

impl Reader<'_> {
    /// The list of groups, and each group's members.
    pub(super) async fn read_groups(
        &mut self,
        users: &UserListing,
        meter: &mut Meter<'_>,
    ) -> Result<Groups, WalkError> {
        let known = store::current_groups(self.connection, self.site).await.map_err(|error| self.store.sql(error))?;
        let fingerprints: HashMap<&str, Fingerprint> =
            known.iter().filter_map(|group| Some((group.name.as_str(), group.fingerprint?))).collect();
        let GroupListing { groups: listed, pass, problem, .. } = self.read_group_list(known.len()).await?;
        meter.ends("groups");
        let total = listed.len() as u64;
        let concurrency = self.extender.client().limits().concurrency;
        let extender = self.extender;
        let fingerprints = &fingerprints;
        // Not even made where every group is as it was.
        let names = OnceLock::new();
        let bearers =
            Bearers { names: &|| names.get_or_init(|| users.names(&[])), as_before: users.names_are_as_before() };
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
        meter.ends("members");
        Ok(Groups { known, readings, pass, problem })
    }

    async fn read_group_list(&self, known: usize) -> Result<GroupListing<String>, WalkError> {
        let limits = self.extender.client().limits();
        let list = GroupList {
            label: "group/getGroups: groups",
            page_size: u64::from(limits.page_size),
            concurrency: limits.concurrency,
            known,
        };
        let fetch = |start, size| self.extender.group_page(start, size);
        list.read(fetch, xxh3_64, decode_group_name, |name| name).await.map_err(WalkError::of_request)
    }
}

/// A list of groups as read.
pub struct GroupListing<G> {
    /// The groups of all readings.
    pub groups: Vec<G>,
    /// The last reading.
    pub pass: Pass,
    /// Why it is not complete; `None`: whatever it does not show is not there.
    pub problem: Option<String>,
    /// What the first page got instead of an answer.
    pub failure: Option<RequestError>,
}

/// How a list of groups is read.
pub struct GroupList {
    /// What errors call it.
    pub label: &'static str,
    /// Rows asked for in a page.
    pub page_size: u64,
    /// Pages in flight.
    pub concurrency: usize,
    /// How many groups the mirror has.
    pub known: usize,
}

impl GroupList {
    /// Reads the list until a reading is complete; `id` tells one group from another. Fails only when the credentials or
    /// the account are refused.
    pub async fn read<G: Clone, Fut: Future<Output = Result<Page, RequestError>>>(
        &self,
        fetch: impl Fn(u64, u64) -> Fut,
        identity: impl Fn(&[u8]) -> u64,
        decode: impl Fn(&[u8]) -> Result<G, Malformed>,
        id: impl Fn(&G) -> &String,
    ) -> Result<GroupListing<G>, RequestError> {
        let &Self { label, page_size, concurrency, known } = self;
        let mut groups: Vec<G> = Vec::new();
        let mut seen: HashSet<String> = HashSet::new();
        for number in 1..=PASSES {
            let mut distinct: HashSet<String> = HashSet::new();
            let mut malformed = None;
            let take = |page: Page, fresh: usize| {
                for (index, record) in page.rows.iter().enumerate().skip(fresh) {
                    match decode(record) {
                        Ok(group) => {
                            distinct.insert(id(&group).clone());
                            if seen.insert(id(&group).clone()) {
                                groups.push(group);
                            }
                        }
                        Err(error) => {
                            malformed.get_or_insert_with(|| format!("{label}[{index}]: {error}"));
                        }
                    }
                }
            };
            let pass = match read_listing(&fetch, None, page_size, concurrency, &identity, take).await {
                Ok(pass) => pass,
                Err(error) if error.trouble.is_refusal() || error.trouble.is_block() => return Err(error),
                Err(error) => {
                    let problem = Some(format!("the list of groups: {error}"));
                    return Ok(GroupListing { groups, pass: Pass::default(), problem, failure: Some(error) });
                }
            };
            let distinct = distinct.len() as u64;
            if known > 0 && distinct == 0 && malformed.is_none() {
                let problem = Some(format!("the list of groups is empty although {known} groups were known"));
                return Ok(GroupListing { groups, pass, problem, failure: None });
            }
            let complete = malformed.is_none() && pass.is_complete(distinct);
            if (complete && (!pass.disturbed || number > 1)) || malformed.is_some() {
                return Ok(GroupListing { groups, pass, problem: malformed, failure: None });
            }
            if number == PASSES || !pass.failures.is_empty() {
                let problem =
                    (!complete).then(|| format!("the list of groups is incomplete: {}", pass.shortfall(distinct)));
                return Ok(GroupListing { groups, pass, problem, failure: None });
            }
        }
        unreachable!("the last pass returns")
    }
}
