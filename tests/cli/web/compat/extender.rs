//! REST API Extender.

use rollbook::simulator::is_addressable;

use super::{ODD, Told, both_apps, mirror, segment, served, upstream, walked};
use crate::support::World;

const LEVELS: [&str; 3] = ["", "&showBasicDetails=true", "&showExtendedDetails=true"];

/// Both answer the same.
#[track_caller]
fn same(world: &World, service: &super::Served, path: &str) -> Told {
    let (told, expected) = (mirror(service, path, None).is(200), upstream(world, path, None).is(200));
    assert_eq!(told.json(), expected.json(), "{path}");
    told
}

/// The user list by the name under which the site has it.
const USERS: &str = "/rest/extender/1.0/user/getUsersWithConfluenceAccess";

#[test]
fn lists_are_those_of_the_site_at_each_level_and_on_each_page() {
    for world in [both_apps(), served(World::small())] {
        let service = walked(&world);
        let groups: Vec<String> =
            world.change(|site| site.groups.keys().filter(|name| is_addressable(name)).cloned().collect());
        for level in LEVELS {
            for page in ["maxResults=1000", "maxResults=7", "startAt=7&maxResults=7", "startAt=1000&maxResults=5"] {
                same(&world, &service, &format!("{USERS}?{page}{level}"));
            }
            for group in &groups {
                let path = format!("/rest/extender/1.0/group/getUsers/{}?maxResults=500{level}", segment(group));
                same(&world, &service, &path);
            }
        }
        for page in ["maxResults=1000", "startAt=2&maxResults=3", "startAt=500&maxResults=500"] {
            same(&world, &service, &format!("/rest/extender/1.0/group/getGroups?{page}"));
        }
        for pattern in ["dd.MM.yyyy", "MM%2Fdd%2Fyyyy", "yyyy-MM-dd%20HH:mm:ss"] {
            same(&world, &service, &format!("{USERS}?maxResults=20&showExtendedDetails=true&dateFormat={pattern}"));
        }
        // The old name, and the name of the site before it.
        let expected = mirror(&service, &format!("{USERS}?showBasicDetails=true"), None).json();
        for path in ["/rest/extender/1.0/user/getUsers", &format!("/sites/corp{USERS}")] {
            assert_eq!(mirror(&service, &format!("{path}?showBasicDetails=true"), None).is(200).json(), expected);
        }
        service.stop().exits(0);
    }
}

#[test]
fn single_users_whatever_the_case_of_their_names() {
    let world = both_apps();
    world.change(|site| {
        let key = site.add("Élodie.ÇELIK");
        site.users.get_mut(&key).unwrap().position = "Ärztin".to_owned();
        let left = site.add("left.behind");
        site.users.get_mut(&left).unwrap().enabled = false;
    });
    let service = walked(&world);
    let names: Vec<String> = world.change(|site| {
        let listed = site.users.values().filter(|user| site.is_listed(user));
        listed.map(|user| user.name.clone()).collect()
    });
    assert!(names.len() > 50);
    for name in &names {
        let path = |name: &str| format!("/rest/extender/1.0/user/getUserDetails/{}", segment(name));
        let told = same(&world, &service, &path(name));
        // Of some letters the large form is two.
        let other = [name.to_uppercase(), name.to_lowercase()];
        for other in other.iter().filter(|other| other.to_lowercase() == name.to_lowercase()) {
            assert_eq!(mirror(&service, &path(other), None).is(200).body, told.body, "{other}");
        }
    }
    assert_eq!(
        mirror(&service, "/rest/extender/1.0/user/getUserDetails/left.behind", None).json()["hasAccessToUseConfluence"],
        false
    );
    for nobody in ["nobody", "élodie", "%25", "_"] {
        let path = format!("/rest/extender/1.0/user/getUserDetails/{}", segment(nobody));
        let told = mirror(&service, &path, None).is(404);
        assert_eq!(told.json(), upstream(&world, &path, None).is(404).json());
    }
    service.stop().exits(0);
}

#[test]
fn names_of_everything_that_can_stand_in_a_name() {
    let world = served(World::small());
    world.change(|site| {
        for name in ODD {
            let key = site.add(&format!("user {name}"));
            site.join(&key, name);
        }
    });
    let service = walked(&world);
    for name in ODD {
        same(&world, &service, &format!("/rest/extender/1.0/group/getUsers/{}?maxResults=9", segment(name)));
        let user = segment(&format!("user {name}"));
        same(&world, &service, &format!("/rest/extender/1.0/user/getUserDetails/{user}"));
    }
    service.stop().exits(0);
}

#[test]
fn who_is_gone_or_forgotten_is_in_no_list() {
    let world = both_apps();
    let [gone, erased] = world.change(|site| ["ada", "bob"].map(|name| site.add(name)));
    world.sync().exits(0);
    world.change(|site| {
        site.delete(&gone);
        site.leave_all(&erased);
        site.users.get_mut(&erased).unwrap().unsynced = true;
    });
    world.sync().exits(0);
    world.run(&["db", "forget", &erased]).exits(0);
    let service = walked(&world);
    for name in ["ada", "bob", &gone] {
        let told = mirror(&service, &format!("/rest/extender/1.0/user/getUserDetails/{name}"), None).is(404);
        assert_eq!(told.json()["message"], format!("User '{name}' does not exist"));
    }
    let told = same(&world, &service, &format!("{USERS}?maxResults=1000"));
    assert_eq!(told.json()["total"].to_string(), world.one("SELECT count(*) FROM users WHERE status = 'active'"));
    let everybody = mirror(&service, "/rest/confluenceuserexport/1.0/search", Some("{}")).is(200);
    let text = String::from_utf8(everybody.body).unwrap();
    assert!(!text.contains("\"ada\"") && !text.contains("\"bob\"") && !text.contains("forgotten-"), "{text}");
    service.stop().exits(0);
}

#[test]
fn many_who_ask_the_same_get_the_same_until_something_changes() {
    let world = both_apps();
    let service = walked(&world);
    let path = format!("{USERS}?showExtendedDetails=true");
    let ask_all = || -> Vec<Vec<u8>> {
        std::thread::scope(|scope| {
            let asked: Vec<_> = (0..40).map(|_| scope.spawn(|| mirror(&service, &path, None).is(200).body)).collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        })
    };
    let before = ask_all();
    assert!(before.iter().all(|body| *body == before[0]));
    world.change(|site| site.add("newcomer"));
    world.sync().exits(0);
    let after = ask_all();
    assert!(after.iter().all(|body| *body == after[0]));
    assert!(!String::from_utf8_lossy(&before[0]).contains("newcomer"));
    assert!(String::from_utf8_lossy(&after[0]).contains("newcomer"));
    service.stop().exits(0);
}
