//! Groups and their members. The list can span every site of the organization.

use serde_json::{Value, json};

use super::answer::{links, ok};
use super::{Account, CloudSettings, made_id};
use crate::simulator::call::{Call, Page, Reply};
use crate::simulator::extender::Bend;
use crate::simulator::population::Population;

/// Of the groups of other sites, the one without members.
const EMPTY: usize = 1;
const FOREIGN_MEMBERS: usize = 3;

fn foreign_name(nth: usize) -> String {
    format!("jira-users-site-{nth}")
}

pub(super) fn list(site: &Population, cloud: &CloudSettings, base: &str, page: Page, bend: Bend) -> Reply {
    let own = site.groups.keys().map(|name| (name.clone(), site.group_id(name)));
    let foreign = (0..cloud.foreign_groups).map(foreign_name).map(|name| (name.clone(), made_id(&name)));
    let mut groups: Vec<_> = own.chain(foreign).filter(|_| !bend.empty).collect();
    groups.sort();
    let rows = groups[page.range(groups.len())].iter().map(|(name, id)| (name.as_str(), id.as_str()));
    group_page(base, page, groups.len(), rows)
}

/// A page of groups, each a name and an id.
pub(in crate::simulator) fn group_page<'a>(
    base: &str,
    page: Page,
    total: usize,
    groups: impl Iterator<Item = (&'a str, &'a str)>,
) -> Reply {
    let row = |(name, id): (&str, &str)| {
        let myself = format!("{base}/rest/api/group/by-id?id={id}");
        json!({ "type": "group", "name": name, "id": id, "_links": { "self": myself } })
    };
    ok(&listing(base, "/rest/api/group", page, total, groups.map(row).collect()))
}

pub(super) fn members(
    site: &Population,
    cloud: &CloudSettings,
    base: &str,
    call: &Call,
    page: Page,
    bend: Bend,
) -> Reply {
    let id = &call.cloud.id;
    let mut accounts: Vec<_> = match site.group_called(id) {
        Some(name) => {
            let users = site.groups[name].iter().filter_map(|key| site.users.get(key)).filter(|user| user.exists());
            users.filter_map(|user| site.account(user)).collect()
        }
        None => foreign_members(cloud, id),
    };
    accounts.sort_by(|a, b| a.id.cmp(&b.id));
    accounts.retain(|_| !bend.empty);
    let rows = accounts[page.range(accounts.len())].iter().map(|account| account.member(base)).collect();
    member_page(base, call, page, accounts.len(), rows)
}

fn foreign_members(cloud: &CloudSettings, id: &str) -> Vec<Account> {
    let nth = (0..cloud.foreign_groups).find(|&nth| nth != EMPTY && made_id(&foreign_name(nth)) == id);
    let ids = nth.into_iter().flat_map(|nth| (0..FOREIGN_MEMBERS).map(move |user| made_id(&format!("{nth} {user}"))));
    ids.map(|id| Account::foreign(format!("712020:{id}"))).collect()
}

/// A page of members. An unknown group has a page too, an empty one.
pub(in crate::simulator) fn member_page(base: &str, call: &Call, page: Page, total: usize, rows: Vec<Value>) -> Reply {
    let path = format!("/rest/api/group/{}/membersByGroupId", call.cloud.id);
    let mut body = listing(base, &path, page, total, rows);
    if call.cloud.total {
        body["totalSize"] = total.into();
    }
    ok(&body)
}

fn listing(base: &str, path: &str, page: Page, total: usize, rows: Vec<Value>) -> Value {
    let end = page.start + rows.len();
    let more = !rows.is_empty() && end < total;
    let next = more.then(|| format!("{path}?next=true&limit={}&start={end}", page.limit));
    json!({
        "size": rows.len(),
        "results": rows,
        "start": page.start,
        "limit": page.limit,
        "_links": links(base, next),
    })
}
