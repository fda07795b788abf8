//! The site and its year, without HTTP.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::model::Status;
use crate::simulator::*;

fn site(users: usize, seed: u64) -> Population {
    let day = NaiveDate::from_ymd_opt(2025, 1, 6).expect("a date");
    Population::generate(users, seed, day, chrono_tz::Europe::Berlin)
}

/// What must hold on every day.
fn check(site: &Population) {
    let mut names = BTreeSet::new();
    for (key, user) in &site.users {
        assert_eq!(*key, user.key);
        assert!(key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
        assert!(names.insert(user.name.to_lowercase()), "{} is there twice on {}", user.name, site.today);
        assert!(is_addressable(&user.name), "{}", user.name);
        for time in [Some(user.created_at), Some(user.updated_at), user.last_login_at, user.last_failed_login_at] {
            assert!(time.is_none_or(|time| user.created_at <= time && time <= site.end_of_day()), "{user:?}");
        }
        if user.deleted {
            assert_eq!((&user.name, &user.full_name), (key, &deleted_alias(key)));
            assert!(user.email.is_empty() && !site.has_access(user));
        }
    }
    for (group, keys) in &site.groups {
        for key in keys {
            assert!(site.users.get(key).is_some_and(|user| !user.deleted), "{group} has {key}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_year() {
    let (mut one, mut two, mut other) = (site(80, 7), site(80, 7), site(80, 8));
    for _ in 0..120 {
        [&mut one, &mut two, &mut other].into_iter().for_each(Population::advance_day);
    }
    assert_eq!(one.users, two.users);
    assert_eq!(one.groups, two.groups);
    assert_eq!(one.truth(), two.truth());
    assert_ne!(one.users, other.users);
}

#[test]
fn a_year_has_every_kind_of_event_and_keeps_order() {
    for seed in [1, 2] {
        let mut site = site(400, seed);
        check(&site);
        for day in 0..365 {
            site.advance_day();
            if day % 5 == 0 {
                check(&site);
            }
        }
        check(&site);
        for event in Event::ALL {
            assert!(site.story.contains_key(&event), "no {event:?} with seed {seed}: {:?}", site.story);
        }
        let waves = site.story[&Event::Wave];
        assert!((1..=2).contains(&waves), "{waves} waves");
        let licensed = site.licensed().len();
        assert!((250..500).contains(&licensed), "{licensed} licensed after a year: {:?}", site.story);
    }
}

#[test]
fn a_small_site_has_every_oddity() {
    let site = site(60, 7);
    check(&site);
    for odd in [' ', '@', '+', '#', '?', '%'] {
        assert!(site.users.values().any(|user| user.name.contains(odd)), "no name with '{odd}'");
    }
    let some = |which: fn(&User) -> bool| site.users.values().any(which);
    assert!(some(|user| !user.name.is_ascii()) && some(|user| user.name.starts_with("svc-")));
    assert!(some(|user| user.name.chars().any(char::is_uppercase)));
    assert!(some(|user| user.full_name.contains('🚀')) && some(|user| user.full_name.len() > 200));
    assert!(some(|user| !user.enabled) && some(|user| user.last_login_at.is_none()));
    assert!(site.groups["empty archive"].is_empty());
    assert_eq!(site.groups["one-person-band"].len(), 1);
}

#[test]
fn access_needs_an_enabled_account_in_a_licence_group() {
    let mut site = site(60, 7);
    let key = site.add("tess");
    let access = |site: &Population| site.has_access(&site.users[&key]);
    assert!(access(&site));
    site.leave(&key, "confluence-users");
    assert!(!access(&site));
    site.join(&key, "confluence-administrators");
    assert!(access(&site));
    site.users.get_mut(&key).expect("tess").enabled = false;
    assert!(!access(&site));
    site.users.get_mut(&key).expect("tess").enabled = true;
    site.users.get_mut(&key).expect("tess").unsynced = true;
    assert!(!access(&site));
}

#[test]
fn the_truth_is_what_a_walk_can_prove() {
    let mut site = site(60, 7);
    let keys = ["ann", "bob", "cid", "dan", "eve"].map(|name| site.add(name));
    let [disabled, gone, deleted, renamed, unseen] = &keys;
    site.delete(unseen);
    site.look();

    site.users.get_mut(disabled).expect("ann").enabled = false;
    site.users.get_mut(gone).expect("bob").unsynced = true;
    site.users.get_mut(gone).expect("bob").phone = "changed out of sight".to_owned();
    site.delete(deleted);
    site.users.get_mut(renamed).expect("dan").name = "daniel".to_owned();
    site.leave_all(renamed);
    site.look();

    let truth = site.truth();
    let status = |key: &String| truth.users.get(key).map(|user| user.status);
    assert_eq!(status(disabled), Some(Status::NoAccess));
    assert_eq!(status(gone), Some(Status::Missing));
    assert_ne!(truth.users[gone].phone, "changed out of sight");
    assert_eq!(status(deleted), Some(Status::Deleted));
    assert_eq!(truth.users[deleted].name, *deleted);
    // Renamed and out of every listing at once: the old name finds nobody.
    assert_eq!(status(renamed), Some(Status::Missing));
    assert_eq!(truth.users[renamed].name, "dan");
    assert_eq!(status(unseen), None);
    assert!(truth.groups["confluence-users"].members.contains(disabled));
    assert!(!truth.groups["confluence-users"].members.contains(gone));
    assert!(!truth.groups["ops/on-call"].readable);
}

#[test]
fn user_export_tells_more() {
    let mut site = site(60, 7);
    let keys = ["ann", "bob", "cid", "dan", "eve", "fay"].map(|name| site.add(name));
    let [disabled, unsynced, deleted, alone, unseen, replaced] = &keys;
    site.delete(unseen);
    site.leave_all(alone);
    site.look();
    assert!(!site.truth().users.contains_key(alone));

    let edit =
        |site: &mut Population, key: &String, edit: fn(&mut User)| edit(site.users.get_mut(key).expect("somebody"));
    edit(&mut site, disabled, |user| user.enabled = false);
    edit(&mut site, unsynced, |user| {
        user.unsynced = true;
        user.phone = "changed out of sight".to_owned();
    });
    site.delete(deleted);
    edit(&mut site, replaced, |user| user.unsynced = true);
    site.add("FAY");
    site.look();

    let truth = site.truth_with_export();
    let status = |key: &String| truth.users.get(key).map(|user| user.status);
    assert_eq!(status(disabled), Some(Status::Deactivated));
    assert_eq!(status(unsynced), Some(Status::Deleted));
    assert_ne!(truth.users[unsynced].phone, "changed out of sight");
    assert_eq!(truth.users[unsynced].name, "bob");
    assert_eq!(status(deleted), Some(Status::Deleted));
    assert_eq!(truth.users[deleted].name, *deleted);
    assert_eq!(status(alone), Some(Status::NoAccess));
    assert_eq!(status(unseen), None);
    // Its name is somebody else's: a look-up by name finds that one.
    assert_eq!(status(replaced), Some(Status::Missing));

    for (key, user) in &truth.users {
        let export = user.export.as_ref().expect("it is read");
        assert_eq!(export.directory, site.users[key].directory);
        assert_eq!(export.language, site.users[key].language);
        assert_eq!(user.has_access, user.status == Status::Active);
        assert!(!user.has_access || export.active);
    }
    assert!(!truth.users[disabled].export.as_ref().expect("it is read").active);
    assert_eq!(truth.groups, site.truth().groups);
    // Whatever Extender alone can prove, both prove.
    for (key, user) in site.truth().users {
        assert!(
            user.status == Status::Missing || truth.users[&key].status == user.status || !truth.users[&key].has_access
        );
    }
    assert!(site.truth().users.values().all(|user| user.export.is_none()));
}

#[test]
fn the_alias_of_a_deleted_account_follows_from_its_key() {
    // printf 2c9b8082813df28e01813dfb03010000 | sha256sum
    assert_eq!(deleted_alias("2c9b8082813df28e01813dfb03010000").len(), 10);
    assert_eq!(deleted_alias("abc"), "user-ba781");
}
