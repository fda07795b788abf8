//! What a mirror should know, against a direct reading and against what was brought about.

use std::collections::BTreeMap;

use super::*;
use crate::model::{Status, Timestamp};

/// What a walk reads of everybody it knows or discovers.
async fn direct(visitor: &Visitor, known: &mut BTreeSet<String>, organization: bool) -> BTreeMap<String, Value> {
    let found = walk(visitor, &format!("{SEARCH}&limit=200")).await;
    known.extend(found.iter().map(|row| text(&row["user"], "accountId")));
    for group in walk(visitor, "rest/api/group").await {
        known.extend(ids(&walk(visitor, &format!("rest/api/group/{}/membersByGroupId", text(&group, "id"))).await));
    }
    if organization {
        // Whoever is said to use other products alone is nobody of this site.
        let here = |row: &Value| {
            let products = row["productAccess"].as_array().expect("a list");
            let own = |product: &Value| product["key"] == "confluence" && text(product, "id").ends_with(CLOUD_ID);
            products.is_empty() || products.iter().any(own)
        };
        known.extend(ids(&org_walk(visitor, 100).await.into_iter().filter(here).collect::<Vec<_>>()));
    }
    let known: Vec<_> = known.iter().cloned().collect();
    let mut rows = Vec::new();
    for batch in known.chunks(250) {
        rows.extend(users_bulk(visitor, batch).await);
    }
    rows.into_iter().map(|row| (text(&row, "accountId"), row)).collect()
}

#[tokio::test]
async fn it_is_what_can_be_read() {
    let visitor = small().await;
    let mut known = [BTreeSet::new(), BTreeSet::new()];
    for day in 0..60 {
        for (organization, known) in [false, true].into_iter().zip(&mut known) {
            let rows = direct(&visitor, known, organization).await;
            let (truth, users) =
                visitor.site.with_population(|site| (site.cloud_truth(organization), site.users.clone()));
            assert_eq!(&set(truth.users.keys().cloned()), known, "day {day}");
            for (id, truth) in &truth.users {
                let Some(row) = rows.get(id) else {
                    assert_eq!(truth.status, Status::Missing);
                    continue;
                };
                assert_eq!(truth.account_status.as_deref(), row["accountStatus"].as_str());
                if truth.status == Status::Deleted {
                    assert_ne!(truth.name, "Former user");
                    continue;
                }
                let told = ["publicName", "displayName", "accountType"].map(|field| text(row, field));
                assert_eq!([&truth.name, &truth.full_name, &truth.account_type], told.each_ref());
                assert_eq!(
                    (Some(truth.is_external), truth.time_zone.as_deref()),
                    (row["isExternalCollaborator"].as_bool(), row["timeZone"].as_str())
                );
                assert!(row["email"] == truth.email || (truth.email_hidden && row["email"] == ""));
            }
            let active = truth.users.values().filter_map(|user| user.last_active_at).collect::<BTreeSet<Timestamp>>();
            let logins = users.values().filter(|user| user.exists()).filter_map(|user| user.last_login_at);
            assert!(if organization { active.is_superset(&set(logins)) } else { active.is_empty() });
        }
        visitor.site.advance_day();
    }
}

#[tokio::test]
async fn profiles_stay_as_they_were_seen_last() {
    let visitor = small().await;
    let keys = ["ann", "bob", "cid", "dan", "eve"].map(|name| {
        visitor.site.with_population(|site| {
            let key = site.add(name);
            site.cloud.insert(key.clone(), CloudTraits { time_zone: Some("GMT".to_owned()), ..CloudTraits::default() });
            key
        })
    });
    let [closed, gone, hidden, odd, unseen] = &keys;
    visitor.site.with_population(|site| {
        site.users.get_mut(unseen).expect("eve").enabled = false;
        site.leave_all(unseen);
        site.look();
        let emails = keys.each_ref().map(|key| site.users[key].email.clone());
        site.delete(closed);
        site.users.get_mut(gone).expect("bob").unsynced = true;
        site.users.get_mut(gone).expect("bob").name = "robert".to_owned();
        site.traits_mut(hidden).email_hidden = true;
        site.traits_mut(odd).account_status = Some("on-holiday".to_owned());
        site.look();

        let truth = site.cloud_truth(false);
        let user = |key: &String| &truth.users[&account_id(key)];
        let shown = |key: &String| (user(key).status, user(key).name.as_str(), user(key).email.clone());
        assert_eq!(shown(closed), (Status::Deleted, "ann", emails[0].clone()));
        assert_eq!(user(closed).time_zone.as_deref(), Some("GMT"));
        assert_eq!(shown(gone), (Status::Missing, "bob", emails[1].clone()));
        assert_eq!((shown(hidden), user(hidden).email_hidden), ((Status::Active, "cid", emails[2].clone()), true));
        assert_eq!((user(odd).status, user(odd).account_status.as_deref()), (Status::Unknown, Some("on-holiday")));
        assert!(!truth.users.contains_key(&account_id(unseen)));
        assert_eq!(site.cloud_truth(true).users[&account_id(unseen)].status, Status::Deactivated);
        assert!(!truth.groups.contains_key(&site.group_id("empty archive")));

        site.join(unseen, "empty archive");
        site.look();
        site.leave_all(unseen);
        site.look();
        let truth = site.cloud_truth(false);
        assert!(truth.users.contains_key(&account_id(unseen)));
        assert!(truth.groups[&site.group_id("empty archive")].members.is_empty());
    });
}

#[tokio::test]
async fn who_is_beyond_the_cap_is_not_discovered() {
    let visitor = site(CloudSettings { search_cap: 5, organization: None, ..CloudSettings::default() }).await;
    let key = visitor.site.with_population(|site| {
        let key = site.add("zzz");
        site.leave_all(&key);
        site.look();
        key
    });
    let truth = visitor.site.with_population(|site| [false, true].map(|organization| site.cloud_truth(organization)));
    assert!(truth.iter().all(|truth| !truth.users.contains_key(&account_id(&key))));
}
