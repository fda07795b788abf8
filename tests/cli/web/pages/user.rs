//! The page of a user.

use super::read::{cells, links, look, page, text, walked};
use crate::support::World;

const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'&\u{202e}";

/// The kinds of the events of all pages, newest first.
fn kinds(service: &crate::web::Served, path: &str) -> Vec<String> {
    let (mut path, mut kinds) = (path.to_owned(), Vec::new());
    loop {
        let page = page(service, &path);
        let events = page.split("data-kind=\"").skip(1);
        kinds.extend(events.map(|event| {
            let kind = event.split('"').next().unwrap();
            let at = event.split_once("datetime=\"").unwrap().1.split('"').next().unwrap();
            format!("{at} {kind}")
        }));
        match links(&page, "Next ›").first() {
            Some(next) => path = next.clone(),
            None => return kinds,
        }
    }
}

#[test]
fn a_profile_its_groups_and_everything_recorded() {
    let (world, service, moment) = walked(World::small());
    let key = world.change(|site| {
        let key = site.add("somebody");
        site.join(&key, "confluence-users");
        site.users.get_mut(&key).unwrap().email = "some.body@example.com".to_owned();
        site.look();
        key
    });
    world.sync().exits(0);
    let before = world.one("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', max(at)) FROM walks");
    world.change(|site| {
        let user = site.users.get_mut(&key).unwrap();
        (user.name, user.full_name) = ("another".to_owned(), HOSTILE.to_owned());
        user.last_login_at = Some(user.created_at.plus_millis(86_400_000));
        site.leave(&key, "confluence-users");
        site.join(&key, "confluence-administrators");
        site.look();
    });
    world.sync().exits(0);
    let id = world.one(&format!("SELECT id FROM users WHERE key = '{key}'"));
    let now = page(&service, &format!("/users/{id}"));
    assert!(!now.contains("<img") && !now.contains('\u{202e}'), "{now}");
    assert!(now.contains("&#60;img") && text(&now).contains("Once called"), "{now}");
    let table = |page: &str, caption: &str| -> Vec<String> {
        cells(page, caption).into_iter().map(|row| row[0].clone()).collect()
    };
    assert_eq!(table(&now, "Groups of the user"), ["confluence-administrators"]);
    assert_eq!(table(&now, "Groups that the user has left"), ["confluence-users"]);
    // As it was.
    let then = page(&service, &format!("/users/{id}?as-of={before}"));
    assert!(then.contains("not as it is now") && then.contains("<bdi>somebody</bdi>"), "{then}");
    assert_eq!(table(&then, "Groups of the user"), ["confluence-users"]);
    assert!(table(&then, "Groups that the user has left").is_empty());
    assert!(links(&then, "confluence-users")[0].contains("?as-of="), "the moment is kept");
    let unborn = page(&service, &format!("/users/{id}?as-of={moment}"));
    assert!(unborn.contains("did not know this user then"), "{unborn}");
    // What the command line tells.
    let told = world.run(&["history", "user", &key, "--format", "json"]).exits(0).json();
    let events: Vec<String> = told["matches"][0]["events"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|event| format!("{} {}", event["at"].as_str().unwrap(), event["kind"].as_str().unwrap()))
        .collect();
    assert!(events.iter().any(|event| event.contains("login.")), "{events:?}");
    assert_eq!(kinds(&service, &format!("/users/{id}")), events);
    let without: Vec<String> = events.into_iter().filter(|event| !event.contains("login.")).collect();
    assert_eq!(kinds(&service, &format!("/users/{id}?logins=no")), without);
    assert_eq!(links(&now, "Without log-ins"), [format!("/users/{id}?logins=no")]);
    // Reports lead there.
    let answer = look_up(&service, &format!("site=corp&key={key}"));
    assert_eq!(answer, format!("/users/{id}"));
    assert_eq!(
        look_up(&service, "site=corp&name=somebody&as-of=2026-01-01"),
        format!("/users/{id}?as-of=2026%2d01%2d01")
    );
}

fn look_up(service: &crate::web::Served, query: &str) -> String {
    let answer = service.get(&format!("/find?{query}"));
    assert_eq!(answer.status, 303, "{query}: {answer:?}");
    answer.head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().to_owned()
}

#[test]
fn never_and_not_known_are_told_apart() {
    let (world, service, _) = walked(World::small());
    let never = world.rows("SELECT id FROM users WHERE last_login_known = 1 AND last_login_at IS NULL LIMIT 1");
    let logged_in = world.rows("SELECT id FROM users WHERE last_login_at IS NOT NULL LIMIT 1");
    let field = |id: &str| {
        let page = page(&service, &format!("/users/{id}"));
        text(page.split_once(">Last login</dt><dd>").unwrap().1.split_once("</dd>").unwrap().0)
    };
    assert_eq!(field(&never[0]), "never");
    let at = world.one(&format!("SELECT substr(last_login_at, 1, 16) FROM users WHERE id = {}", logged_in[0]));
    assert!(field(&logged_in[0]).starts_with(&at));
}

#[test]
fn who_is_not_there() {
    let (world, service, _) = walked(World::small());
    for id in ["0", "999999", "x", "-1", "1e3", "99999999999999999999"] {
        assert_eq!(look(&service, &format!("/users/{id}")).status, 404, "{id}");
        assert_eq!(look(&service, &format!("/groups/{id}")).status, 404, "{id}");
    }
    for query in ["as-of=2999-01-01", "as-of=x", "page=0", "logins=maybe", "unknown=1"] {
        assert_eq!(look(&service, &format!("/users/1?{query}")).status, 400, "{query}");
    }
    for (query, status) in
        [("site=corp&key=nobody", 404), ("site=x&group=confluence-users", 404), ("key=x", 400), ("site=corp", 400)]
    {
        assert_eq!(look(&service, &format!("/find?{query}")).status, status, "{query}");
    }
    let (id, key) = ("1", world.one("SELECT key FROM users WHERE id = 1"));
    assert_eq!(look(&service, &format!("/users/{id}")).status, 200);
    world.run(&["db", "forget", &key]).exits(0);
    assert_eq!(look(&service, &format!("/users/{id}")).status, 404);
    world.run(&["db", "prune", "--older-than", "0s"]).exits(0);
    assert_eq!(look(&service, "/users/2?as-of=2001-01-01").status, 410);
    assert_eq!(look(&service, "/groups/1?as-of=2001-01-01").status, 410);
}
