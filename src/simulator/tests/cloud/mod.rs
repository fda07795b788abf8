//! The site as Cloud, over HTTP.

mod access;
mod faults;
mod fixed;
mod listings;
mod organization;
mod truth;

use std::collections::BTreeSet;

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use super::visitor::Visitor;
use crate::simulator::*;

const SEARCH: &str = "rest/api/search/user?cql=type=user&sitePermissionTypeFilter=all";
const CLOUD_ID: &str = "1a2b3c4d-0000-4000-8000-000000000001";
const ORG: &str = "0a1b2c3d-0000-4000-8000-00000000000a";

async fn site(cloud: CloudSettings) -> Visitor {
    Visitor::at(Settings { users: 60, seed: 7, cloud: Some(cloud), ..Settings::cloud() }).await
}

async fn small() -> Visitor {
    site(CloudSettings::default()).await
}

async fn with_organization(organization: OrganizationSettings) -> Visitor {
    site(CloudSettings { organization: Some(organization), ..CloudSettings::default() }).await
}

async fn sent(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

async fn read(reply: Response) -> Value {
    assert_eq!(reply.status(), 200);
    serde_json::from_str(&reply.text().await.expect("a body")).expect("JSON")
}

/// A GET of the site.
async fn get(visitor: &Visitor, path: &str) -> Response {
    let url = format!("{}/{path}", visitor.site.base_url());
    sent(visitor.client.get(url).basic_auth("audit@example.com", Some("audit"))).await
}

async fn json_of(visitor: &Visitor, path: &str) -> Value {
    read(get(visitor, path).await).await
}

/// A POST to the site.
async fn post(visitor: &Visitor, path: &str, body: &Value) -> Response {
    let url = format!("{}/{path}", visitor.site.base_url());
    let request = visitor.client.post(url).basic_auth("audit@example.com", Some("audit"));
    sent(request.header("Content-Type", "application/json").body(body.to_string())).await
}

async fn users_bulk(visitor: &Visitor, ids: &[String]) -> Vec<Value> {
    let reply = read(post(visitor, "api/v2/users-bulk", &json!({ "accountIds": ids })).await).await;
    reply["results"].as_array().expect("a list").clone()
}

/// Every row of a listing, for as long as a next page is named; its query alone counts.
async fn walk(visitor: &Visitor, path: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut next = path.to_owned();
    loop {
        let page = json_of(visitor, &next).await;
        rows.extend(page["results"].as_array().expect("a list").clone());
        assert_eq!(page["size"].as_u64(), page["results"].as_array().map(|rows| rows.len() as u64));
        let Some(link) = page["_links"]["next"].as_str() else { return rows };
        let query = link.split_once('?').expect("a query").1;
        next = format!("{}?{query}", path.split('?').next().expect("a path"));
    }
}

/// A POST to the organization's listing.
async fn org_search(visitor: &Visitor, body: &Value) -> Response {
    let url = format!("{}/v2/orgs/{ORG}/directories/-/users/search", visitor.site.organization_url());
    let request = visitor.client.post(url).bearer_auth("org-key");
    sent(request.header("Content-Type", "application/json").body(body.to_string())).await
}

/// Every account that the organization lists.
async fn org_walk(visitor: &Visitor, limit: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut cursor = None;
    loop {
        let mut body = json!({ "limit": limit, "expand": ["productAccess"] });
        if let Some(cursor) = &cursor {
            body["cursor"] = Value::clone(cursor);
        }
        let page = read(org_search(visitor, &body).await).await;
        rows.extend(page["data"].as_array().expect("a list").clone());
        match page["links"].get("next") {
            Some(next) => cursor = Some(next.clone()),
            None => return rows,
        }
    }
}

async fn last_active(visitor: &Visitor, account: &str, cursor: &str) -> Response {
    let path = format!("v1/orgs/{ORG}/directory/users/{account}/last-active-dates{cursor}");
    sent(visitor.client.get(format!("{}/{path}", visitor.site.organization_url())).bearer_auth("org-key")).await
}

fn text(row: &Value, field: &str) -> String {
    row[field].as_str().unwrap_or_else(|| panic!("no {field} in {row}")).to_owned()
}

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| text(row, "accountId")).collect()
}

fn set<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    items.into_iter().collect()
}
