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
use crate::confluence::{Page, Pass, decode_group_name, read_listing};
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
        let (listed, pass, problem) = self.read_group_list(known.len()).await?;
        meter.ends("groups");
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
        meter.ends("members");
        Ok(Groups { known, readings, pass, problem })
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
}
