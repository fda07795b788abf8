//! The organization's API.

use super::*;

fn confluence(row: &Value) -> Vec<&Value> {
    let products = row["productAccess"].as_array().expect("products");
    let here = "ari:cloud:confluence::site/1a2b3c4d-0000-4000-8000-000000000001";
    products.iter().filter(|product| product["id"] == here).collect()
}

#[tokio::test]
async fn it_lists_every_account_with_its_activity() {
    let visitor = small().await;
    let users = visitor.site.with_population(|site| {
        let key = site.users.keys().nth(3).expect("somebody").clone();
        site.delete(&key);
        let key = site.users.keys().nth(5).expect("somebody").clone();
        site.users.get_mut(&key).expect("somebody").unsynced = true;
        site.users.clone()
    });
    for limit in [7, 100] {
        let rows = org_walk(&visitor, limit).await;
        let there = users.values().filter(|user| user.exists()).map(|user| account_id(&user.key));
        assert_eq!(ids(&rows), there.collect::<Vec<_>>());
        let user = |row: &Value| {
            let id = text(row, "accountId");
            users.values().find(|user| account_id(&user.key) == id).expect("somebody")
        };
        for row in &rows {
            let user = user(row);
            assert_eq!(row["status"], if user.enabled { "active" } else { "deactivated" });
            let told: Vec<_> = confluence(row).iter().map(|product| product["lastActiveTimestamp"].as_str()).collect();
            let login = user.last_login_at.map(|time| time.to_rfc3339());
            assert!(told.len() <= 1 && told.first().is_none_or(|told| told.map(str::to_owned) == login));
            assert!(login.is_none() || told.len() == 1);
        }
        let elsewhere = rows.iter().filter(|row| {
            let products = row["productAccess"].as_array().expect("products");
            products.iter().filter(|product| product["key"] == "confluence").count() > confluence(row).len()
        });
        assert!((5..40).contains(&elsewhere.count()));
    }
}

#[tokio::test]
async fn nobody_is_skipped_when_somebody_goes() {
    let visitor = small().await;
    let first = read(org_search(&visitor, &json!({ "limit": 10 })).await).await;
    assert!(first["data"][0].get("productAccess").is_none());
    visitor.site.with_population(|site| {
        let key = site.users.keys().next().expect("somebody").clone();
        site.delete(&key);
    });
    let body = json!({ "limit": 100, "cursor": first["links"]["next"] });
    let second = read(org_search(&visitor, &body).await).await;
    let rows = [first, second].map(|page| ids(page["data"].as_array().expect("a list"))).concat();
    assert_eq!(rows.len(), visitor.site.with_population(|site| site.users.len()));
}

#[tokio::test]
async fn one_account_has_dates() {
    for next_as_url in [false, true] {
        let visitor = with_organization(OrganizationSettings { next_as_url, ..OrganizationSettings::default() }).await;
        let users = visitor.site.with_population(|site| site.users.clone());
        let mut pages = 0;
        for user in users.values() {
            let id = account_id(&user.key);
            let (mut told, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = read(last_active(&visitor, &id, &cursor).await).await;
                pages += 1;
                assert_eq!(page["data"]["added_to_org"], user.created_at.to_sql()[..10]);
                told.extend(page["data"]["product_access"].as_array().expect("a list").clone());
                let Some(next) = page["links"]["next"].as_str() else { break };
                assert_eq!(next.starts_with("http://"), next_as_url);
                cursor = format!("?cursor={}", next.split_once("cursor=").map_or(next, |(_, cursor)| cursor));
            }
            let here = told.iter().filter(|product| {
                text(product, "id").ends_with("confluence::site/1a2b3c4d-0000-4000-8000-000000000001")
            });
            let dates: Vec<_> = here.map(|product| text(product, "last_active")).collect();
            assert_eq!(
                dates,
                user.last_login_at.map(|time| time.to_sql()[..10].to_owned()).into_iter().collect::<Vec<_>>()
            );
        }
        assert!(pages > users.len(), "nobody has a second page");
    }
}

#[tokio::test]
async fn what_it_refuses() {
    let visitor = small().await;
    for bad in [json!({ "limit": 0 }), json!({ "limit": 101 }), json!({ "cursor": "odd" }), json!(7)] {
        assert_eq!(org_search(&visitor, &bad).await.status(), 400, "{bad}");
    }
    assert_eq!(last_active(&visitor, "712020:nobody", "").await.status(), 404);
    let url = format!("{}/v2/orgs/other/directories/-/users/search", visitor.site.organization_url());
    let ask = |url: &str, key: &str| {
        visitor.client.post(url).bearer_auth(key).header("Content-Type", "application/json").body("{}").send()
    };
    assert_eq!(ask(&url, "org-key").await.expect("an answer").status(), 404);
    let url = url.replace("other", ORG);
    assert_eq!(ask(&url, "org-key").await.expect("an answer").status(), 200);
    assert_eq!(ask(&url, "audit-token").await.expect("an answer").status(), 401);

    let visitor = with_organization(OrganizationSettings { bulk: false, ..OrganizationSettings::default() }).await;
    assert_eq!(org_search(&visitor, &json!({})).await.status(), 404);
    let organization = OrganizationSettings { product_access: false, ..OrganizationSettings::default() };
    let rows =
        read(org_search(&with_organization(organization).await, &json!({ "expand": ["productAccess"] })).await).await;
    assert!(rows["data"][0].get("productAccess").is_none());
    let visitor = site(CloudSettings { organization: None, ..CloudSettings::default() }).await;
    assert_eq!(org_search(&visitor, &json!({})).await.status(), 401);
}
