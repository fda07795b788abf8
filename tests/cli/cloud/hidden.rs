//! Addresses that their owners hide.

use super::{heals, people, settings, sixty, told};
use crate::support::World;

fn hide(world: &World, keys: &[String], hidden: bool) {
    world.change(|site| {
        keys.iter().for_each(|key| site.traits_mut(key).email_hidden = hidden);
        site.look();
    });
}

const FEED: &str = "SELECT field, before, after FROM changes WHERE field = 'email' ORDER BY id";

/// Those whose addresses the site showed at the first walk.
fn shown(world: &World) -> Vec<String> {
    let keys = people(world);
    keys.into_iter().filter(|key| told(world, key, "email IS NOT NULL AND email_hidden = 0") == "1").collect()
}

#[test]
fn a_hidden_address_stays_known() {
    let world = sixty();
    let key = shown(&world)[2].clone();
    let email = told(&world, &key, "email");
    hide(&world, std::slice::from_ref(&key), true);
    heals(&world, "hidden");
    assert_eq!(told(&world, &key, "email, email_hidden"), format!("{email}|1"));
    assert_eq!(world.rows(FEED), [format!("email|{email}|(hidden)")]);
    world.sync().exits(0).prints(&["0 changes"]);
    hide(&world, std::slice::from_ref(&key), false);
    heals(&world, "shown again");
    assert_eq!(told(&world, &key, "email, email_hidden"), format!("{email}|0"));
    assert_eq!(world.rows(FEED).len(), 2);
    // Another one, shown after a time of hiding.
    hide(&world, std::slice::from_ref(&key), true);
    world.sync().exits(0);
    world.change(|site| site.users.get_mut(&key).unwrap().email = "new@example.com".to_owned());
    hide(&world, std::slice::from_ref(&key), false);
    heals(&world, "another address");
    assert_eq!(told(&world, &key, "email, email_hidden"), "new@example.com|0");
}

fn all_hidden() -> (World, Vec<String>, i64) {
    let world = World::cloud(settings(60, None));
    world.sync().exits(0);
    let keys = shown(&world);
    hide(&world, &keys, true);
    let held = world.held();
    (world, keys, held)
}

const SHOWN: &str = "SELECT count(*) FROM users WHERE email IS NOT NULL AND email_hidden = 0";

#[test]
fn all_hidden_at_once_are_held_and_can_be_approved() {
    let (world, keys, held) = all_hidden();
    let known: usize = world.one(SHOWN).parse().unwrap();
    assert!(known >= keys.len(), "nothing is hidden yet");
    world.walks("approve", held, &[]).exits(0);
    let hidden = "SELECT count(*) FROM users WHERE email IS NOT NULL AND email_hidden = 1";
    assert_eq!(world.one(hidden), keys.len().to_string(), "the addresses are still known");
    heals(&world, "approved");
    hide(&world, &keys, false);
    heals(&world, "shown again");
    assert_eq!(world.one(hidden), "0");
}

#[test]
fn all_hidden_at_once_can_be_rejected() {
    let (world, keys, held) = all_hidden();
    let known = world.one(SHOWN);
    world.walks("reject", held, &["--reason", "a right was lost"]).exits(0);
    assert_eq!(world.one(SHOWN), known);
    assert_eq!(world.rows(FEED), [""; 0]);
    // As long as it is so the next walk comes to the same conclusion.
    world.sync().exits(4);
    hide(&world, &keys, false);
    heals(&world, "the right is back");
    assert_eq!(world.one(SHOWN), known);
}
