//! When users were last active, as the organization tells: of all of them at once from its directory, or, where it does
//! not offer that, of some in each walk.

use std::collections::{HashMap, HashSet};

use futures_util::stream::{self, StreamExt};

use super::CloudReader;
use super::ids::{AccountIds, Place};
use super::users::UserSights;
use crate::confluence::{OrganizationUser, Trouble};
use crate::model::{Activity, Told, UserId};
use crate::store::{self, Entry};
use crate::sync::error::WalkError;
use crate::sync::people::UserRef;
use crate::sync::remember::Remember;
use crate::sync::roll::Roll;

const LIST: &str = "users/search";
/// So many per cent of those with a permission on a site have access to it by the directory's word.
const NEARLY_ALL: usize = 80;
/// By so many per cent fewer have access to any other.
const FAR_FEWER: usize = 20;

/// What became of asking the organization.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// None is configured.
    Unasked,
    /// Its directory was read.
    Read,
    /// It has no directory for this: the request that said so.
    NotInBulk(String),
}

/// The organization's users, as its directory shows them.
pub struct Directory {
    /// What became of it.
    pub answer: Answer,
    /// Its rows.
    pub roll: Roll<OrganizationUser>,
    /// The site's id in the organization.
    pub cloud_id: Option<String>,
    /// That id was found out in this walk, or is another than before, and is to be remembered.
    pub is_new_id: bool,
    /// It is another than before: what was told of activity was that of another site.
    pub forgets: bool,
    /// Pages received.
    pub pages: u64,
    /// Rows received.
    pub received: u64,
    /// Users asked about one by one.
    pub asked: u64,
    /// Where the rotation of such questions stands.
    pub cursor: UserId,
    /// What is missing.
    pub problem: Option<String>,
    /// What deserves a word.
    pub note: Option<String>,
}

impl Directory {
    fn new(known: Vec<Entry>, cloud_id: Option<String>, cursor: UserId) -> Self {
        Self {
            answer: Answer::Unasked,
            roll: Roll::new(known),
            cloud_id,
            is_new_id: false,
            forgets: false,
            pages: 0,
            received: 0,
            asked: 0,
            cursor,
            problem: None,
            note: None,
        }
    }

    /// Adds the ids of those who may be users of this site.
    pub fn discover(&self, ids: &mut AccountIds) {
        for user in self.roll.fresh().iter().filter(|user| self.may_be_here(user)) {
            ids.add(&user.account_id);
        }
    }

    /// Whether somebody is not certainly a user of other products alone, or of other sites.
    fn may_be_here(&self, user: &OrganizationUser) -> bool {
        let Some(id) = self.cloud_id.as_deref() else { return true };
        !user.has_products || user.confluences.is_none() || user.confluence(id).is_some()
    }

    /// It was read to its end.
    fn is_whole(&self) -> bool {
        self.answer == Answer::Read && self.problem.is_none()
    }

    /// News of the activity of users, who are told by their account ids.
    pub fn news(&self, ids: &AccountIds) -> HashMap<UserRef, Activity> {
        let users = self.roll.fresh().iter().filter(|user| user.confluences.is_some());
        let site = self.cloud_id.as_deref();
        users.filter_map(|user| Some((ids.user(ids.find(&user.account_id)?)?, activity(user, site)))).collect()
    }

    /// The directory as it is to be remembered; `None` when it is as it was.
    pub fn remember(&self, ids: &AccountIds) -> Option<Vec<Remember>> {
        if !self.is_whole() {
            return None;
        }
        // Whose products were not told has to be asked about in every walk; so has everybody while the site's id is
        // not known.
        let about = |at: usize| {
            let user = &self.roll.fresh()[at];
            let told = user.confluences.is_some() && self.cloud_id.is_some();
            ids.find(&user.account_id).filter(|_| told).and_then(|place| ids.user(place))
        };
        self.roll.remember(&HashSet::new(), about)
    }
}

/// What is said of a user's activity on `site`.
fn activity(user: &OrganizationUser, site: Option<&str>) -> Activity {
    let told = site.and_then(|id| user.confluence(id));
    Activity { last_active_at: told.map_or(Told::Untold, |product| product.last_active_at), added_at: user.added_at }
}

/// The different Confluence sites that users have access to.
fn sites<'u>(users: impl IntoIterator<Item = &'u OrganizationUser>) -> Vec<String> {
    let products = users.into_iter().flat_map(|user| user.confluences.iter().flatten());
    let mut sites: Vec<String> = products.map(|product| product.cloud_id.to_ascii_lowercase()).collect();
    sites.sort_unstable();
    sites.dedup();
    sites
}

/// The one site that nearly all of these users have access to, and far fewer any other.
fn site_of_most<'u>(users: impl Iterator<Item = &'u OrganizationUser>) -> Option<String> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut all = 0;
    for user in users.filter(|user| user.confluences.as_ref().is_some_and(|confluences| !confluences.is_empty())) {
        all += 1;
        for site in sites([user]) {
            *counts.entry(site).or_default() += 1;
        }
    }
    let mut counts: Vec<(usize, String)> = counts.into_iter().map(|(site, count)| (count, site)).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let second = counts.get(1).map_or(0, |(count, _)| *count);
    let (most, site) = counts.into_iter().next()?;
    // The directory lags a day behind, and two sites of much the same people cannot be told apart.
    (most * 100 >= all * NEARLY_ALL && (most - second) * 100 >= all * FAR_FEWER).then_some(site)
}

impl CloudReader<'_> {
    /// Reads the organization's directory, where one is configured.
    /// `shown` are the places of users with a permission on this very site.
    pub(super) async fn read_directory(
        &mut self,
        known: Vec<Entry>,
        (shown, ids): (&HashSet<Place>, &AccountIds),
    ) -> Result<Directory, WalkError> {
        let configured = self.site.cloud_id.clone();
        let moved = configured.is_some() && configured != self.before.cloud_id;
        let cloud_id = configured.or_else(|| self.before.cloud_id.clone());
        let mut directory = Directory::new(known, cloud_id, self.before.activity_cursor);
        let Some(organization) = self.organization else {
            if self.was_ever_told().await? {
                directory.note = Some(
                    "no organization is configured any more: last-active dates are those of earlier walks".to_owned(),
                );
            }
            return Ok(directory);
        };
        directory.answer = Answer::Read;
        directory.roll.begin_pass();
        let mut cursor: Option<String> = None;
        let mut cursors = HashSet::new();
        loop {
            let page = match organization.users(cursor.as_deref()).await {
                Ok(page) => page,
                // Rate limits of the organization are no site's: what it does not tell now it tells in another walk.
                Err(error) if error.trouble.is_refusal() => return Err(WalkError::of_cloud_request(error)),
                Err(error) if directory.pages == 0 && is_not_offered(&error.trouble) => {
                    directory.answer = Answer::NotInBulk(error.to_string());
                    break;
                }
                Err(error) => {
                    directory.problem = Some(format!("the organization: {error}"));
                    break;
                }
            };
            directory.pages += 1;
            let read = directory.received;
            directory.received += page.rows.len() as u64;
            // Another site's id reads another activity out of the same bytes.
            directory.roll.take(&page, 0, LIST, read, |_| moved);
            match page.next {
                Some(next) if cursors.insert(next.clone()) => cursor = Some(next),
                Some(_) => {
                    directory.problem = Some(format!("the organization: {LIST} gives the same cursor again"));
                    break;
                }
                None => break,
            }
        }
        let (malformed, rows) = directory.roll.malformed();
        if rows > 0 {
            let problem = format!("{rows} records of the organization cannot be read: {}", malformed.join("; "));
            directory.problem.get_or_insert(problem);
        }
        if moved && (directory.is_whole() || matches!(directory.answer, Answer::NotInBulk(_))) {
            directory.is_new_id = true;
            directory.forgets = self.before.cloud_id.is_some();
        }
        self.find_site(&mut directory, (shown, ids)).await;
        Ok(directory)
    }

    /// Finds out which of the organization's sites this one is, where that is not known: the site itself tells everybody.
    /// Where it does not, a whole directory may: it is the only one, or that of nearly all who have a permission here.
    async fn find_site(&self, directory: &mut Directory, (shown, ids): (&HashSet<Place>, &AccountIds)) {
        if directory.cloud_id.is_some() {
            return;
        }
        let error = match self.cloud.tenant().await {
            Ok(id) => {
                (directory.cloud_id, directory.is_new_id) = (Some(id), true);
                return;
            }
            Err(error) => error,
        };
        if !directory.is_whole() {
            return;
        }
        let here = |user: &&OrganizationUser| ids.find(&user.account_id).is_some_and(|place| shown.contains(&place));
        let users = directory.roll.fresh();
        let found = match &sites(users)[..] {
            [] => return,
            [only] => Some(only.clone()),
            _ => site_of_most(users.iter().filter(here)),
        };
        directory.is_new_id = found.is_some();
        if found.is_none() {
            directory.note = Some(untold(&error.to_string()));
        }
        directory.cloud_id = found;
    }

    /// Asks one by one about those of whom the directory does not tell, within the budget. `ids` knows everybody by now.
    pub(super) async fn ask_one_by_one(
        &mut self,
        directory: &mut Directory,
        sights: &UserSights,
        ids: &AccountIds,
    ) -> Result<HashMap<UserRef, Activity>, WalkError> {
        let Some(organization) = self.organization else { return Ok(HashMap::new()) };
        let candidates = self.whom_to_ask(directory, sights, ids).await?;
        if candidates.users.is_empty() {
            return Ok(HashMap::new());
        }
        let concurrency = organization.client().limits().concurrency;
        let mut answers = stream::iter(candidates.users)
            .map(|(user, place)| async move { (user, organization.last_active(ids.id(place)).await) })
            .buffered(concurrency);
        let mut told: Vec<(UserRef, Option<OrganizationUser>)> = Vec::new();
        let mut failed = 0;
        while let Some((user, answer)) = answers.next().await {
            match answer {
                Ok(found) => told.push((user, found)),
                Err(error) if error.trouble == Trouble::Forbidden => return Err(WalkError::Refused(error)),
                Err(error) if error.trouble.is_refusal() => return Err(WalkError::of_cloud_request(error)),
                // It does not take such an id, as that of an app.
                Err(error) if error.trouble == Trouble::Status(400) => told.push((user, None)),
                Err(error) => {
                    failed += 1;
                    directory.problem.get_or_insert_with(|| format!("the organization: {error}"));
                }
            }
        }
        drop(answers);
        directory.asked = told.len() as u64 + failed;
        // The rotation goes on behind the last who was answered about.
        let turn = told.iter().rev().find_map(|(user, _)| user.known_id().filter(|id| candidates.turn.contains(id)));
        directory.cursor = turn.unwrap_or(directory.cursor);
        let found: Vec<&OrganizationUser> = told.iter().filter_map(|(_, found)| found.as_ref()).collect();
        if let Answer::NotInBulk(why) = &directory.answer {
            let asked = directory.asked;
            directory.note = Some(format!(
                "last-active dates are not told in bulk ({why}): {asked} users were asked about one by one"
            ));
            if found.is_empty() && !told.is_empty() && !self.was_ever_told().await? {
                directory.problem = Some(format!(
                    "the organization knows none of {} users: check organization.id and organization.base_url ({why})",
                    told.len()
                ));
            }
        }
        // All of them are users of this site. What is found out so holds for this walk alone: they are a few.
        let site = directory.cloud_id.clone().or_else(|| match directory.answer {
            Answer::NotInBulk(_) => site_of_most(found.iter().copied()),
            Answer::Unasked | Answer::Read => None,
        });
        if site.is_none() && found.iter().any(|user| user.has_products) {
            directory.note = Some(untold("the site does not say"));
        }
        let news = |found: OrganizationUser| match (&found.confluences, found.has_products) {
            // Products that were never used are not listed there.
            (Some(_), false) => Activity { last_active_at: Told::Told(None), added_at: found.added_at },
            _ => activity(&found, site.as_deref()),
        };
        Ok(told.into_iter().map(|(user, found)| (user, found.map_or_else(Activity::default, news))).collect())
    }

    /// Somebody's activity was told, in this walk or another.
    async fn was_ever_told(&mut self) -> Result<bool, WalkError> {
        Ok(store::is_activity_known(self.connection, self.row).await.map_err(|error| self.store.sql(error))?)
    }

    async fn whom_to_ask(
        &mut self,
        directory: &Directory,
        sights: &UserSights,
        ids: &AccountIds,
    ) -> Result<Candidates, WalkError> {
        let untold: Option<HashSet<UserRef>> = match directory.answer {
            Answer::Unasked => return Ok(Candidates::default()),
            Answer::NotInBulk(_) => None,
            Answer::Read => {
                let users = directory.roll.fresh().iter().filter(|user| user.confluences.is_none());
                let users: HashSet<UserRef> = users.filter_map(|user| ids.user(ids.find(&user.account_id)?)).collect();
                if users.is_empty() {
                    return Ok(Candidates::default());
                }
                Some(users)
            }
        };
        let budget = self.site.organization.as_ref().map_or(0, |organization| organization.lookups_per_walk as usize);
        let wanted = |user: &UserRef| untold.as_ref().is_none_or(|untold| untold.contains(user));
        let new = sights.users.iter().filter(|user| user.new_index().is_some() && wanted(user));
        let mut users: Vec<UserRef> = new.copied().take(budget).collect();
        // Of the directory's a few may be wanted among many: then all are looked through.
        let limit = if untold.is_some() { ids.len() } else { budget - users.len() };
        let (never, turn) = store::activity_rotation(self.connection, self.row, self.before.activity_cursor, limit)
            .await
            .map_err(|error| self.store.sql(error))?;
        let of = |list: Vec<UserId>| -> Vec<UserRef> {
            list.into_iter().map(UserRef::known).filter(|user| wanted(user) && !sights.is_closed(*user)).collect()
        };
        users.extend(of(never).into_iter().take(budget - users.len()));
        let turn: Vec<UserRef> = of(turn).into_iter().take(budget - users.len()).collect();
        let whose_turn = turn.iter().filter_map(|user| user.known_id()).collect();
        users.extend(turn);
        let places = ids.by_user();
        let users = users.into_iter().filter_map(|user| Some((user, places.place(user)?))).collect();
        Ok(Candidates { users, turn: whose_turn })
    }
}

/// Whom to ask about one by one.
#[derive(Default)]
struct Candidates {
    users: Vec<(UserRef, Place)>,
    /// Those of them whose turn it is.
    turn: HashSet<UserId>,
}

fn untold(why: &str) -> String {
    format!(
        "the organization has several Confluence sites and which of them this is cannot be told, so nobody's activity is \
         known ({why}): set cloud_id"
    )
}

/// The bulk search is there for organizations with the new user management alone.
fn is_not_offered(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::NotFound | Trouble::Forbidden | Trouble::Status(400 | 405 | 410 | 501))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::confluence::Product;

    fn user(sites: &[&str]) -> OrganizationUser {
        let product = |site: &&str| Product { cloud_id: (*site).to_owned(), last_active_at: Told::Told(None) };
        OrganizationUser { confluences: Some(sites.iter().map(product).collect()), ..OrganizationUser::default() }
    }

    #[test]
    fn a_site_is_that_of_nearly_all_who_may_use_it() {
        let of = |users: &[OrganizationUser]| site_of_most(users.iter());
        let both = || user(&["a", "B"]);
        assert_eq!(of(&[both(), user(&["A"]), user(&["a"]), user(&[])]).as_deref(), Some("a"));
        assert_eq!(of(&[both(), both(), both()]), None, "the same people on both");
        assert_eq!(of(&[user(&["a"]), user(&["b"])]), None);
        assert_eq!(of(&[user(&[]), OrganizationUser::default()]), None);
    }
}
