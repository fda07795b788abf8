//! The site over HTTP.

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::visitor::Visitor;
use crate::simulator::*;

fn encode(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

fn names(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn every_cap_gives_the_same_listings() {
    for cap in [1, 7, 50] {
        let visitor = Visitor::at(Settings { users: 60, seed: 7, page_cap: Some(cap), ..Settings::default() }).await;
        let truth = visitor.site.with_population(|site| site.truth());

        let users = names(&visitor.walk("user/getUsersWithConfluenceAccess", "users").await);
        assert!(users.is_sorted_by_key(|name| name.to_lowercase()));
        let licensed: BTreeSet<_> =
            truth.users.values().filter(|user| user.has_access).map(|user| &user.name).collect();
        assert_eq!(users.iter().collect::<BTreeSet<_>>(), licensed);
        assert_eq!(visitor.json("user/getUsersWithConfluenceAccess").await["maxResults"], cap);

        let groups = visitor.walk("group/getGroups", "groups").await;
        assert_eq!(groups.len(), truth.groups.len());
        for (group, members) in truth.groups.iter().filter(|(_, group)| group.readable) {
            let path = format!("group/getUsers/{}?showBasicDetails=true", encode(group));
            let rows = visitor.walk(&path, "users").await;
            let keys: BTreeSet<_> = rows.iter().map(|row| row["key"].as_str().expect("a key").to_owned()).collect();
            assert_eq!(keys, members.members, "{group}");
        }
    }
}

#[tokio::test]
async fn a_listing_has_exactly_the_captured_keys() {
    let visitor = Visitor::small().await;
    let page = visitor.json("user/getUsersWithConfluenceAccess?showExtendedDetails=true&maxResults=3").await;
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<BTreeSet<_>>();
    let set = |keys: &str| keys.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(keys(&page), set("total maxResults startAt users status"));
    let extended = set("business lastFailedLoginDate lastSuccessfulLoginDate fullName personal updatedDate \
        lastFailedLoginDateString createdDate createdDateString hasAccessToUseConfluence name \
        lastSuccessfulLoginDateString key email updatedDateString");
    assert_eq!(keys(&page["users"][0]), extended);
    assert_eq!(keys(&page["users"][0]["business"][0]), set("location position department"));
    assert_eq!(keys(&page["users"][0]["personal"][0]), set("website im phone"));
    assert_eq!(keys(&visitor.json("user/getUserDetails/audit").await), extended);
    assert_eq!(keys(&visitor.json("group/getGroups").await), set("total maxResults groups startAt status"));
}

#[tokio::test]
async fn everybody_can_be_looked_up_by_name() {
    let visitor = Visitor::small().await;
    let users: Vec<_> = visitor.site.with_population(|site| site.users.values().cloned().collect());
    for user in &users {
        let found = visitor.json(&format!("user/getUserDetails/{}", encode(&user.name.to_ascii_uppercase()))).await;
        assert_eq!(found["key"], user.key.as_str());
    }
    let (gone, deleted) = (&users[0], &users[1]);
    visitor.site.with_population(|site| {
        site.users.get_mut(&gone.key).expect("still there").unsynced = true;
        site.delete(&deleted.key);
    });
    for name in [&gone.name, &deleted.name] {
        let reply = visitor.ask(&format!("user/getUserDetails/{}", encode(name))).await;
        assert_eq!(reply.status(), 404);
        assert!(reply.text().await.expect("a body").starts_with(r#"{"message":"#));
    }
    let alias = visitor.json(&format!("user/getUserDetails/{}", deleted.key)).await;
    assert_eq!(alias["fullName"], deleted_alias(&deleted.key));
    assert_eq!((&alias["email"], &alias["hasAccessToUseConfluence"]), (&Value::from(""), &Value::from(false)));
}

#[tokio::test]
async fn refusals_are_the_ones_seen() {
    let visitor = Visitor::small().await;
    assert_eq!(visitor.ask("group/getUsers/nobody").await.status(), 500);
    let slash = visitor.ask("group/getUsers/ops%2Fon-call").await;
    assert_eq!(
        (slash.status().as_u16(), slash.headers()["content-type"].as_bytes()),
        (400, &b"text/html;charset=UTF-8"[..])
    );
    assert_eq!(visitor.ask("user/getUsers").await.status(), 404);
    assert_eq!(visitor.ask("../../elsewhere").await.status(), 404);

    for (lists, new, old, groups) in
        [(UserLists::Old, 404, 200, 200), (UserLists::Both, 200, 200, 200), (UserLists::AppMissing, 404, 404, 404)]
    {
        let visitor = Visitor::at(Settings { users: 20, user_lists: lists, ..Settings::default() }).await;
        assert_eq!(visitor.ask("user/getUsersWithConfluenceAccess").await.status(), new, "{lists:?}");
        assert_eq!(visitor.ask("user/getUsers").await.status(), old, "{lists:?}");
        assert_eq!(visitor.ask("group/getGroups").await.status(), groups, "{lists:?}");
    }

    let visitor = Visitor::at(Settings { users: 20, administrator: false, ..Settings::default() }).await;
    assert_eq!(visitor.ask("user/getUsersWithConfluenceAccess").await.status(), 403);
    assert_eq!(visitor.ask("group/getGroups").await.status(), 200);
}

#[tokio::test]
async fn three_wrong_passwords_bring_the_captcha() {
    let visitor = Visitor::small().await;
    let url = format!("{}/rest/extender/1.0/group/getGroups", visitor.site.base_url());
    let log_in = async |password: &str| {
        let reply = visitor.client.get(&url).basic_auth("audit", Some(password)).send().await.expect("an answer");
        let reason = reply.headers()["x-seraph-loginreason"].to_str().expect("ASCII").to_owned();
        (reply.status().as_u16(), reason)
    };
    assert_eq!(log_in("audit").await, (200, "OK".to_owned()));
    for _ in 0..3 {
        assert_eq!(log_in("wrong").await, (401, "AUTHENTICATED_FAILED".to_owned()));
    }
    assert_eq!(log_in("audit").await, (401, "AUTHENTICATION_DENIED".to_owned()));
    visitor.site.reset_captcha();
    assert_eq!(log_in("audit").await, (200, "OK".to_owned()));
    assert_eq!(visitor.client.get(&url).send().await.expect("an answer").status(), 401);
}

#[tokio::test]
async fn a_wrong_token_is_refused_or_anonymous() {
    for (wrong_token, status) in [(WrongToken::Refused, 401), (WrongToken::Anonymous, 200)] {
        let visitor = Visitor::at(Settings { users: 20, wrong_token, ..Settings::default() }).await;
        let url = format!("{}/rest/extender/1.0/user/getUsersWithConfluenceAccess", visitor.site.base_url());
        let good = visitor.client.get(&url).bearer_auth("audit-token").send().await.expect("an answer");
        assert_eq!((good.status().as_u16(), good.headers()["x-ausername"].as_bytes()), (200, &b"audit"[..]));
        let wrong = visitor.client.get(&url).bearer_auth("expired").send().await.expect("an answer");
        assert_eq!(wrong.status(), status);
        if wrong_token == WrongToken::Anonymous {
            assert_eq!(wrong.headers()["x-ausername"], "anonymous");
            assert!(wrong.text().await.expect("a body").contains(r#""total":0"#));
        }
    }
}

#[tokio::test]
async fn requests_are_counted_and_the_server_stops() {
    let visitor = Visitor::small().await;
    visitor.ask("group/getGroups?startAt=0").await;
    visitor.ask("group/getUsers/proj-atlas").await;
    visitor.ask("user/getUserDetails/audit").await;
    visitor.ask("user/getUsersWithConfluenceAccess").await;
    let requests = visitor.site.requests();
    assert_eq!((requests.group_list, requests.group_members, requests.user_details, requests.user_list), (1, 1, 1, 1));
    assert_eq!(requests.total(), 4);
    assert_eq!(requests.recent[0], "/confluence/rest/extender/1.0/group/getGroups?startAt=0");
    let url = visitor.site.base_url().to_owned();
    visitor.site.shutdown().await;
    assert!(visitor.client.get(url).send().await.is_err());
}

#[tokio::test]
async fn the_static_site_answers_the_same_questions() {
    let visitor =
        Visitor::at_static(Settings { users: 3000, groups: 60, page_cap: Some(500), ..Settings::default() }).await;
    let users = names(&visitor.walk("user/getUsersWithConfluenceAccess", "users").await);
    assert_eq!(users.len(), 3000);
    assert!(users.is_sorted());
    let known: BTreeSet<_> = users.iter().collect();

    let (mut memberships, mut outsiders, mut in_groups) = (0, BTreeSet::new(), 0);
    let groups = visitor.walk("group/getGroups", "groups").await;
    assert_eq!(groups.len(), 60);
    for group in groups.iter().map(|group| group.as_str().expect("a name")) {
        let members = names(&visitor.walk(&format!("group/getUsers/{group}"), "users").await);
        assert!(members.is_sorted());
        memberships += members.len();
        let before = outsiders.len();
        outsiders.extend(members.into_iter().filter(|name| !known.contains(name)));
        in_groups += usize::from(outsiders.len() > before);
    }
    assert_eq!((outsiders.len(), in_groups), (30, 5));
    assert!((11_000..16_000).contains(&memberships), "{memberships}");
    for name in outsiders.iter().chain([&users[1234]]) {
        let found = visitor.json(&format!("user/getUserDetails/{}", name.to_uppercase())).await;
        assert_eq!(found["name"], name.as_str());
        assert_eq!(found["hasAccessToUseConfluence"], known.contains(name));
    }

    let path = "user/getUsersWithConfluenceAccess?showExtendedDetails=true";
    let before = visitor.walk(path, "users").await;
    visitor.site.bump_logins(30);
    let after = visitor.walk(path, "users").await;
    assert_eq!(before.iter().zip(&after).filter(|(before, after)| before != after).count(), 30);
}
