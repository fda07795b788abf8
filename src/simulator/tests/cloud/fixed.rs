//! The static site as Cloud.

use super::*;

async fn at(cloud: CloudSettings) -> Visitor {
    Visitor::at_static(Settings { users: 600, groups: 30, cloud: Some(cloud), ..Settings::cloud() }).await
}

#[tokio::test]
async fn the_static_site_answers_the_same_questions() {
    let visitor = at(CloudSettings { search_cap: 450, ..CloudSettings::default() }).await;
    let found: Vec<_> = walk(&visitor, &format!("{SEARCH}&limit=200")).await;
    let found: Vec<_> = found.iter().map(|row| text(&row["user"], "accountId")).collect();
    assert_eq!(found.len(), 450);
    assert_eq!(json_of(&visitor, SEARCH).await["totalSize"], 600);

    let mut members = BTreeSet::new();
    let groups = walk(&visitor, "rest/api/group?limit=10").await;
    assert_eq!(groups.len(), 30);
    for group in &groups {
        let rows = walk(&visitor, &format!("rest/api/group/{}/membersByGroupId", text(group, "id"))).await;
        assert!(ids(&rows).is_sorted());
        members.extend(ids(&rows));
    }
    let rows = org_walk(&visitor, 100).await;
    assert_eq!((set(ids(&rows)), rows.len()), (members, 606));
    let disabled: Vec<_> = rows.iter().filter(|row| row["accountStatus"] == "inactive").cloned().collect();
    assert_eq!(disabled.len(), 6);

    let asked = [ids(&disabled), vec!["712020:x".to_owned(), found[0].clone(), found[0].clone()]].concat();
    for _ in 0..2 {
        let told = users_bulk(&visitor, &asked).await;
        assert_eq!(ids(&told), [ids(&disabled), vec![found[0].clone()]].concat());
        assert!(told[..6].iter().all(|row| row["accountStatus"] == "inactive"));
    }
    assert_eq!(visitor.site.requests().batches, [9, 9]);
    assert_eq!(post(&visitor, "api/v2/users-bulk", &json!({ "accountIds": [] })).await.status(), 400);
    assert_eq!(get(&visitor, "rest/api/group/nowhere/membersByGroupId").await.status(), 200);
    let id = text(&groups[1], "id");
    visitor.site.add_fault(format!("status=500@cloud-members/{}", text(&groups[1], "name")).parse().expect("a fault"));
    assert_eq!(get(&visitor, &format!("rest/api/group/{id}/membersByGroupId")).await.status(), 500);
}

#[tokio::test]
async fn log_ins_move_the_activity() {
    let visitor = at(CloudSettings::default()).await;
    let before = org_walk(&visitor, 100).await;
    visitor.site.bump_logins(30);
    let after = org_walk(&visitor, 100).await;
    let moved: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
    assert_eq!(moved.len(), 30);
    let (_, row) = moved[0];
    let dates = read(last_active(&visitor, &text(row, "accountId"), "").await).await;
    let date = text(&dates["data"]["product_access"][0], "last_active");
    assert!(text(&row["productAccess"][0], "lastActiveTimestamp").starts_with(&date));

    let email = text(&before[0], "email");
    let emails = json!({ "emails": [text(&walk(&visitor, SEARCH).await[1]["user"], "email"), "x@example.com", "x"] });
    assert!(email.is_empty() || email.ends_with("@example.com"));
    let answer = read(post(&visitor, "api/v2/user/access/check-access-by-email", &emails).await).await;
    assert_eq!(answer["emailsWithoutAccess"], json!(["x@example.com"]));
}
