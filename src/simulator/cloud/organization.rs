//! The organization's API: every account, and when it last used which product.

use axum::http::StatusCode;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::answer::{ok, refuse};
use super::read::cursor;
use super::{Account, CloudSettings, OrganizationSettings, key_of};
use crate::model::Timestamp;
use crate::simulator::call::{Call, Page, Reply};
use crate::simulator::extender::Bend;
use crate::simulator::population::{Population, User};
use crate::simulator::tokens;

/// Where some accounts also use Confluence.
const OTHER_SITE: &str = "9f8e7d6c-0000-4000-8000-000000000009";

/// A product that an account may use, or has used.
pub(in crate::simulator) struct Product {
    key: &'static str,
    site: String,
    last_active: Option<Timestamp>,
}

/// Confluence on the site itself.
pub(in crate::simulator) fn own_product(cloud: &CloudSettings, last_active: Option<Timestamp>) -> Product {
    Product { key: "confluence", site: cloud.cloud_id.clone(), last_active }
}

impl Product {
    fn id(&self) -> String {
        format!("ari:cloud:{}::site/{}", self.key, self.site)
    }

    /// In the new API's words; without a time the product was never used.
    fn access(&self) -> Value {
        let mut access = json!({ "key": self.key, "id": self.id() });
        if let Some(time) = self.last_active {
            access["lastActiveTimestamp"] = time.to_rfc3339().into();
        }
        access
    }
}

/// A day, without the time.
fn date(time: Timestamp) -> String {
    time.to_sql()[..10].to_owned()
}

/// What an account uses, in an order that depends on who it is: Confluence need not come first.
fn products(
    site: &Population,
    cloud: &CloudSettings,
    organization: &OrganizationSettings,
    user: &User,
) -> Vec<Product> {
    let mut products = Vec::new();
    if site.has_access(user) || user.last_login_at.is_some() {
        products.push(own_product(cloud, user.last_login_at));
    }
    let hash = xxh3_64(user.key.as_bytes()) >> 24;
    if organization.other_sites && hash.is_multiple_of(3) {
        let late = Some(site.end_of_day().plus_millis(-((hash % 20_000_000) as i64)));
        for (key, at) in
            [("confluence", OTHER_SITE), ("jira-software", OTHER_SITE), ("jira-software", cloud.cloud_id.as_str())]
        {
            products.push(Product { key, site: at.to_owned(), last_active: late });
        }
    }
    let first = (hash >> 8) as usize % products.len().max(1);
    products.rotate_left(first);
    products
}

/// Whether the organization says of an account that it uses other sites or products, and not this Confluence.
pub(super) fn is_elsewhere(
    site: &Population,
    cloud: &CloudSettings,
    organization: &OrganizationSettings,
    user: &User,
) -> bool {
    let products = products(site, cloud, organization, user);
    let here = products.iter().any(|product| product.key == "confluence" && product.site == cloud.cloud_id);
    organization.product_access && !products.is_empty() && !here
}

fn not_found() -> Reply {
    refuse(StatusCode::NOT_FOUND, "Not Found")
}

/// The organization that a call is about, if it is there.
fn asked<'a>(cloud: &'a CloudSettings, call: &Call) -> Option<&'a OrganizationSettings> {
    cloud.organization.as_ref().filter(|organization| organization.id == call.cloud.id)
}

/// Its API keys, for a key that may list them.
pub(super) fn keys(cloud: &CloudSettings, call: &Call) -> Reply {
    let Some(organization) = asked(cloud, call) else { return not_found() };
    match &organization.key_expiries {
        Some(expiries) => tokens::keys(expiries),
        None => refuse(StatusCode::FORBIDDEN, "Forbidden"),
    }
}

pub(super) fn users(site: &Population, cloud: &CloudSettings, call: &Call, page: Page, bend: Bend) -> Reply {
    let Some(organization) = asked(cloud, call).filter(|organization| organization.bulk) else { return not_found() };
    let listed = site.users.values().filter(|user| user.exists() && !bend.empty);
    let mut accounts: Vec<_> = listed.filter_map(|user| Some((user, site.account(user)?))).collect();
    accounts.sort_by(|a, b| a.1.id.cmp(&b.1.id));
    // Behind an account, not at a place: nobody is skipped when somebody before it goes.
    let start =
        if page.start == 0 { 0 } else { accounts.partition_point(|(_, account)| account.id <= call.cloud.after) };
    let range = Page { start, ..page }.range(accounts.len());
    let last = &accounts[range.clone()].last();
    let next =
        last.filter(|_| range.end < accounts.len()).map(|(_, last)| (page.start + range.len(), last.id.as_str()));
    let tell = call.cloud.expand && organization.product_access;
    let rows = accounts[range].iter().map(|(user, account)| {
        let products = tell.then(|| products(site, cloud, organization, user));
        org_row(account, user.created_at, products)
    });
    org_page(rows.collect(), next)
}

/// An account as the organization lists it.
pub(in crate::simulator) fn org_row(account: &Account, added: Timestamp, products: Option<Vec<Product>>) -> Value {
    let (status, membership) = match account.account_status.as_str() {
        "active" => ("active", "active"),
        "suspended" => ("suspended", "suspended"),
        _ => ("deactivated", "active"),
    };
    let mut row = json!({
        "accountId": account.id,
        "status": status,
        "accountStatus": account.account_status,
        "membershipStatus": membership,
        "addedToOrg": added.to_rfc3339(),
        "name": account.display_name,
        "nickname": account.public_name,
        "email": account.email,
    });
    // The schema knows no other type here.
    if account.account_type == "atlassian" {
        row["accountType"] = account.account_type.as_str().into();
    }
    if let Some(products) = products {
        row["productAccess"] = products.iter().map(Product::access).collect();
    }
    row
}

/// A page of accounts. What comes next is a bare cursor: how many rows came before, and which was the last.
pub(in crate::simulator) fn org_page(rows: Vec<Value>, next: Option<(usize, &str)>) -> Reply {
    let links = next.map_or(json!({}), |(start, after)| json!({ "next": cursor(start, after) }));
    ok(&json!({ "data": rows, "links": links }))
}

pub(super) fn last_active(
    site: &Population,
    cloud: &CloudSettings,
    base: &str,
    call: &Call,
    page: Page,
    bend: Bend,
) -> Reply {
    let user = key_of(&call.subject).and_then(|key| site.users.get(&key)).filter(|user| user.exists());
    let Some((organization, user)) = asked(cloud, call).zip(user) else { return not_found() };
    let mut products = products(site, cloud, organization, user);
    products.retain(|_| !bend.empty);
    active_page(organization, base, call, page, user.created_at, &products)
}

/// When an account last used what it has used: whole days.
pub(in crate::simulator) fn active_page(
    organization: &OrganizationSettings,
    base: &str,
    call: &Call,
    page: Page,
    added: Timestamp,
    products: &[Product],
) -> Reply {
    let used: Vec<_> = products.iter().filter_map(|product| Some((product, product.last_active?))).collect();
    let range = page.range(used.len());
    let next = (range.end < used.len()).then(|| cursor(range.end, "")).map(|next| match organization.next_as_url {
        true => {
            let origin = base.match_indices('/').nth(2).map_or(base, |(end, _)| &base[..end]);
            let (org, account) = (&organization.id, &call.subject);
            format!("{origin}/admin/v1/orgs/{org}/directory/users/{account}/last-active-dates?cursor={next}")
        }
        false => next,
    });
    let rows = used[range]
        .iter()
        .map(|(product, time)| json!({ "id": product.id(), "key": product.key, "last_active": date(*time) }));
    let links = next.map_or(json!({}), |next| json!({ "next": next }));
    let data = json!({ "product_access": rows.collect::<Value>(), "added_to_org": date(added) });
    ok(&json!({ "data": data, "links": links }))
}
