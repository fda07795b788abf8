//! With a browser: the form instead of a refusal, the cookie, and what a browser may do with an answer.

use super::served::configure;
use super::{Served, listening};
use crate::support::World;

const BROWSER: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";

/// The cookie that an answer sets, as it is sent back.
fn cookie(head: &str) -> Option<&str> {
    head.lines().find_map(|line| line.strip_prefix("set-cookie: "))?.split(';').next()
}

fn form(service: &Served, body: &str) -> super::served::Answer {
    let length = body.len();
    let head = format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n");
    service
        .send(&format!("POST /sign-in HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{head}\r\n{body}", service.address))
}

#[test]
fn a_browser_signs_in_once() {
    let world = listening(World::small(), "token = \"s3cret+ä\"");
    let service = Served::start(&world);
    let asked = service.ask("GET", "/reports/inactive?days=9&site=corp", BROWSER);
    assert_eq!(asked.status, 401, "{asked:?}");
    assert!(asked.body.contains("action=\"/sign-in\"") && asked.body.contains("Access token"), "{asked:?}");
    assert!(asked.body.contains("name=\"next\" value=\"/reports/inactive?days=9&#38;site=corp\""), "{asked:?}");
    assert!(!asked.head.contains("basic"), "a browser would open a window of its own: {asked:?}");
    assert!(service.get("/").head.contains("www-authenticate: basic"), "a script is told");
    let wrong = form(&service, "next=%2Freports&token=s3cre");
    assert_eq!((wrong.status, cookie(&wrong.head)), (401, None), "{wrong:?}");
    assert!(wrong.body.contains("That is not the token.") && wrong.body.contains("value=\"/reports\""), "{wrong:?}");
    let right = form(&service, "next=%2Freports%3Fx%3D1&token=s3cret%2B%C3%A4");
    assert_eq!(right.status, 303, "{right:?}");
    assert!(right.head.contains("location: /reports?x=1"), "{right:?}");
    assert!(right.head.contains("; httponly; samesite=strict") && !right.head.contains("s3cret"), "{right:?}");
    let signed = format!("{BROWSER}Cookie: {}\r\n", cookie(&right.head).unwrap());
    assert_eq!(service.ask("GET", "/metrics", &signed).status, 200);
    let page = service.ask("GET", "/", &signed);
    assert!(page.status == 200 && page.body.contains("Sign out"), "{page:?}");
    // Out again: the browser is told to drop it.
    let out = service.ask("POST", "/sign-out", &format!("{signed}Content-Length: 0\r\n"));
    assert!(out.status == 303 && out.head.contains("rollbook-session=; path=/; max-age=0"), "{out:?}");
    // Another token signs everybody out.
    configure(&world, "token = \"another\"", "");
    service.reload();
    assert_eq!(service.ask("GET", "/", &signed).status, 401);
    let said = service.stop().exits(0).stderr;
    assert!(!said.contains("s3cre") && said.contains("somebody tried to sign in with a wrong token"), "{said}");
}

#[test]
fn nobody_is_led_elsewhere_and_no_form_is_endless() {
    let world = listening(World::small(), "token = \"s3cret\"");
    let service = Served::start(&world);
    for next in ["https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "%2F%5Cevil.example", "%2Fx%0D%0AX%3A+y", ""] {
        let answer = form(&service, &format!("token=s3cret&next={next}"));
        assert!(answer.head.contains("location: /\r\n"), "{next}: {answer:?}");
    }
    let answer = form(&service, &format!("token={}", "x".repeat(20 << 10)));
    assert_eq!(answer.status, 413, "{answer:?}");
    for cookie in ["rollbook-session=1.2", "rollbook-session=", "rollbook-session=99999999999999.00", "x=y"] {
        assert_eq!(service.ask("GET", "/", &format!("Cookie: {cookie}\r\n")).status, 401, "{cookie}");
    }
}

#[test]
fn without_a_token_nobody_signs_in() {
    let world = listening(World::small(), "");
    let service = Served::start(&world);
    let answer = service.ask("GET", "/sign-in", BROWSER);
    assert!(answer.status == 303 && answer.head.contains("location: /\r\n"), "{answer:?}");
    let page = service.ask("GET", "/", BROWSER);
    assert!(page.status == 200 && !page.body.contains("Sign out"), "{page:?}");
}

#[test]
fn what_a_browser_may_do_with_an_answer() {
    let world = listening(World::small(), "");
    let service = Served::start(&world);
    for path in ["/", "/nothing", "/style.css", "/healthz"] {
        let answer = service.ask("GET", path, BROWSER);
        for header in [
            "content-security-policy: default-src 'none'; style-src 'self';",
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
            "referrer-policy: same-origin",
        ] {
            assert!(answer.head.contains(header), "{path} lacks {header}: {answer:?}");
        }
        assert!(!answer.head.contains("access-control"), "{answer:?}");
        assert!(!answer.body.contains("<script") && !answer.body.contains(" onclick"), "{path}");
    }
    let answer = service.ask("OPTIONS", "/", "Origin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\n");
    assert!(!answer.head.contains("access-control"), "{answer:?}");
    let absent = service.ask("GET", "/nothing", BROWSER);
    assert!(absent.status == 404 && absent.body.contains("there is nothing at this address"), "{absent:?}");
}
