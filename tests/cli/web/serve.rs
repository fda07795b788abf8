//! `rollbook serve`: the web server without a daemon.

use super::served::until;
use super::{Served, listening};
use crate::support::World;

#[test]
fn it_answers_from_the_mirror_and_walks_nothing() {
    let world = listening(World::small(), "");
    world.sync().exits(0);
    let service = Served::of(&world, &["serve"]);
    assert_eq!(service.get("/healthz").body, "ok\n");
    assert_eq!(service.get("/readyz").status, 200);
    assert!(service.get("/metrics").body.contains("rollbook_site_fresh{site=\"corp\"} 1"));
    assert_eq!(service.get("/").status, 200);
    // Beside it a walk, and what it brought.
    world.site.advance_day();
    world.sync().exits(0);
    until(|| match service.get("/metrics").body.contains("rollbook_walks_total{site=\"corp\",status=\"applied\"} 2") {
        true => Ok(()),
        false => Err("the second walk is not seen"),
    });
    assert_eq!(world.one("SELECT count(*) FROM walks"), "2");
    assert_eq!(world.one("SELECT count(*) FROM jobs"), "0");
    service.stop().exits(0);
}

#[test]
fn its_address_may_be_named() {
    let world = listening(World::small(), "");
    world.sync().exits(0);
    world.configure(&format!("{}\n[http]\nlisten = \"\"\n", world.site_table("corp")));
    world.run(&["serve"]).exits(78).says(&["http.listen", "--listen"]);
    world.run(&["serve", "--listen", "0.0.0.0:0"]).exits(78).says(&["token_file", "loopback"]);
    let service = Served::of(&world, &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(service.get("/healthz").status, 200);
    service.stop().exits(0);
}

#[test]
fn it_needs_a_database_and_no_credentials() {
    let world = listening(World::small(), "token_file = \"own\"");
    world.run(&["serve"]).exits(78).says(&["http.token_file"]);
    std::fs::write(world.path("own"), "s3cret\n").unwrap();
    world.run(&["serve"]).exits(1).says(&["does not exist yet", "rollbook sync"]);
    world.sync().exits(0);
    // The password of the site is nobody's business who only shows.
    let table = world.site_table("corp").replace("password = \"", "password_file = \"not-there-");
    world.configure(&format!("{table}\n[http]\nlisten = \"127.0.0.1:0\"\ntoken_file = \"own\"\n"));
    let service = Served::of(&world, &["serve"]);
    assert_eq!(service.get("/").status, 401);
    assert_eq!(service.ask("GET", "/", "Authorization: Bearer s3cret\r\n").status, 200);
    std::fs::write(world.path("own"), "an0ther\n").unwrap();
    service.reload();
    assert_eq!(service.ask("GET", "/", "Authorization: Bearer s3cret\r\n").status, 401);
    assert_eq!(service.ask("GET", "/", "Authorization: Bearer an0ther\r\n").status, 200);
    service.stop().exits(0);
}
