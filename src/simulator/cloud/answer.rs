//! Answers of the site: the search, and `users-bulk`.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{CloudSettings, Filter, access, groups, key_of, organization};
use crate::simulator::call::{Call, Endpoint, Page, Reply};
use crate::simulator::extender::Bend;
use crate::simulator::population::{Population, User};

/// Where a site tells everybody its id.
pub(in crate::simulator) const TENANT: &str = "/_edge/tenant_info";

/// The site's id.
pub(in crate::simulator) fn tenant(cloud: &CloudSettings) -> Reply {
    Reply::json(StatusCode::OK, json!({ "cloudId": cloud.cloud_id }).to_string())
}

/// Answers a call from the site's present state.
pub(in crate::simulator) fn answer(
    site: &mut Population,
    cloud: &CloudSettings,
    base: &str,
    call: &Call,
    page: Page,
    bend: Bend,
    body: &[u8],
) -> Reply {
    match call.endpoint {
        Endpoint::CloudSearch => {
            let users = if bend.empty { Vec::new() } else { site.found(call.cloud.filter) };
            let accounts = users[reachable(cloud, page, users.len())].iter().filter_map(|user| site.account(user));
            let rows = accounts.map(|account| account.found(base)).collect();
            search_page(cloud, base, call, page, users.len(), rows)
        }
        Endpoint::CloudGroups => groups::list(site, cloud, base, page, bend),
        Endpoint::CloudMembers => groups::members(site, cloud, base, call, page, bend),
        Endpoint::UsersBulk => {
            batch(cloud, body).map_or_else(|refusal| refusal, |ids| users_bulk(site, base, &ids, bend))
        }
        Endpoint::AccessCheck => access::answer_check(site, cloud, body),
        Endpoint::AccessInvite => access::answer_invite(site, cloud, body),
        Endpoint::OrgUsers => organization::users(site, cloud, call, page, bend),
        Endpoint::OrgLastActive => organization::last_active(site, cloud, base, call, page, bend),
        Endpoint::OrgKeys => organization::keys(cloud, call),
        _ => refuse(StatusCode::NOT_FOUND, "Not Found"),
    }
}

/// A refusal as Atlassian's gateways word it.
pub(in crate::simulator) fn refuse(status: StatusCode, message: &str) -> Reply {
    Reply::json(status, json!({ "code": status.as_u16(), "message": message }).to_string())
}

pub(super) fn ok(body: &Value) -> Reply {
    Reply::json(StatusCode::OK, body.to_string())
}

/// Which rows a page of the search can show: none beyond the cap.
pub(in crate::simulator) fn reachable(cloud: &CloudSettings, page: Page, total: usize) -> std::ops::Range<usize> {
    page.range(total.min(cloud.search_cap))
}

/// A page of the search.
pub(in crate::simulator) fn search_page(
    cloud: &CloudSettings,
    base: &str,
    call: &Call,
    page: Page,
    total: usize,
    rows: Vec<Value>,
) -> Reply {
    let more = page.start + rows.len() < total.min(cloud.search_cap) && !rows.is_empty();
    let next = more.then(|| {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("next", "true")
            .append_pair("cql", &call.cloud.cql)
            .append_pair("sitePermissionTypeFilter", call.cloud.filter.as_str())
            .append_pair("limit", &page.limit.to_string())
            .append_pair("start", &(page.start + rows.len()).to_string())
            .finish();
        format!("/rest/api/search/user?{query}")
    });
    ok(&json!({
        "size": rows.len(),
        "results": rows,
        "start": page.start,
        "limit": page.limit,
        "totalSize": total,
        "cqlQuery": call.cloud.cql,
        "searchDuration": 7,
        "_links": links(base, next),
    }))
}

/// The links of a page in the first version of the API. What comes next is told relative to the base, and not at all on
/// the last page.
pub(super) fn links(base: &str, next: Option<String>) -> Value {
    let mut links = json!({ "base": base, "context": "/wiki" });
    if let Some(next) = next {
        links["next"] = next.into();
    }
    links
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    account_ids: Vec<String>,
}

/// Reads which accounts `users-bulk` is asked for.
pub(in crate::simulator) fn batch(cloud: &CloudSettings, body: &[u8]) -> Result<Vec<String>, Reply> {
    let batch: Option<Batch> = serde_json::from_slice(body).ok();
    let ids = batch.map(|batch| batch.account_ids).unwrap_or_default();
    match (1..=cloud.max_batch).contains(&ids.len()) {
        true => Ok(ids),
        false => {
            let message = format!("accountIds must hold between 1 and {} ids", cloud.max_batch);
            Err(refuse(StatusCode::BAD_REQUEST, &message))
        }
    }
}

fn users_bulk(site: &Population, base: &str, ids: &[String], bend: Bend) -> Reply {
    if ids.iter().any(|id| site.refused_ids.contains(id)) {
        return refuse(StatusCode::BAD_REQUEST, "Provided value for 'accountIds' is not valid");
    }
    let mut told = BTreeSet::new();
    let users = ids.iter().filter(|id| told.insert(*id) && !bend.empty).filter_map(|id| site.users.get(&key_of(id)?));
    let rows = users.filter_map(|user| site.account(user)).map(|account| account.bulk()).collect();
    bulk_page(base, rows)
}

/// An answer of `users-bulk`. It names a next page, although there is none: there is no cursor to send.
pub(in crate::simulator) fn bulk_page(base: &str, rows: Vec<Value>) -> Reply {
    let links = json!({ "base": base, "next": "/wiki/api/v2/users-bulk?cursor=eyJpZCI6MH0" });
    ok(&json!({ "results": rows, "_links": links }))
}

impl Population {
    /// Whom the search finds, by name.
    pub(super) fn found(&self, filter: Filter) -> Vec<&User> {
        let wanted = |user: &&User| {
            let external = || self.traits_of(user).is_external;
            match filter {
                Filter::None => self.has_access(user),
                Filter::All => user.exists() && user.enabled,
                Filter::External => user.exists() && user.enabled && external(),
            }
        };
        let mut users: Vec<_> = self.users.values().filter(wanted).collect();
        users.sort_by_cached_key(|user| user.name.to_lowercase());
        users
    }
}
