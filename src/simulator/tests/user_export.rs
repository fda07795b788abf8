//! Confluence User Export over HTTP.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::visitor::Visitor;
use crate::simulator::*;

const SEARCH: &str = "/rest/confluenceuserexport/1.0/search";

fn settings() -> Settings {
    Settings { users: 60, seed: 7, user_export: UserExportApp::WithLastLogin, ..Settings::default() }
}

fn everybody(offset: usize, size: usize) -> Value {
    json!({ "searchString": "", "activeUsers": true, "inActiveUsers": true, "offset": offset, "pageSize": size })
}

impl Visitor {
    async fn search(&self, payload: &Value) -> Value {
        let reply = self.post(SEARCH, payload).await;
        assert_eq!(reply.status(), 200, "{payload}");
        serde_json::from_str(&reply.text().await.expect("a body")).expect("JSON")
    }

    /// Everybody, page by page.
    async fn everybody(&self, size: usize) -> Vec<Value> {
        let mut rows = Vec::new();
        loop {
            let page = self.search(&everybody(rows.len(), size)).await;
            rows.extend(page["users"].as_array().expect("a list").iter().cloned());
            if page["hasNextPage"] == false {
                return rows;
            }
        }
    }
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().expect("a text")
}

#[tokio::test]
async fn everybody_who_exists_is_listed() {
    for cap in [None, Some(7)] {
        let visitor = Visitor::at(Settings { page_cap: cap, ..settings() }).await;
        let (unsynced, deleted) = visitor.site.with_population(|site| {
            let keys: Vec<_> = site.users.keys().take(2).cloned().collect();
            site.users.get_mut(&keys[0]).expect("somebody").unsynced = true;
            let deleted = site.users[&keys[1]].name.clone();
            site.delete(&keys[1]);
            (site.users[&keys[0]].name.clone(), deleted)
        });
        let rows = visitor.everybody(25).await;
        let names: Vec<_> = rows.iter().map(|row| text(row, "username").to_owned()).collect();
        assert!(names.is_sorted_by_key(|name| name.to_lowercase()));
        assert!(!names.contains(&unsynced) && !names.contains(&deleted));

        let rows: BTreeMap<_, _> = rows.iter().map(|row| (text(row, "username"), row)).collect();
        visitor.site.with_population(|site| {
            let there: Vec<_> = site.users.values().filter(|user| user.exists()).collect();
            assert_eq!(rows.len(), there.len());
            assert!(there.iter().any(|user| !user.enabled && !site.is_listed(user)), "nobody out of every group");
            for user in there {
                let row = rows[&*user.name];
                assert_eq!(row["active"], user.enabled);
                assert_eq!(row["canUse"], site.has_access(user));
                assert_eq!((text(row, "fullName"), text(row, "email")), (&*user.full_name, &*user.email));
                assert_eq!(text(row, "directoryName"), user.directory);
                assert_eq!(text(row, "preferredLanguage"), user.language);
                assert_eq!(row["lastLogin"].is_null(), user.last_login_at.is_none());
                let groups: Vec<_> =
                    site.groups.iter().filter(|(_, keys)| keys.contains(&user.key)).map(|(name, _)| name).collect();
                assert_eq!(row["groups"], json!(groups));
            }
        });
    }
}

#[tokio::test]
async fn a_record_has_the_documented_fields() {
    let documented = "username active fullName email directoryName createdDate updatedDate groups preferredLanguage \
        canUse";
    for (user_export, more) in [(UserExportApp::WithoutLastLogin, ""), (UserExportApp::WithLastLogin, " lastLogin")] {
        let visitor = Visitor::at(Settings { user_export, ..settings() }).await;
        visitor.site.with_population(|site| {
            let key = site.find("audit").expect("the account").key.clone();
            // 2022-06-07 12:38:40.699 UTC is two hours later in Berlin.
            site.users.get_mut(&key).expect("the account").created_at =
                crate::model::Timestamp::from_millis_clamped(1_654_605_520_699);
        });
        let found = visitor
            .search(&json!({ "searchString": "audit", "activeUsers": true, "inActiveUsers": true, "offset": 0 }))
            .await;
        assert_eq!(found.as_object().expect("an object").keys().collect::<Vec<_>>(), ["hasNextPage", "users"]);
        let row = found["users"][0].as_object().expect("a record");
        let fields: BTreeSet<_> = row.keys().map(String::as_str).collect();
        assert_eq!(fields, format!("{documented}{more}").split_whitespace().collect());
        assert_eq!(row["createdDate"], "2022-06-07 14:38");
    }
}

#[tokio::test]
async fn a_search_finds_by_name_full_name_and_email() {
    let visitor = Visitor::at(settings()).await;
    visitor.site.with_population(|site| {
        let keys = ["ann", "bob", "cid", "dan"].map(|name| site.add(name));
        for (key, edit) in keys.iter().zip::<[fn(&mut User); 4]>([
            |user| user.name = "Zork".to_owned(),
            |user| user.full_name = "The zorkest".to_owned(),
            |user| user.email = "a@ZORK.example".to_owned(),
            |user| user.name = "yzork".to_owned(),
        ]) {
            edit(site.users.get_mut(key).expect("somebody"));
        }
        site.users.get_mut(&keys[3]).expect("somebody").enabled = false;
    });
    let names = async |active: bool, inactive: bool, offset: usize, size: usize| {
        let payload = json!({ "searchString": "zORk", "activeUsers": active, "inActiveUsers": inactive,
            "offset": offset, "pageSize": size });
        let page = visitor.search(&payload).await;
        let names: Vec<_> =
            page["users"].as_array().expect("a list").iter().map(|row| text(row, "username").to_owned()).collect();
        (names.join(" "), page["hasNextPage"] == true)
    };
    assert_eq!(names(true, true, 0, 20).await, ("bob cid yzork Zork".to_owned(), false));
    assert_eq!(names(true, false, 0, 20).await, ("bob cid Zork".to_owned(), false));
    assert_eq!(names(false, true, 0, 20).await, ("yzork".to_owned(), false));
    assert_eq!(names(false, false, 0, 20).await, (String::new(), false));
    assert_eq!(names(true, true, 1, 2).await, ("cid yzork".to_owned(), true));
    assert_eq!(names(true, true, 9, 2).await, (String::new(), false));
}

#[tokio::test]
async fn a_list_becomes_a_file() {
    let visitor = Visitor::at(settings()).await;
    let list =
        json!([{ "username": "a<b", "active": true, "fullName": "A, B", "groups": ["x", "y"], "canUse": false }]);
    let mut names = BTreeSet::new();
    for (kind, content_type, begins, holds) in [
        ("json", "application/json", "[{", r#""username":"a<b""#),
        ("xml", "application/xml", "<?xml", "<username>a&lt;b</username>"),
        ("csv", "text/csv", "username,active,", "a<b,true,\"A, B\",,,,,\"x, y\",,false,\n"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "PK", ""),
    ] {
        let reply = visitor.post(&format!("/rest/confluenceuserexport/1.0/file/{kind}"), &list).await;
        assert_eq!(reply.status(), 200, "{kind}");
        let reply: Value = serde_json::from_str(&reply.text().await.expect("a body")).expect("JSON");
        let name = text(&reply, "fileName");
        assert!(name.starts_with("confluenceuserexport") && name.ends_with(&format!(".{kind}")), "{name}");
        assert_eq!(name.len(), "confluenceuserexport111f5467-e0de-457e-b7a2-366fdcde1b94.".len() + kind.len());
        assert!(text(&reply, "filePath").ends_with(&format!("/temp/{name}")));
        assert!(names.insert(name.to_owned()));

        let file = visitor.get(&format!("/plugins/servlet/confluenceuserexport/admin/download?fileName={name}")).await;
        assert_eq!((file.status().as_u16(), file.headers()["content-type"].as_bytes()), (200, content_type.as_bytes()));
        let bytes = file.bytes().await.expect("a body");
        let file = String::from_utf8_lossy(&bytes);
        assert!(file.starts_with(begins) && file.contains(holds), "{file}");
    }
    let missing = visitor.get("/plugins/servlet/confluenceuserexport/admin/download?fileName=../etc/passwd").await;
    assert_eq!(missing.status(), 404);
    assert_eq!(visitor.post("/rest/confluenceuserexport/1.0/file/csv", &json!({ "users": [] })).await.status(), 400);
    assert_eq!(visitor.post("/rest/confluenceuserexport/1.0/file/pdf", &list).await.status(), 405);
    let asked = visitor.site.requests();
    assert_eq!((asked.user_export_search, asked.user_export_file, asked.user_export_download), (0, 5, 5));
    assert_eq!(asked.total(), 11);
}

#[tokio::test]
async fn refusals_are_the_ones_known() {
    let status = async |settings: Settings| {
        let visitor = Visitor::at(settings).await;
        let reply = visitor.post(SEARCH, &everybody(0, 5)).await;
        let reason = reply.headers().get("x-seraph-loginreason").map_or("", |value| value.to_str().expect("ASCII"));
        (reply.status().as_u16(), reason.to_owned())
    };
    assert_eq!(status(settings()).await, (200, "OK".to_owned()));
    assert_eq!(status(Settings { user_export_refuses: true, ..settings() }).await, (401, "OK".to_owned()));
    assert_eq!(status(Settings { administrator: false, ..settings() }).await, (401, "OK".to_owned()));
    let missing = Settings { user_export: UserExportApp::Missing, user_export_refuses: true, ..settings() };
    assert_eq!(status(missing).await.0, 404);
    let wrong = Settings { password: "another".to_owned(), ..settings() };
    assert_eq!(status(wrong).await, (401, "AUTHENTICATED_FAILED".to_owned()));

    let visitor = Visitor::at(settings()).await;
    assert_eq!(visitor.get(SEARCH).await.status(), 405);
    assert_eq!(visitor.post(SEARCH, &json!({ "offset": -1 })).await.status(), 400);
    assert_eq!(visitor.post("/rest/extender/1.0/group/getGroups", &json!({})).await.status(), 405);
    let url = format!("{}{SEARCH}", visitor.site.base_url());
    for (headers, status) in [
        (&[][..], 403),
        (&[("content-type", "application/x-www-form-urlencoded")], 403),
        (&[("content-type", "application/json"), ("user-agent", "Mozilla/5.0 (X11)")], 403),
        (&[("content-type", "text/plain"), ("x-atlassian-token", "no-check")], 200),
        (&[("content-type", "application/json; charset=UTF-8")], 200),
    ] {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
            .collect();
        let request = visitor.client.post(&url).basic_auth("audit", Some("audit")).headers(headers.clone());
        let reply = request.body(everybody(0, 5).to_string()).send().await.expect("an answer");
        assert_eq!(reply.status(), status, "{headers:?}");
    }
}

#[tokio::test]
async fn faults_strike_here_too() {
    let visitor = Visitor::at(settings()).await;
    let search = everybody(0, 10);
    visitor.site.add_fault("status=500@export-search:2".parse().expect("a fault"));
    visitor.site.add_fault("reset@export-file/csv".parse().expect("a fault"));
    visitor.search(&search).await;
    assert_eq!(visitor.post(SEARCH, &search).await.status(), 500);
    assert_eq!(visitor.post("/rest/confluenceuserexport/1.0/file/json", &json!([])).await.status(), 200);
    visitor.site.clear_faults();

    let rows = |page: &Value| page["users"].as_array().map(Vec::len);
    visitor.strike(FaultKind::CapPages(3));
    let page = visitor.search(&search).await;
    assert_eq!((rows(&page), &page["hasNextPage"]), (Some(3), &Value::from(true)));
    visitor.strike(FaultKind::EmptyList);
    assert_eq!(visitor.search(&search).await, json!({ "users": [], "hasNextPage": false }));
    visitor.strike(FaultKind::Anonymous);
    assert_eq!(rows(&visitor.search(&search).await), Some(0));
    let first = visitor.search(&search).await;
    visitor.strike(FaultKind::IgnoreStartAt);
    assert_eq!(visitor.search(&everybody(10, 10)).await, first);
    visitor.strike(FaultKind::Row(RowBend::Missing("name".to_owned())));
    assert!(visitor.search(&search).await["users"][5].get("username").is_none());
    visitor.site.add_fault(Fault::always(Target::at(Endpoint::UserExportSearch).page(1), FaultKind::status(503)));
    assert_eq!(visitor.post(SEARCH, &everybody(20, 10)).await.status(), 200);
    assert_eq!(visitor.post(SEARCH, &everybody(10, 10)).await.status(), 503);
}

#[tokio::test]
async fn the_static_site_has_it_too() {
    let settings = Settings { users: 3000, groups: 60, page_cap: Some(500), ..settings() };
    let visitor = Visitor::at_static(settings).await;
    let rows = visitor.everybody(1000).await;
    assert_eq!(rows.len(), 3030);
    let names: BTreeSet<_> = rows.iter().map(|row| text(row, "username")).collect();
    assert_eq!(names.len(), 3030);
    assert!(rows.is_sorted_by_key(|row| text(row, "username")));

    let licensed = visitor.walk("user/getUsersWithConfluenceAccess?showBasicDetails=true", "users").await;
    let active: Vec<_> = rows.iter().filter(|row| row["active"] == true).collect();
    assert_eq!(active.len(), licensed.len());
    for (row, user) in active.iter().zip(&licensed) {
        assert_eq!(
            (&row["username"], &row["fullName"], &row["email"]),
            (&user["name"], &user["fullName"], &user["email"])
        );
    }
    let members = visitor.walk("group/getUsers/former-1", "users").await;
    let told: Vec<_> = rows
        .iter()
        .filter(|row| row["groups"].as_array().is_some_and(|groups| groups.contains(&"former-1".into())))
        .map(|row| row["username"].clone())
        .collect();
    assert_eq!(told, members.iter().map(|row| row["name"].clone()).collect::<Vec<_>>());

    let inactive = json!({ "searchString": "", "activeUsers": false, "inActiveUsers": true, "pageSize": 20 });
    let page = visitor.search(&inactive).await;
    assert_eq!((page["users"].as_array().map(Vec::len), &page["hasNextPage"]), (Some(20), &Value::from(true)));
    let some = json!({ "searchString": "0000150-X", "activeUsers": true, "inActiveUsers": true, "pageSize": 20 });
    assert_eq!(visitor.search(&some).await["users"].as_array().map(Vec::len), Some(1));

    visitor.site.bump_logins(30);
    let after = visitor.everybody(1000).await;
    assert_eq!(rows.iter().zip(&after).filter(|(before, after)| before != after).count(), 30);
}
