//! The static site as Confluence Cloud shows it.

use std::collections::{BTreeSet, HashMap};

use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::{BLOCK, Bulk, Number, OUTSIDER, email, full_name, has_access};
use crate::simulator::call::{Call, Endpoint, Page, Reply};
use crate::simulator::cloud::{self, Account, CloudSettings, CloudTraits, Filter, OrganizationSettings};

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Listing {
    Search(Filter),
    Groups,
    /// Of a group, with or without the total.
    Members(usize, bool),
    /// What the organization lists, with or without the products.
    Organization(bool),
}

/// What only Cloud needs.
pub(super) struct Desk {
    /// The places of the groups by their ids.
    groups: HashMap<String, usize>,
    pages: HashMap<(Listing, Page), Bytes>,
    /// Answers of `users-bulk`, by the hash of what was sent.
    batches: HashMap<u64, Bytes>,
}

impl Desk {
    pub fn new(groups: &[(String, Vec<Number>)]) -> Self {
        let places = groups.iter().enumerate().map(|(place, (name, _))| (cloud::made_id(name), place));
        Self { groups: places.collect(), pages: HashMap::new(), batches: HashMap::new() }
    }

    /// The organization's pages tell the last activity, which has changed.
    pub fn forget_activity(&mut self) {
        self.pages.retain(|(listing, _), _| !matches!(listing, Listing::Organization(_)));
    }
}

impl Bulk {
    /// The name of the group that has this id on Cloud.
    pub fn group_called(&self, id: &str) -> Option<&str> {
        self.desk.groups.get(id).map(|&place| self.groups[place].0.as_str())
    }

    /// Answers a call to Cloud. Guests are not searched for; nobody uses another site.
    pub fn answer_cloud(&mut self, cloud: &CloudSettings, base: &str, call: &Call, page: Page, body: &[u8]) -> Reply {
        let organization = cloud.organization.as_ref().filter(|organization| organization.id == call.cloud.id);
        let listing = match call.endpoint {
            Endpoint::CloudSearch => Listing::Search(call.cloud.filter),
            Endpoint::CloudGroups => Listing::Groups,
            Endpoint::CloudMembers => match self.desk.groups.get(&call.cloud.id) {
                Some(&group) => Listing::Members(group, call.cloud.total),
                None => return cloud::member_page(base, call, page, 0, Vec::new()),
            },
            Endpoint::OrgUsers if organization.is_some_and(|organization| organization.bulk) => {
                Listing::Organization(call.cloud.expand && organization.is_some_and(|it| it.product_access))
            }
            Endpoint::UsersBulk => return self.users_bulk(cloud, base, body),
            Endpoint::AccessCheck | Endpoint::AccessInvite => return self.access(cloud, call, body),
            Endpoint::OrgLastActive => return self.last_active(cloud, organization, base, call, page),
            _ => return not_found(),
        };
        if let Some(body) = self.desk.pages.get(&(listing, page)) {
            return Reply::json(StatusCode::OK, body.clone());
        }
        let reply = self.cloud_page(cloud, base, call, listing, page);
        self.desk.pages.insert((listing, page), reply.body.clone());
        reply
    }

    fn cloud_page(&self, cloud: &CloudSettings, base: &str, call: &Call, listing: Listing, page: Page) -> Reply {
        match listing {
            Listing::Search(filter) => {
                let total = if filter == Filter::External { 0 } else { self.users };
                let users = cloud::reachable(cloud, page, total).map(|user| (2 * user) as Number);
                let rows = users.map(|user| self.cloud_account(user).found(base)).collect();
                cloud::search_page(cloud, base, call, page, total, rows)
            }
            Listing::Members(group, _) => {
                let members = &self.groups[group].1;
                let shown = members[page.range(members.len())].iter();
                let rows = shown.map(|&number| self.cloud_account(number).member(base)).collect();
                cloud::member_page(base, call, page, members.len(), rows)
            }
            Listing::Organization(expand) => {
                let places = page.range(self.accounts());
                let end = places.end;
                let rows = places.map(|place| self.cloud_listed(cloud, Self::account(place), expand)).collect();
                cloud::org_page(rows, (end < self.accounts()).then_some((end, "")))
            }
            Listing::Groups => {
                let groups: Vec<_> = self.groups[page.range(self.groups.len())]
                    .iter()
                    .map(|(name, _)| (name.as_str(), cloud::made_id(name)))
                    .collect();
                let rows = groups.iter().map(|(name, id)| (*name, id.as_str()));
                cloud::group_page(base, page, self.groups.len(), rows)
            }
        }
    }

    fn cloud_listed(&self, cloud: &CloudSettings, number: Number, expand: bool) -> Value {
        let (added, _, login) = self.times(number);
        let products = expand.then(|| vec![cloud::own_product(cloud, login)]);
        cloud::org_row(&self.cloud_account(number), added, products)
    }

    fn cloud_account(&self, number: Number) -> Account {
        let (key, name) = (Self::key(number), self.name(number));
        let status = if has_access(number) { "active" } else { "inactive" };
        let traits = CloudTraits::of(&key);
        Account::new(&key, [&name, &full_name(&name), &email(&name)], status.to_owned(), traits)
    }

    /// Whose account id this is: the number stands in the key, behind the site's part.
    fn numbered(&self, account_id: &str) -> Option<Number> {
        let key = cloud::key_of(account_id)?;
        let number = Number::from_str_radix(key.get(8..16)?, 16).ok()?;
        let user = number as usize / 2;
        let exists = user < self.users && (has_access(number) || user % BLOCK == OUTSIDER);
        (exists && Self::key(number) == key).then_some(number)
    }

    fn users_bulk(&mut self, cloud: &CloudSettings, base: &str, body: &[u8]) -> Reply {
        let hash = xxh3_64(body);
        if let Some(answer) = self.desk.batches.get(&hash) {
            return Reply::json(StatusCode::OK, answer.clone());
        }
        let ids = match cloud::batch(cloud, body) {
            Ok(ids) => ids,
            Err(refusal) => return refusal,
        };
        let mut told = BTreeSet::new();
        let numbers = ids.iter().filter(|id| told.insert(*id)).filter_map(|id| self.numbered(id));
        let reply = cloud::bulk_page(base, numbers.map(|number| self.cloud_account(number).bulk()).collect());
        self.desk.batches.insert(hash, reply.body.clone());
        reply
    }

    fn last_active(
        &self,
        cloud: &CloudSettings,
        organization: Option<&OrganizationSettings>,
        base: &str,
        call: &Call,
        page: Page,
    ) -> Reply {
        let Some((organization, number)) = organization.zip(self.numbered(&call.subject)) else { return not_found() };
        let (added, _, login) = self.times(number);
        cloud::active_page(organization, base, call, page, added, &[cloud::own_product(cloud, login)])
    }

    /// Nobody who is invited ever comes.
    fn access(&self, cloud: &CloudSettings, call: &Call, body: &[u8]) -> Reply {
        let has_access = |email: &str| {
            let number = email.strip_suffix("@example.com").and_then(|name| self.number_of(name));
            number.is_some_and(has_access)
        };
        match cloud::read_emails(cloud, body) {
            Ok(emails) if call.endpoint == Endpoint::AccessCheck => cloud::check(&emails, has_access),
            Ok(_) => cloud::invite(),
            Err(refusal) => refusal,
        }
    }
}

fn not_found() -> Reply {
    cloud::refuse(StatusCode::NOT_FOUND, "Not Found")
}
