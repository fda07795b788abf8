//! The search.

use rollbook::simulator::Settings;

use super::read::{cells, look, page, walked};
use crate::support::World;

const HOSTILE: &str = "<script>alert(1)</script>\"&ü";

#[test]
fn users_and_groups_are_found_by_any_part_of_what_they_are_called() {
    let world = World::small();
    let key = world.change(|site| {
        let key = site.add("xquisite");
        let user = site.users.get_mut(&key).unwrap();
        (user.full_name, user.email) = (HOSTILE.to_owned(), "Mail.Box@example.com".to_owned());
        site.join(&key, "confluence-users");
        site.look();
        key
    });
    let (world, service, _) = walked(world);
    let names = |query: &str, caption: &str| -> Vec<String> {
        let page = page(&service, &format!("/search?q={query}"));
        assert!(!page.contains("<script"), "{page}");
        cells(&page, caption).into_iter().map(|row| row[0].clone()).collect()
    };
    for query in ["xquisite", "XQUI", "quis", "mail.box%40", "%26%C3%9C", "%3Cscript%3E", &key] {
        assert_eq!(names(query, "Users found"), ["xquisite"], "{query}");
    }
    assert!(names("CONFLUENCE-us", "Groups found").contains(&"confluence-users".to_owned()));
    assert!(names("nobody+at+all", "Users found").is_empty());
    // A letter like any other.
    let mut percent = names("%25", "Users found");
    percent.sort();
    let texts = "concat(name, ' ', full_name, ' ', email)";
    let mut expected = world.rows(&format!("SELECT name FROM users WHERE instr({texts}, '%') > 0"));
    expected.sort();
    assert_eq!(percent, expected);
    let prefilled = page(&service, "/search?q=%3Cscript%3E");
    assert!(prefilled.contains("name=\"q\" value=\"&#60;script&#62;\""), "{prefilled}");
    assert!(page(&service, "/search").contains("for=\"q\""));
    // By a name it has no more.
    world.change(|site| {
        site.users.get_mut(&key).unwrap().name = "plain".to_owned();
        site.look();
    });
    world.sync().exits(0);
    assert_eq!(names("xquis", "Users found"), ["plain once xquisite"]);
    assert_eq!(look(&service, &format!("/search?q={}", "x".repeat(300))).status, 400);
    assert_eq!(look(&service, "/search?q=a&r=b").status, 400);
}

#[test]
fn what_is_left_out_is_told() {
    let (world, service, _) = walked(World::with(Settings { users: 230, seed: 5, ..Settings::default() }));
    let all = page(&service, "/search?q=example");
    let count: usize = world.one("SELECT count(*) FROM users WHERE email LIKE '%example%'").parse().unwrap();
    assert!(count > 100, "{count}");
    assert_eq!(cells(&all, "Users found").len(), 100);
    assert!(all.contains("There are more"), "{all}");
}
