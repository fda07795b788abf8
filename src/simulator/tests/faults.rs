//! Misbehaviour as a client meets it.

use futures_util::StreamExt;
use serde_json::Value;

use super::visitor::Visitor;
use crate::simulator::*;

const USERS: &str = "user/getUsersWithConfluenceAccess?maxResults=10";

fn header<'a>(reply: &'a reqwest::Response, name: &str) -> &'a str {
    reply.headers().get(name).map_or("", |value| value.to_str().expect("ASCII"))
}

#[tokio::test]
async fn faults_strike_where_they_should() {
    let visitor = Visitor::small().await;
    visitor.site.add_fault("status=503;Retry-After=5@users:2".parse().expect("a fault"));
    assert_eq!(visitor.ask(USERS).await.status(), 200);
    let struck = visitor.ask(USERS).await;
    assert_eq!((struck.status().as_u16(), header(&struck, "retry-after")), (503, "5"));
    assert_eq!(visitor.ask(USERS).await.status(), 200);
    visitor.site.clear_faults();

    visitor.site.add_fault(Fault::always(Target::at(Endpoint::UserList).page(1), FaultKind::status(500)));
    assert_eq!(visitor.ask(USERS).await.status(), 200);
    assert_eq!(visitor.ask(&format!("{USERS}&startAt=10")).await.status(), 500);
    assert_eq!(visitor.ask(&format!("{USERS}&startAt=20")).await.status(), 200);
    visitor.site.clear_faults();

    visitor.strike(FaultKind::between(|site| drop(site.add("000-newcomer"))));
    assert_eq!(visitor.json(USERS).await["users"][0]["name"], "000-newcomer");
}

#[tokio::test]
async fn another_answer_instead() {
    let visitor = Visitor::small().await;
    visitor.strike(FaultKind::HtmlLogin);
    assert!(visitor.ask(USERS).await.text().await.expect("a body").contains("loginform"));
    visitor.strike(FaultKind::InvalidJson);
    assert!(serde_json::from_str::<Value>(&visitor.ask(USERS).await.text().await.expect("a body")).is_err());

    visitor.strike(FaultKind::Unauthorized("AUTHENTICATION_DENIED".to_owned()));
    let refused = visitor.ask(USERS).await;
    assert_eq!((refused.status().as_u16(), header(&refused, "x-seraph-loginreason")), (401, "AUTHENTICATION_DENIED"));

    visitor.strike(FaultKind::Redirect("http://127.0.0.1:9/elsewhere".to_owned()));
    let moved = visitor.ask(USERS).await;
    assert_eq!((moved.status().as_u16(), header(&moved, "location")), (302, "http://127.0.0.1:9/elsewhere"));
    visitor.strike(FaultKind::LoginRedirect);
    let moved = visitor.ask(USERS).await;
    assert_eq!(moved.status(), 302);
    let page = header(&moved, "location").strip_prefix("/confluence").expect("an address below the base").to_owned();
    let page = visitor.get(&page).await;
    assert_eq!(page.status(), 200);
    assert!(page.text().await.expect("a body").contains("loginform"));

    visitor.strike(FaultKind::Anonymous);
    let anonymous = visitor.ask(USERS).await;
    assert_eq!((anonymous.status().as_u16(), header(&anonymous, "x-ausername")), (200, "anonymous"));
    assert_eq!(header(&anonymous, "x-seraph-loginreason"), "");
    assert!(anonymous.text().await.expect("a body").contains(r#""users":[]"#));
    visitor.strike(FaultKind::Anonymous);
    assert_eq!(visitor.ask("user/getUserDetails/audit").await.status(), 404);
}

#[tokio::test]
async fn pages_other_than_asked() {
    let visitor = Visitor::small().await;
    let rows = |page: &Value| page["users"].as_array().map(Vec::len);
    visitor.strike(FaultKind::EmptyList);
    assert_eq!(visitor.json(USERS).await["total"], 0);
    visitor.strike(FaultKind::CapPages(3));
    assert_eq!(rows(&visitor.json(USERS).await), Some(3));
    visitor.strike(FaultKind::IgnoreMaxResults);
    assert!(rows(&visitor.json(USERS).await) > Some(10));
    let first = visitor.json(USERS).await;
    visitor.strike(FaultKind::IgnoreStartAt);
    assert_eq!(visitor.json(&format!("{USERS}&startAt=10")).await, first);
    visitor.strike(FaultKind::OldPlugin);
    let old = visitor.json("group/getUsers/confluence-users").await;
    assert!(old["users"][0].as_object().is_some_and(|user| user.len() == 1 && !user.contains_key("name")));

    visitor.site.add_fault(Fault::once(Target::at(Endpoint::UserList).from(3), FaultKind::RepeatPage));
    let mut starts = Vec::new();
    for start in [0, 10, 20, 30] {
        visitor.json("group/getUsers/confluence-users").await;
        starts.push(visitor.json(&format!("{USERS}&startAt={start}")).await["startAt"].clone());
    }
    assert_eq!(starts, [0, 10, 10, 30]);
}

#[tokio::test]
async fn bodies_that_are_json_and_wrong() {
    let visitor = Visitor::small().await;
    let total = visitor.json(USERS).await["total"].as_u64().expect("a number");
    visitor.site.add_fault(Fault::always(Target::at(Endpoint::UserList), FaultKind::Total(Total::Moves)));
    assert_eq!(visitor.json(USERS).await["total"], total + 1);
    assert_eq!(visitor.json(USERS).await["total"], total + 2);
    visitor.site.clear_faults();

    visitor.strike(FaultKind::OddStatus);
    let odd = visitor.json(USERS).await;
    assert_eq!((&odd["status"], odd["users"].as_array().map(Vec::len)), (&Value::from("error"), Some(0)));
    assert_eq!(odd["total"], total);

    visitor.strike(FaultKind::rewrite(|body| body.replace(r#""status":"success""#, r#""status":"odd""#)));
    assert_eq!(visitor.json(USERS).await["status"], "odd");

    visitor.strike(FaultKind::Row(RowBend::Huge));
    assert!(visitor.ask(USERS).await.bytes().await.expect("a body").len() > 1 << 20);
    visitor.strike(FaultKind::Row(RowBend::WrongType("name".to_owned())));
    assert_eq!(visitor.json("user/getUserDetails/audit").await["name"], 7);
    visitor.strike(FaultKind::Row(RowBend::Missing("key".to_owned())));
    assert!(visitor.json("user/getUserDetails/audit").await.get("key").is_none());
    visitor.strike(FaultKind::Row(RowBend::Nul));
    assert!(visitor.ask("group/getGroups").await.text().await.expect("a body").contains(r"\u0000"));
    // Nothing of it stays.
    let users = visitor.walk(USERS.split('?').next().expect("a path"), "users").await;
    assert_eq!(users.len() as u64, total);
}

#[tokio::test]
async fn a_connection_is_reset_before_the_answer() {
    let visitor = Visitor::small().await;
    for _ in 0..3 {
        visitor.strike(FaultKind::Reset);
        let url = format!("{}/rest/extender/1.0/group/getGroups", visitor.site.base_url());
        let error = visitor.client.get(url).basic_auth("audit", Some("audit")).send().await.expect_err("no answer");
        let mut causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        let reset = causes.any(|cause| {
            let cause = cause.downcast_ref::<std::io::Error>();
            cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::ConnectionReset)
        });
        assert!(reset, "{error:?}");
        assert_eq!(visitor.ask("group/getGroups").await.status(), 200);
    }
    // The static site only closes it, but says nothing either.
    let visitor = Visitor::at_static(Settings { users: 100, groups: 10, ..Settings::default() }).await;
    visitor.strike(FaultKind::Reset);
    assert!(visitor.client.get(visitor.site.base_url()).basic_auth("audit", Some("audit")).send().await.is_err());
}

#[tokio::test]
async fn bodies_are_cut_in_three_ways() {
    let visitor = Visitor::small().await;
    let whole = visitor.ask(USERS).await.bytes().await.expect("a body").len();
    for (cut, length) in [(FaultKind::Truncate, Some(whole as u64)), (FaultKind::TruncateChunked, None)] {
        visitor.strike(cut);
        let reply = visitor.ask(USERS).await;
        assert_eq!((reply.status().as_u16(), reply.content_length()), (200, length));
        assert_eq!(header(&reply, "transfer-encoding"), if length.is_none() { "chunked" } else { "" });
        assert!(reply.bytes().await.is_err());
    }
    visitor.strike(FaultKind::TruncateClose);
    let reply = visitor.ask(USERS).await;
    assert_eq!((reply.status().as_u16(), reply.content_length()), (200, None));
    let half = reply.bytes().await.expect("what reads as complete");
    assert_eq!(half.len(), whole / 2);
    assert!(serde_json::from_slice::<Value>(&half).is_err());
    assert_eq!(visitor.ask(USERS).await.status(), 200);
}

#[tokio::test]
async fn a_body_trickles() {
    let visitor = Visitor::small().await;
    let path = "user/getUserDetails/audit";
    let whole = visitor.ask(path).await.bytes().await.expect("a body");
    visitor.strike(FaultKind::Trickle { millis: 0, forever: false });
    let mut parts = visitor.ask(path).await.bytes_stream();
    let mut came = Vec::new();
    while let Some(part) = parts.next().await {
        came.extend_from_slice(&part.expect("a part"));
    }
    assert_eq!(came, whole);

    visitor.strike(FaultKind::Trickle { millis: 0, forever: true });
    let mut parts = visitor.ask(path).await.bytes_stream();
    let mut came = 0;
    while came < whole.len() + 20 {
        came += parts.next().await.expect("another part").expect("a part").len();
    }
    // The server can still be stopped.
    visitor.site.shutdown().await;
}

#[tokio::test]
async fn a_body_never_ends() {
    let visitor = Visitor::small().await;
    for (with, path) in [(Endless::Rows, USERS), (Endless::Blanks, USERS), (Endless::Rows, "group/getGroups")] {
        visitor.strike(FaultKind::Endless(with));
        let mut parts = visitor.ask(path).await.bytes_stream();
        let mut came = Vec::new();
        while came.len() < 4 << 20 {
            came.extend_from_slice(&parts.next().await.expect("another part").expect("a part"));
        }
        drop(parts);
        let rows = came.windows(8).filter(|part| part == br#"{"name":"#).count();
        assert_eq!(rows > 1000, with == Endless::Rows && path == USERS);
        // It is what a right page could begin with.
        let text = String::from_utf8_lossy(&came);
        let cut = if with == Endless::Rows { text.rfind(',').expect("a comma") } else { text.len() };
        assert!(serde_json::from_str::<Value>(&format!("{}]}}", &text[..cut])).is_ok());
    }
}

#[tokio::test]
async fn a_small_body_becomes_a_large_one() {
    let visitor = Visitor::small().await;
    visitor.strike(FaultKind::GzipBomb(2));
    let decoded = visitor.json(USERS).await;
    assert_eq!(decoded, serde_json::json!({ "total": 0, "users": [] }));

    visitor.strike(FaultKind::GzipBomb(256));
    let mut parts = visitor.ask(USERS).await.bytes_stream();
    let mut came = 0;
    while came < 8 << 20 {
        came += parts.next().await.expect("another part").expect("a part").len();
    }

    visitor.strike(FaultKind::GzipBomb(256));
    let client = reqwest::Client::builder().no_gzip().build().expect("a client");
    let url = format!("{}/rest/extender/1.0/{USERS}", visitor.site.base_url());
    let reply = client.get(url).basic_auth("audit", Some("audit")).send().await.expect("an answer");
    assert_eq!(header(&reply, "content-encoding"), "gzip");
    assert!(reply.bytes().await.expect("a body").len() < 1 << 20);
}

#[tokio::test]
async fn no_answer_until_the_client_gives_up() {
    let visitor = Visitor::small().await;
    let url = format!("{}/rest/extender/1.0/group/getGroups", visitor.site.base_url());
    let ask = || tokio::spawn(visitor.client.get(&url).basic_auth("audit", Some("audit")).send());
    let asked = async |times| {
        while visitor.site.requests().group_list < times {
            tokio::task::yield_now().await;
        }
    };
    visitor.site.add_fault("hang@groups:1".parse().expect("a fault"));
    let waiting = ask();
    asked(1).await;
    assert_eq!(visitor.ask("group/getGroups").await.status(), 200);
    assert!(!waiting.is_finished());
    waiting.abort();

    // Nor does it keep the server from stopping.
    visitor.strike(FaultKind::Hang);
    let waiting = ask();
    asked(3).await;
    visitor.site.shutdown().await;
    assert!(waiting.await.expect("no panic").is_err());
}
