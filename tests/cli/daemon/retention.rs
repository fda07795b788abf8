//! What the daemon takes out of the mirror on its own: history beyond `[retention]`, and closed accounts.

use rollbook::simulator::{CloudSettings, Settings, account_id};

use super::{NEVER, scheduled, until_rows};
use crate::support::{Service, World};

#[test]
fn history_beyond_the_retention_goes() {
    let further = "[retention]\nhistory = \"1d\"\n[housekeeping]\nschedule = \"* * * * * *\"\n";
    let world = scheduled(World::small(), NEVER, further);
    world.sync().exits(0);
    world.change(|site| {
        let key = site.licensed()[3].key.clone();
        site.users.get_mut(&key).unwrap().position = "Another".into();
    });
    world.sync().exits(0);
    // The first walk was two years ago, and the second one year.
    let mut database = world.writable();
    for sql in [
        "UPDATE walks SET started_at = datetime(started_at, '-2 years') || '.000', at = datetime(at, '-2 years') || '.000', \
         finished_at = datetime(finished_at, '-2 years') || '.000' WHERE id = 1",
        "UPDATE account_versions SET valid_from = '2024-01-01 00:00:00.000', valid_to = '2025-01-01 00:00:00.000'",
    ] {
        database.rows(sql);
    }
    drop(database);
    assert_eq!(world.one("SELECT count(*) FROM account_versions"), "1");
    let service = Service::start(&world);
    until_rows(&world, "pruned WHERE finished", 1);
    service.stop();
    assert_eq!(world.one("SELECT count(*) FROM account_versions"), "0");
    assert_eq!(world.one("SELECT count(*) FROM walks"), "2", "the walks stay");
}

#[test]
fn closed_accounts_are_forgotten_after_their_grace() {
    let world =
        World::with(Settings { users: 60, seed: 7, cloud: Some(CloudSettings::default()), ..Settings::cloud() });
    let closed = world.change(|site| site.licensed()[5].key.clone());
    let id = account_id(&closed);
    let further = "[retention]\nclosed_accounts = \"0s\"\n[housekeeping]\nschedule = \"* * * * * *\"\n";
    let world = scheduled(world.unguarded(), NEVER, further);
    world.sync().exits(0);
    world.change(|site| {
        site.delete(&closed);
        site.look();
    });
    world.sync().exits(0);
    assert_eq!(world.rows(&format!("SELECT account_status FROM users WHERE key = '{id}'")), ["closed"]);
    let service = Service::start(&world);
    until_rows(&world, "forgotten WHERE why = 'closed' AND proven", 1);
    service.stop();
    let bytes = std::fs::read(world.file()).unwrap();
    assert!(!bytes.windows(id.len()).any(|window| window == id.as_bytes()));
    assert_eq!(world.rows(&format!("SELECT id FROM users WHERE key = '{id}'")), [""; 0]);
    world.run(&["db", "verify"]).exits(0);
}
