//! What cannot be asked so.

use rollbook::simulator::{CloudSettings, Settings};

use super::user_export::SEARCH;
use super::{both_apps, mirror, sent, walked};
use crate::support::World;
use crate::web::{Served, listening};

const USERS: &str = "/rest/extender/1.0/user/getUsers";

#[track_caller]
fn refused(service: &Served, path: &str, body: Option<&str>, status: u16) -> String {
    let told = mirror(service, path, body).is(status);
    assert_eq!(told.header("content-type"), Some("application/json"), "{path}");
    told.json()["message"].as_str().unwrap().to_owned()
}

#[test]
fn bad_questions_are_told_what_is_wrong_in_json() {
    let world = both_apps();
    let service = walked(&world);
    for query in [
        "startAt=-1",
        "startAt=x",
        "startAt=1.5",
        "startAt=9223372036854775808",
        "maxResults=0",
        "maxResults=-1",
        "maxResults=99999999999999999999",
        "startAt=1&startAt=2",
        "showExtendedDetails=perhaps",
        "dateFormat=GGGG",
        "dateFormat=yyyy'x",
    ] {
        refused(&service, &format!("{USERS}?{query}"), None, 400);
    }
    assert!(refused(&service, &format!("{USERS}?dateFormat=yyyy-ww"), None, 400).contains("letter w"));
    // What upstream does not know either does not matter.
    mirror(&service, &format!("{USERS}?os_authType=basic&startAt="), None).is(200);
    let large = mirror(&service, &format!("{USERS}?maxResults=99999"), None).is(200).json();
    assert_eq!(large["maxResults"], 10_000);
    for body in ["", "x", "[]", r#"{"offset":-1}"#, r#"{"pageSize":"9"}"#, r#"{"activeUsers":1}"#] {
        refused(&service, SEARCH, Some(body), 400);
    }
    let head = format!("POST {SEARCH} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", service.address);
    let form = format!("{head}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n\r\n{{}}");
    sent(&service.address, form.as_bytes()).is(415);
    sent(&service.address, format!("{head}Content-Length: 2\r\n\r\n{{}}").as_bytes()).is(415);
    let charset = format!("{head}Content-Type: application/json; charset=UTF-8\r\nContent-Length: 2\r\n\r\n{{}}");
    sent(&service.address, charset.as_bytes()).is(200);
    let long = format!("{{\"searchString\":\"{}\"}}", "x".repeat(1 << 20));
    refused(&service, SEARCH, Some(&long), 413);
    // Another method, and an address where there is nothing.
    refused(&service, SEARCH, None, 405);
    assert_eq!(mirror(&service, USERS, Some("{}")).is(405).header("allow"), Some("get,head"));
    for path in ["/rest/extender/1.0/user/add", "/rest/extender/1.0/x/y", "/sites/corp/rest/confluenceuserexport/1.0/x"]
    {
        refused(&service, path, None, 404);
    }
    let head = service.ask("HEAD", USERS, "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    service.stop().exits(0);
}

#[test]
fn names_that_lead_nowhere() {
    let world = both_apps();
    let service = walked(&world);
    for (path, status) in [
        ("/rest/extender/1.0/group/getUsers/nobody", 404),
        ("/rest/extender/1.0/group/getUsers/..", 400),
        ("/rest/extender/1.0/group/getUsers/%2e%2e", 400),
        // A group of that name is there, but nobody can be asked for its members.
        ("/rest/extender/1.0/group/getUsers/ops%2Fon-call", 400),
        ("/rest/extender/1.0/group/getUsers/ops/on-call", 404),
        ("/rest/extender/1.0/group/getUsers/100%", 400),
        ("/rest/extender/1.0/group/getUsers/%ff", 400),
        ("/rest/extender/1.0/user/getUserDetails/..", 404),
        ("/rest/extender/1.0/user/getUserDetails/%2e%2e%2fadmin", 404),
        ("/rest/extender/1.0/user/getUserDetails/admin%00", 404),
        ("/rest/extender/1.0/user/getUserDetails/' OR 1=1", 400),
        ("/rest/extender/1.0/user/getUserDetails/%27%20OR%201=1", 404),
    ] {
        let told = mirror(&service, path, None);
        assert_eq!(told.status, status, "{path}");
        if !path.contains(' ') {
            assert!(told.json()["message"].is_string(), "{path}");
        }
    }
    service.stop().exits(0);
}

#[test]
fn which_site_is_meant() {
    let world = listening(World::small(), "");
    let lab = world.beside(Settings { users: 20, seed: 3, ..Settings::default() });
    let cloud = World::small_cloud(CloudSettings::default());
    let http = "[http]\nlisten = \"127.0.0.1:0\"\n";
    let corp = world.site_table("corp");
    let other = cloud.site_table("net");
    // One of each kind needs no name.
    world.configure(&format!("{corp}\n{other}\n{http}"));
    world.sync().exits(0);
    let service = walked(&world);
    let bulk = "/wiki/api/v2/users-bulk";
    let ids = r#"{"accountIds":["x"]}"#;
    mirror(&service, USERS, None).is(200);
    mirror(&service, bulk, Some(ids)).is(200);
    assert!(refused(&service, &format!("/sites/net{USERS}"), None, 404).contains("'net' is no Data Center site"));
    assert!(refused(&service, &format!("/sites/corp{bulk}"), Some(ids), 404).contains("/sites/net/"));
    assert!(refused(&service, &format!("/sites/x{USERS}"), None, 404).contains("/sites/corp/"));
    service.stop().exits(0);
    // Two of one kind do.
    world.configure(&format!("{corp}\n{}\n{http}", world.table_of("lab", &lab)));
    world.sync().exits(0);
    let service = walked(&world);
    let why = refused(&service, USERS, None, 404);
    assert!(why.contains("/sites/corp/") && why.contains("/sites/lab/"), "{why}");
    let total = |site: &str| mirror(&service, &format!("/sites/{site}{USERS}"), None).is(200).json()["total"].clone();
    let active = |site: &str| {
        world.one(&format!(
            "SELECT count(*) FROM users u JOIN sites s ON s.id = u.site_id WHERE s.name = '{site}' AND u.status = 'active'"
        ))
    };
    for site in ["corp", "lab"] {
        assert_eq!(total(site).to_string(), active(site));
    }
    // The Cloud site is configured no more, and mirrored still.
    mirror(&service, bulk, Some(ids)).is(200);
    service.stop().exits(0);
}

#[test]
fn the_token_is_asked_for() {
    let world = listening(World::small(), "token = \"s3cret\"");
    let service = Served::start(&world);
    service.until_status("/readyz", 200);
    for path in [USERS, "/sites/corp/rest/extender/1.0/group/getGroups"] {
        assert_eq!(service.get(path).status, 401);
        assert_eq!(service.ask("GET", path, "Authorization: Bearer s3cret\r\n").status, 200);
        // YXVkaXQ6czNjcmV0 is audit:s3cret
        assert_eq!(service.ask("GET", path, "Authorization: Basic YXVkaXQ6czNjcmV0\r\n").status, 200);
    }
    service.stop().exits(0);
}
