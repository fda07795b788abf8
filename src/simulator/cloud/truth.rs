//! What a mirror of a Cloud site should know, as plain data to compare with.

use std::collections::{BTreeMap, BTreeSet};

use super::{Account, CloudSettings, Filter, account_id, is_elsewhere};
use crate::model::{Status, Timestamp};
use crate::simulator::population::{Population, User};

/// What walks over Cloud, one at each look, can prove of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloudTruth {
    /// By account id: every account that some walk could discover.
    pub users: BTreeMap<String, CloudUserTruth>,
    /// By group id: the groups there are now. Without those of other sites, which nothing tells apart from one that
    /// never had a member; so without these, too.
    pub groups: BTreeMap<String, CloudGroupTruth>,
}

/// One account. What is blank is text that nobody ever saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudUserTruth {
    /// What its account status comes to; missing when the site does not answer for it any more.
    pub status: Status,
    /// `accountStatus` as it was told last.
    pub account_status: Option<String>,
    /// `publicName`; of a closed account as it was before, like all that follows.
    pub name: String,
    /// `displayName`.
    pub full_name: String,
    /// The last one that was shown at a look.
    pub email: String,
    /// It was shown once, and is hidden now.
    pub email_hidden: bool,
    /// `accountType`.
    pub account_type: String,
    /// `isExternalCollaborator`.
    pub is_external: bool,
    /// `timeZone`.
    pub time_zone: Option<String>,
    /// The last activity, which the organization alone tells; its older API only the day of it.
    pub last_active_at: Option<Timestamp>,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudGroupTruth {
    /// What it is called now.
    pub name: String,
    /// The account ids of its members.
    pub members: BTreeSet<String>,
}

/// What walks over Cloud have seen.
#[derive(Debug, Default)]
pub(in crate::simulator) struct Sight {
    cloud: CloudSettings,
    /// By key, without and with the organization.
    seen: [BTreeMap<String, CloudUserTruth>; 2],
    /// The ids of groups that had a member at some look.
    peopled: BTreeSet<String>,
}

impl Population {
    /// Makes this the population of a Cloud site that can be seen as far as its settings say: from now on looks remember
    /// what a walk over Cloud could see, which on a Data Center would cost time for nothing. The simulator does it when it
    /// starts as Cloud.
    pub fn on_cloud(&mut self, cloud: &CloudSettings) {
        self.sight = Some(Sight { cloud: cloud.clone(), ..Sight::default() });
        self.look();
    }

    /// Remembers what a walk over Cloud at this moment could see.
    pub(in crate::simulator) fn look_at_cloud(&mut self) {
        let Some(mut sight) = self.sight.take() else { return };
        let mut findable: BTreeSet<&str> = self.groups.values().flatten().map(String::as_str).collect();
        if sight.cloud.search_cap < self.users.len() {
            let found = self.found(Filter::All);
            findable.extend(found.iter().take(sight.cloud.search_cap).map(|user| user.key.as_str()));
        } else {
            findable.extend(self.users.values().filter(|user| user.enabled).map(|user| user.key.as_str()));
        }
        for user in self.users.values() {
            let account = self.account(user);
            let found = user.exists() && findable.contains(user.key.as_str());
            let [plain, organized] = &mut sight.seen;
            see(plain, user, account.as_ref(), found, None);
            let active = user.last_login_at.filter(|_| user.exists());
            let lists = sight.cloud.organization.as_ref().filter(|organization| organization.bulk && user.exists());
            let listed = lists.is_some_and(|organization| !is_elsewhere(self, &sight.cloud, organization, user));
            see(organized, user, account.as_ref(), found || listed, active);
        }
        let peopled = self.groups.keys().filter(|name| !self.cloud_members(name).is_empty());
        sight.peopled.extend(peopled.map(|name| self.group_id(name)));
        self.sight = Some(sight);
    }

    fn cloud_members(&self, group: &str) -> BTreeSet<String> {
        let keys = self.groups.get(group).into_iter().flatten();
        keys.filter(|key| self.users.get(*key).is_some_and(User::exists)).map(|key| account_id(key)).collect()
    }

    /// The truth as of the last look, to walks that read the organization too, or do not.
    ///
    /// A walk discovers whom the search shows, the members of groups, and, where the organization lists its accounts, all
    /// of them but those who are said to use other sites or products alone; whom it has discovered once it asks for ever
    /// after. Before [`Population::on_cloud`] nobody walks.
    pub fn cloud_truth(&self, with_organization: bool) -> CloudTruth {
        let Some(sight) = &self.sight else { return CloudTruth::default() };
        let seen = &sight.seen[usize::from(with_organization)];
        let groups = self.groups.keys().filter_map(|name| {
            let (id, members) = (self.group_id(name), self.cloud_members(name));
            let known = !members.is_empty() || sight.peopled.contains(&id);
            known.then(|| (id, CloudGroupTruth { name: name.clone(), members }))
        });
        CloudTruth {
            users: seen.iter().map(|(key, truth)| (account_id(key), truth.clone())).collect(),
            groups: groups.collect(),
        }
    }
}

/// Brings what is known of a user up to date, who is new if `found`.
fn see(
    seen: &mut BTreeMap<String, CloudUserTruth>,
    user: &User,
    account: Option<&Account>,
    found: bool,
    active: Option<Timestamp>,
) {
    let known = seen.get_mut(&user.key);
    match (known, account) {
        (None, Some(account)) if found => {
            let mut truth = CloudUserTruth::of(account);
            truth.last_active_at = active;
            seen.insert(user.key.clone(), truth);
        }
        (None, _) => {}
        (Some(known), None) => known.status = Status::Missing,
        (Some(known), Some(account)) => {
            let fresh = CloudUserTruth::of(account);
            let last_active_at = active.or(known.last_active_at);
            if fresh.status == Status::Deleted {
                (known.status, known.account_status) = (fresh.status, fresh.account_status);
            } else {
                let email = std::mem::take(&mut known.email);
                let hidden = fresh.email.is_empty() && !email.is_empty();
                *known = fresh;
                if hidden {
                    (known.email, known.email_hidden) = (email, true);
                }
            }
            known.last_active_at = last_active_at;
        }
    }
}

impl CloudUserTruth {
    fn of(account: &Account) -> Self {
        let account = account.clone();
        Self {
            status: match account.account_status.as_str() {
                "active" => Status::Active,
                "inactive" => Status::Deactivated,
                "closed" => Status::Deleted,
                _ => Status::Unknown,
            },
            account_status: Some(account.account_status),
            name: account.public_name,
            full_name: account.display_name,
            email: account.email,
            email_hidden: false,
            account_type: account.account_type,
            is_external: account.is_external,
            time_zone: account.time_zone,
            last_active_at: None,
        }
    }
}
