//! Checks of access, and invitations.

use super::*;

const CHECK: &str = "api/v2/user/access/check-access-by-email";
const INVITE: &str = "api/v2/user/access/invite-by-email";

#[tokio::test]
async fn who_is_invited_comes_the_next_day() {
    let visitor = small().await;
    let former = visitor.site.with_population(|site| {
        let key = site.add("former");
        site.users.get_mut(&key).expect("former").email = "former@example.com".to_owned();
        site.leave_all(&key);
        key
    });
    let emails =
        json!({ "emails": ["audit@example.com", "Former@example.com", "new@example.org", "nonsense", "a b@c.d"] });
    let without = json!(["Former@example.com", "new@example.org"]);
    let answer = read(post(&visitor, CHECK, &emails).await).await;
    assert_eq!(answer["emailsWithoutAccess"], without);
    assert_eq!(answer["invalidEmails"], json!(["nonsense", "a b@c.d"]));

    let invited = post(&visitor, INVITE, &emails).await;
    assert_eq!((invited.status().as_u16(), invited.text().await.expect("a body")), (200, String::new()));
    assert_eq!(read(post(&visitor, CHECK, &emails).await).await["emailsWithoutAccess"], without);
    visitor.site.advance_day();
    assert_eq!(read(post(&visitor, CHECK, &emails).await).await["emailsWithoutAccess"], json!([]));
    visitor.site.with_population(|site| {
        assert!(site.has_access(&site.users[&former]));
        assert!(site.has_access(site.find("new").expect("a new account")));
    });
    let requests = visitor.site.requests();
    assert_eq!((requests.access_check, requests.access_invite, requests.total()), (3, 1, 4));
}

#[tokio::test]
async fn what_it_refuses() {
    let visitor = small().await;
    for path in [CHECK, INVITE] {
        for bad in [json!({}), json!({ "emails": [] }), json!({ "emails": vec!["x@example.com"; 101] })] {
            assert_eq!(post(&visitor, path, &bad).await.status(), 400);
        }
    }
    let visitor = site(CloudSettings { access_api: false, ..CloudSettings::default() }).await;
    for path in [CHECK, INVITE] {
        assert_eq!(post(&visitor, path, &json!({ "emails": ["x@example.com"] })).await.status(), 503);
    }
}
