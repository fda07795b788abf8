//! The search, groups and members, `users-bulk`, and who may ask.

use super::*;

#[tokio::test]
async fn the_search_finds_who_is_enabled_page_by_page() {
    let visitor = small().await;
    let (enabled, licensed) = visitor.site.with_population(|site| {
        let enabled = site.users.values().filter(|user| user.exists() && user.enabled);
        (
            enabled.map(|user| account_id(&user.key)).collect::<BTreeSet<_>>(),
            site.licensed().iter().map(|user| account_id(&user.key)).collect::<BTreeSet<_>>(),
        )
    });
    let found = |rows: Vec<Value>| rows.iter().map(|row| text(&row["user"], "accountId")).collect::<Vec<_>>();
    for limit in ["", "&limit=7", "&limit=1000"] {
        let rows = walk(&visitor, &format!("{SEARCH}{limit}")).await;
        assert!(rows.is_sorted_by_key(|row| text(&row["user"], "publicName").to_lowercase()));
        assert_eq!(rows.len(), enabled.len());
        assert_eq!(set(found(rows)), enabled);
    }
    let rows = walk(&visitor, "rest/api/search/user?cql=type=user&limit=9").await;
    assert_eq!(set(found(rows)), licensed);
    let guests =
        walk(&visitor, "rest/api/search/user?cql=type=user&sitePermissionTypeFilter=externalCollaborator").await;
    assert!(!guests.is_empty() && guests.iter().all(|row| row["user"]["isExternalCollaborator"] == true));

    let page = json_of(&visitor, SEARCH).await;
    assert_eq!((&page["limit"], &page["size"], &page["totalSize"]), (&json!(25), &json!(25), &json!(enabled.len())));
    let next = text(&page["_links"], "next");
    assert!(next.starts_with("/rest/api/search/user?next=true&cql=type%3Duser&"), "{next}");
    assert_eq!(json_of(&visitor, &format!("{SEARCH}&limit=1000")).await["limit"], 200);
    for bad in ["rest/api/search/user", "rest/api/search/user?cql=x", "rest/api/search/user?cql=type=user&start=x"] {
        assert_eq!(get(&visitor, bad).await.status(), 400, "{bad}");
    }
    assert_eq!(get(&visitor, &format!("{SEARCH}&sitePermissionTypeFilter=odd")).await.status(), 400);
}

#[tokio::test]
async fn a_search_ends_at_its_cap() {
    let visitor = site(CloudSettings { search_cap: 10, ..CloudSettings::default() }).await;
    assert_eq!(walk(&visitor, &format!("{SEARCH}&limit=7")).await.len(), 10);
    let beyond = json_of(&visitor, &format!("{SEARCH}&start=10")).await;
    assert_eq!(beyond["results"], json!([]));
    assert!(beyond["totalSize"].as_u64() > Some(40));
}

#[tokio::test]
async fn groups_and_members_have_ids() {
    let visitor = site(CloudSettings { foreign_groups: 3, ..CloudSettings::default() }).await;
    let truth = visitor.site.with_population(|site| site.cloud_truth(false));
    let groups = walk(&visitor, "rest/api/group?limit=4").await;
    assert!(groups.is_sorted_by_key(|group| text(group, "name")));
    let (mut foreign, mut empty) = (0, 0);
    for group in &groups {
        let path = format!("rest/api/group/{}/membersByGroupId?limit=7", text(group, "id"));
        let rows = walk(&visitor, &path).await;
        let members = ids(&rows);
        assert!(members.is_sorted() && rows.iter().all(|row| row.get("accountStatus").is_none()));
        match truth.groups.get(&text(group, "id")) {
            Some(known) => {
                assert_eq!((&known.name, &known.members), (&text(group, "name"), &set(members)));
            }
            None if members.is_empty() => empty += 1,
            None => {
                foreign += 1;
                assert_eq!(users_bulk(&visitor, &members).await, Vec::<Value>::new());
            }
        }
    }
    // One of the site's own never had a member.
    assert_eq!((foreign, empty, groups.len()), (2, 2, truth.groups.len() + 4));

    let page = json_of(&visitor, "rest/api/group/nowhere/membersByGroupId").await;
    assert_eq!((&page["results"], &page["limit"]), (&json!([]), &json!(200)));
    assert!(page.get("totalSize").is_none());
    let id = visitor.site.with_population(|site| site.group_id("everyone"));
    let path = format!("rest/api/group/{id}/membersByGroupId?shouldReturnTotalSize=true&limit=2");
    let page = json_of(&visitor, &path).await;
    assert_eq!(page["totalSize"], truth.groups[&id].members.len());
    assert_eq!(get(&visitor, "rest/api/group?limit=201").await.status(), 400);
    assert_eq!(get(&visitor, &format!("rest/api/group/{id}/membersByGroupId?limit=201")).await.status(), 400);
}

#[tokio::test]
async fn a_renamed_group_keeps_its_id() {
    let visitor = small().await;
    let (id, reused) = visitor.site.with_population(|site| {
        let id = site.group_id("everyone");
        site.rename_group("everyone", "all of us");
        site.join(&site.users.keys().next().expect("somebody").clone(), "everyone");
        assert_eq!(site.group_id("all of us"), id);
        (id, site.group_id("everyone"))
    });
    assert_ne!(id, reused);
    let groups = walk(&visitor, "rest/api/group").await;
    let name = |id: &str| groups.iter().find(|group| group["id"] == id).map(|group| text(group, "name"));
    assert_eq!((name(&id).as_deref(), name(&reused).as_deref()), (Some("all of us"), Some("everyone")));
    assert_eq!(walk(&visitor, &format!("rest/api/group/{reused}/membersByGroupId")).await.len(), 1);
}

#[tokio::test]
async fn users_are_told_in_the_order_asked_for() {
    let visitor = small().await;
    let [hidden, disabled, gone, deleted, odd] = ["ann", "bob", "cid", "dan", "eve"].map(|name| {
        visitor.site.with_population(|site| {
            let key = site.add(name);
            site.cloud.insert(key.clone(), CloudTraits::default());
            key
        })
    });
    visitor.site.with_population(|site| {
        site.traits_mut(&hidden).email_hidden = true;
        site.traits_mut(&odd).account_status = Some("suspended".to_owned());
        site.users.get_mut(&disabled).expect("bob").enabled = false;
        site.users.get_mut(&gone).expect("cid").unsynced = true;
        site.delete(&deleted);
    });
    let asked = [&odd, &deleted, &gone, &disabled, &hidden, &odd].map(|key| account_id(key));
    let asked = [&asked[..], &["712020:nobody".to_owned(), "other".to_owned()]].concat();
    let rows = users_bulk(&visitor, &asked).await;
    let shown = |row: &Value| ["publicName", "accountStatus", "accountType"].map(|field| text(row, field));
    assert_eq!(
        rows.iter().map(shown).collect::<Vec<_>>(),
        [
            ["eve", "suspended", "atlassian"],
            ["Former user", "closed", "atlassian"],
            ["bob", "inactive", "atlassian"],
            ["ann", "active", "atlassian"],
        ]
    );
    assert_eq!((&rows[1]["email"], &rows[1]["displayName"]), (&json!(""), &json!("Former user")));
    assert_eq!((&rows[3]["email"], &rows[3]["timeZone"]), (&json!(""), &Value::Null));
    assert!(text(&rows[0], "email").contains('@'));
    assert_eq!(visitor.site.requests().batches, [8]);

    for bad in [json!({}), json!({ "accountIds": [] }), json!({ "accountIds": vec!["x"; 251] })] {
        assert_eq!(post(&visitor, "api/v2/users-bulk", &bad).await.status(), 400);
    }
    assert_eq!(users_bulk(&visitor, &vec![asked[0].clone(); 250]).await.len(), 1);
    visitor.site.with_population(|site| site.refused_ids.insert(account_id(&odd)));
    assert_eq!(post(&visitor, "api/v2/users-bulk", &json!({ "accountIds": asked })).await.status(), 400);
    assert_eq!(users_bulk(&visitor, &asked[1..2]).await.len(), 1);
    visitor.site.with_population(|site| site.refused_ids.clear());

    let everybody =
        visitor.site.with_population(|site| site.users.keys().map(|key| account_id(key)).collect::<Vec<_>>());
    let rows = users_bulk(&visitor, &everybody).await;
    let some = |which: fn(&Value) -> bool| rows.iter().any(which) && !rows.iter().all(which);
    assert!(some(|row| row["email"] == "") && some(|row| row["timeZone"].is_null()));
    assert!(some(|row| row["isExternalCollaborator"] == true) && some(|row| row["accountType"] == "app"));
}

#[tokio::test]
async fn each_way_in_has_its_own_credentials() {
    let visitor = small().await;
    let (site, gateway) = (visitor.site.base_url().to_owned(), visitor.site.gateway_url().to_owned());
    let status = async |url: &str, with: fn(RequestBuilder) -> RequestBuilder| {
        let reply = sent(with(visitor.client.get(format!("{url}/rest/api/group")))).await;
        assert!(!reply.headers().keys().any(|name| name.as_str().starts_with("x-")));
        let status = reply.status().as_u16();
        let body: Value = serde_json::from_str(&reply.text().await.expect("a body")).expect("JSON");
        assert!(status != 401 || body["code"] == 401);
        status
    };
    assert!(site.ends_with("/wiki") && gateway.ends_with("/ex/confluence/1a2b3c4d-0000-4000-8000-000000000001/wiki"));
    let password = |request: RequestBuilder| request.basic_auth("audit@example.com", Some("audit"));
    let token = |request: RequestBuilder| request.basic_auth("audit@example.com", Some("audit-token"));
    let bearer = |request: RequestBuilder| request.bearer_auth("audit-token");
    assert_eq!(
        [status(&site, password).await, status(&site, token).await, status(&site, bearer).await],
        [200, 401, 401]
    );
    assert_eq!(
        [status(&gateway, password).await, status(&gateway, token).await, status(&gateway, bearer).await],
        [401, 200, 200]
    );
    // However often: there is no CAPTCHA.
    for _ in 0..5 {
        assert_eq!(status(&site, |request| request.basic_auth("audit@example.com", Some("wrong"))).await, 401);
    }
    assert_eq!(status(&site, password).await, 200);
    assert_eq!(status(&site, |request| request).await, 401);
    assert_eq!(status(&gateway.replace("1a2b", "ffff"), bearer).await, 404);
    assert_eq!(get(&visitor, "rest/extender/1.0/group/getGroups").await.status(), 404);

    for (kind, basic, oauth) in [(TokenKind::OAuth, 401, 200), (TokenKind::Scoped, 200, 401)] {
        let visitor = super::site(CloudSettings { gateway_token: kind, ..CloudSettings::default() }).await;
        let url = format!("{}/rest/api/group", visitor.site.gateway_url());
        assert_eq!(sent(token(visitor.client.get(&url))).await.status(), basic);
        assert_eq!(sent(bearer(visitor.client.get(&url))).await.status(), oauth);
    }
}

#[tokio::test]
async fn who_may_not_use_confluence_is_told_so() {
    let visitor = Visitor::at(Settings { users: 20, administrator: false, ..Settings::cloud() }).await;
    assert_eq!(get(&visitor, SEARCH).await.status(), 403);
    assert_eq!(get(&visitor, "rest/api/group").await.status(), 403);
    assert_eq!(post(&visitor, "api/v2/users-bulk", &json!({ "accountIds": ["x"] })).await.status(), 404);
    let visitor = small().await;
    let url = format!("{}/api/v2/users-bulk", visitor.site.base_url());
    let form = visitor.client.post(&url).basic_auth("audit@example.com", Some("audit")).body("accountIds=x");
    assert_eq!(sent(form).await.status(), 403);
    assert_eq!(get(&visitor, "api/v2/users-bulk").await.status(), 405);
}
