//! Misbehaviour on Cloud.

use super::*;

#[tokio::test]
async fn rows_are_bent_in_every_list() {
    let visitor = small().await;
    let strike = |fault: &str| visitor.site.add_fault(fault.parse().expect("a fault"));
    let path = format!("{SEARCH}&limit=10");
    let middle = |page: &Value| page["results"][5]["user"].clone();
    let right = json_of(&visitor, &path).await;

    strike("missing=key@search:1");
    assert!(middle(&json_of(&visitor, &path).await).get("accountId").is_none());
    visitor.site.clear_faults();
    strike("same-key@search:1");
    assert_eq!(middle(&json_of(&visitor, &path).await)["accountId"], right["results"][4]["user"]["accountId"]);
    visitor.site.clear_faults();
    strike("nul-name@search:1");
    assert!(text(&middle(&json_of(&visitor, &path).await), "publicName").contains('\0'));
    visitor.site.clear_faults();
    strike("total=+3@search:1");
    assert_eq!(json_of(&visitor, &path).await["totalSize"], right["totalSize"].as_u64().expect("a number") + 3);
    visitor.site.clear_faults();
    assert_eq!(json_of(&visitor, &path).await, right);

    let keys = visitor.site.with_population(|site| site.users.keys().take(3).cloned().collect::<Vec<_>>());
    let asked: Vec<_> = keys.iter().map(|key| account_id(key)).collect();
    strike("wrong-type=email@users-bulk:1");
    assert!(users_bulk(&visitor, &asked).await[1]["email"].is_object());
    strike("missing=key@cloud-groups:1");
    let groups = json_of(&visitor, "rest/api/group").await;
    assert_eq!(groups["results"].as_array().expect("a list").iter().filter(|row| row.get("id").is_none()).count(), 1);
    strike("missing=productAccess@org-users:1");
    let rows = org_search(&visitor, &json!({ "limit": 3, "expand": ["productAccess"] })).await;
    assert!(read(rows).await["data"][1].get("productAccess").is_none());
    strike("huge-name@org-users");
    assert!(org_search(&visitor, &json!({})).await.bytes().await.expect("a body").len() > 1 << 20);
}

#[tokio::test]
async fn pages_other_than_asked() {
    let visitor = small().await;
    let path = format!("{SEARCH}&limit=10");
    let rows = |page: &Value| page["results"].as_array().map(Vec::len);
    let first = json_of(&visitor, &path).await;
    visitor.strike(FaultKind::EmptyList);
    let empty = json_of(&visitor, &path).await;
    assert_eq!((rows(&empty), &empty["totalSize"], empty["_links"].get("next")), (Some(0), &json!(0), None));
    visitor.strike(FaultKind::NoResults);
    assert_eq!(rows(&json_of(&visitor, &path).await), None);
    visitor.strike(FaultKind::CapPages(3));
    let capped = json_of(&visitor, &path).await;
    assert_eq!(rows(&capped), Some(3));
    assert!(text(&capped["_links"], "next").contains("start=3"));
    visitor.strike(FaultKind::IgnoreMaxResults);
    assert_eq!(rows(&json_of(&visitor, &path).await), Some(25));
    visitor.strike(FaultKind::IgnoreStartAt);
    assert_eq!(json_of(&visitor, &format!("{path}&start=10")).await, first);
    visitor.site.add_fault(Fault::once(Target::at(Endpoint::CloudSearch).from(2), FaultKind::RepeatPage));
    json_of(&visitor, &path).await;
    assert_eq!(json_of(&visitor, &format!("{path}&start=10")).await, first);

    let id = visitor.site.with_population(|site| site.group_id("everyone"));
    visitor.site.add_fault("status=500@cloud-members/everyone".parse().expect("a fault"));
    assert_eq!(get(&visitor, &format!("rest/api/group/{id}/membersByGroupId")).await.status(), 500);
    assert_eq!(get(&visitor, "rest/api/group/other/membersByGroupId").await.status(), 200);
    assert_eq!(visitor.site.requests().cloud_members, 2);
}

#[tokio::test]
async fn the_organization_misbehaves_too() {
    let visitor = small().await;
    visitor.site.add_fault("constant-next@org-users".parse().expect("a fault"));
    let first = read(org_search(&visitor, &json!({ "limit": 100 })).await).await;
    let second = read(org_search(&visitor, &json!({ "limit": 100, "cursor": first["links"]["next"] })).await).await;
    assert_eq!(first, second);
    visitor.site.clear_faults();
    visitor.strike(FaultKind::NoResults);
    assert!(read(org_search(&visitor, &json!({})).await).await.get("data").is_none());
    visitor.strike(FaultKind::EmptyList);
    assert_eq!(org_walk(&visitor, 10).await, Vec::<Value>::new());
    visitor.strike(FaultKind::CapPages(4));
    assert_eq!(read(org_search(&visitor, &json!({})).await).await["data"].as_array().map(Vec::len), Some(4));

    let id = visitor.site.with_population(|site| account_id(&site.find("audit").expect("audit").key));
    visitor.site.add_fault(format!("status=429;Retry-After=1@org-last-active/{id}").parse().expect("a fault"));
    assert_eq!(last_active(&visitor, &id, "").await.status(), 429);
}

#[tokio::test]
async fn other_answers_name_nobody() {
    let visitor = small().await;
    visitor.strike(FaultKind::Unauthorized("OUT".to_owned()));
    let refused = get(&visitor, SEARCH).await;
    assert_eq!((refused.status().as_u16(), refused.headers().get("x-seraph-loginreason")), (401, None));
    visitor.strike(FaultKind::Anonymous);
    let anonymous = get(&visitor, SEARCH).await;
    assert_eq!(anonymous.headers().get("x-ausername"), None);
    assert_eq!(read(anonymous).await["results"], json!([]));
}

#[test]
fn a_seed_gives_the_same_faults_and_in_time_every_kind() {
    let shown = |seed| Fault::schedule_cloud(seed, 500).iter().map(|fault| format!("{fault:?}")).collect::<String>();
    let all = shown(7);
    assert_eq!(all, shown(7));
    for part in ["UsersBulk", "OrgLastActive", "NoResults", "ConstantNext", "accountId", "Truncate", "EmptyList"] {
        assert!(all.contains(part), "{part}");
    }
    assert!(!all.contains("Anonymous") && !all.contains("OldPlugin") && !all.contains("UserList"));
    assert!(Fault::schedule_cloud(7, 500).iter().any(Fault::is_believable));
}
