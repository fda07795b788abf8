//! What became of every account id, and whom the answers are about.

use std::collections::HashSet;

use super::CloudReader;
use super::discover::IdsFile;
use super::ids::{AccountIds, Place};
use super::look_up::{Answered, LookUps, Shortfall};
use crate::confluence::{Cloud, RequestError};
use crate::model::{CloudUser, Told, UserId};
use crate::store::Entry;
use crate::sync::error::WalkError;
use crate::sync::guard::is_emptied;
use crate::sync::identities::Identities;
use crate::sync::people::UserRef;
use crate::sync::roll::Roll;
use crate::sync::walk::Progress;

const LIST: &str = "api/v2/users-bulk";

/// The users whom `users-bulk` shows, and those it does not.
pub struct Found {
    /// The answers against those of the last walk.
    pub roll: Roll<CloudUser>,
    /// Whom the decoded records are about.
    pub sights: UserSights,
    /// Users whom the last walk saw and whom this one did not get answered.
    pub absent: HashSet<UserId>,
    /// Users of whom there was no answer to believe.
    pub unproven: HashSet<UserId>,
    /// Ids asked about together with one whose record cannot be read: whose it is cannot be told.
    doubtful: Vec<Place>,
    /// Ids asked for.
    pub asked: u64,
    /// What is missing.
    pub problem: Option<String>,
    /// What deserves a word although nothing is missing.
    pub note: Option<String>,
}

/// Whom the decoded records are about, in their order.
#[derive(Default)]
pub struct UserSights {
    /// Whom.
    pub users: Vec<UserRef>,
    closed: HashSet<UserRef>,
}

impl UserSights {
    /// The account is closed.
    pub fn is_closed(&self, user: UserRef) -> bool {
        self.closed.contains(&user)
    }
}

impl CloudReader<'_> {
    /// Looks every id up, those of users who are not answered any more twice.
    pub(super) async fn look_up(
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
            if matches!(&record.account_status, Told::Told(Some(word)) if word.eq_ignore_ascii_case("closed")) {
                self.sights.closed.insert(user);
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
