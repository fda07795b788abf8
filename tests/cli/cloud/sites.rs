//! Several sites in one database: none disturbs another.

use rollbook::simulator::{CloudSettings, OrganizationSettings, Settings, Simulator};

use super::{CloudPicture, settings, truth};
use crate::support::World;

/// A Data Center `dc`, a Cloud site `one`, and a Cloud site `two` of the same people: their accounts are the same.
struct Three {
    world: World,
    dc: World,
    two: Simulator,
}

impl Three {
    fn new() -> Self {
        let world = World::cloud(settings(40, Some(OrganizationSettings::default())));
        let dc = World::with(Settings { users: 30, seed: 9, ..Settings::default() });
        let cloud_id = "2b2b3c4d-0000-4000-8000-000000000002".to_owned();
        let cloud = CloudSettings { cloud_id, ..CloudSettings::default() };
        let two = world.beside(Settings { users: 50, seed: 7, cloud: Some(cloud), ..Settings::cloud() });
        let tables = [dc.site_table("dc"), world.site_table("one"), world.table_of("two", &two)];
        world.configure(&tables.join("\n"));
        Self { world, dc, two }
    }

    fn simulators(&self) -> [(&'static str, &Simulator); 3] {
        [("dc", &self.dc.site), ("one", &self.world.site), ("two", &self.two)]
    }

    /// What the mirror says of a site: users, memberships and changes, without numbers that depend on the others.
    fn rows_of(&self, site: &str) -> Vec<Vec<String>> {
        let of = format!("site_id = (SELECT id FROM sites WHERE name = '{site}')");
        let users = "key, name, full_name, email, email_hidden, status, account_status, last_active_at, last_login_at";
        [
            format!("SELECT {users} FROM users WHERE {of} ORDER BY key"),
            format!(
                "SELECT g.name, u.key, m.valid_to IS NULL FROM memberships m JOIN groups g ON g.id = m.group_id \
                 JOIN users u ON u.id = m.user_id WHERE g.{of} ORDER BY 1, 2, 3"
            ),
            format!(
                "SELECT c.kind, c.field, c.before, c.after FROM changes c JOIN walks w ON w.id = c.walk_id \
                 WHERE w.{of} ORDER BY 1, 2, 3, 4"
            ),
        ]
        .iter()
        .map(|sql| self.world.rows(sql))
        .collect()
    }
}

#[test]
fn a_site_that_fails_leaves_the_others_as_they_would_be() {
    let (alone, mixed) = (Three::new(), Three::new());
    for three in [&alone, &mixed] {
        three.world.sync().exits(0);
    }
    let faults = ["status=500", "unauthorized=x", "html-login"];
    for (nth, fault) in faults.into_iter().enumerate() {
        for three in [&alone, &mixed] {
            three.simulators().iter().for_each(|(_, site)| site.advance_day());
        }
        let (failing, site) = mixed.simulators()[nth];
        let before = mixed.rows_of(failing);
        site.add_fault(fault.parse().unwrap());
        let ran = mixed.world.sync();
        assert!([69, 77].contains(&ran.exit), "{fault}: {}{}", ran.stdout, ran.stderr);
        site.clear_faults();
        site.reset_captcha();
        alone.world.sync().exits(0);
        for (name, _) in mixed.simulators() {
            let expected = if name == failing { before.clone() } else { alone.rows_of(name) };
            assert_eq!(mixed.rows_of(name), expected, "{fault} at {failing}: {name}");
        }
        mixed.world.sync().exits(0);
        mixed.world.is_sound();
    }
    let mirror = CloudPicture::of_mirror(&mixed.world, "one");
    mirror.assert_is(&truth(&mixed.world), "one of three");
}

#[test]
fn people_on_two_sites_are_two_rows_that_their_address_joins() {
    let three = Three::new();
    three.world.sync().exits(0);
    let twice = three
        .world
        .rows("SELECT a.key FROM users a JOIN users b ON b.key = a.key AND b.site_id > a.site_id ORDER BY 1");
    assert!(twice.len() > 20, "the accounts of both Cloud sites are the same");
    three.world.site.with_population(|site| {
        let key = site.users.values().find(|user| user.exists() && !user.serves()).unwrap().key.clone();
        site.traits_mut(&key).email_hidden = false;
        site.users.get_mut(&key).unwrap().email = "Shared.Person@Example.com".to_owned();
    });
    three.dc.change(|site| {
        let key = site.licensed()[4].key.clone();
        site.users.get_mut(&key).unwrap().email = "shared.person@example.com".to_owned();
    });
    three.world.sync().exits(0);
    let joined = "SELECT s.name FROM users u JOIN sites s ON s.id = u.site_id \
                  WHERE u.email_normalised = 'shared.person@example.com' ORDER BY s.name";
    assert_eq!(three.world.rows(joined), ["dc", "one"]);
    three.world.is_sound();
}
