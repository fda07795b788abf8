//! Who may ask: the name by which the server is called, and the token.
//!
//! A web page may let its reader's browser ask any address, this machine's included; but it cannot choose the `Host` that
//! the browser sends, which is the page's own. So a name that is not ours is refused.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::ops::line;
use super::pages;
use super::routes::Shared;
use super::session::{self, SIGN_IN};
use crate::config::{Http, Secret};

/// Answered to everybody: whether it lives and whether it is fresh is asked by machines that know no token, and tells
/// nothing of people; nor does the form where one signs in, and how pages look.
const OPEN: [&str; 4] = ["/healthz", "/readyz", SIGN_IN, pages::STYLE];

/// What is remembered from the start.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    listens: SocketAddr,
    /// Where others than this machine can ask, the token stays required, whatever a configuration read later says.
    token: Option<Secret>,
}

impl Guard {
    /// Of a server that listens there.
    pub fn new(listens: SocketAddr, http: &Http) -> Self {
        let token = http.token.clone().filter(|_| !listens.ip().is_loopback());
        Self { listens, token }
    }

    /// Whether the server is called by a name of its own.
    fn is_ours(&self, request: &Request, http: &Http) -> bool {
        let hosts = request.headers().get_all(header::HOST).iter();
        let hosts = hosts.map(|host| host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()));
        // A request may name the server in its first line too, and that is what counts then.
        let asked = request.uri().authority().cloned().map(Some);
        let mut named = false;
        for host in hosts.chain(asked) {
            named = true;
            if !host.is_some_and(|host| self.is_name(&host, http)) {
                return false;
            }
        }
        named
    }

    fn is_name(&self, host: &Authority, http: &Http) -> bool {
        let host = host.host().trim_end_matches('.').to_ascii_lowercase();
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&host);
        match address.parse::<IpAddr>() {
            Ok(address) => {
                let (address, listens) = (address.to_canonical(), self.listens.ip().to_canonical());
                // A page's name can be made to lead here, but no name is an address.
                address.is_loopback() || address == listens || listens.is_unspecified()
            }
            Err(_) => host == "localhost" || http.hosts.contains(&host),
        }
    }

    /// The token that is required.
    pub fn token<'a>(&'a self, http: &'a Http) -> Option<&'a Secret> {
        http.token.as_ref().or(self.token.as_ref())
    }
}

/// Lets a request pass, or answers it.
pub(super) async fn admit(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let config = shared.pulse.beat().config;
    let (guard, http) = (&shared.guard, &config.http);
    if !guard.is_ours(&request, http) {
        let why = "refused: this server is not known by that name; http.hosts has those that it answers to";
        return line(StatusCode::FORBIDDEN, why);
    }
    let open = OPEN.contains(&request.uri().path());
    if let Some(token) = guard.token(http).filter(|_| !open)
        && !presented(request.headers()).is_some_and(|presented| is_same(&presented, token.reveal().as_bytes()))
        && !session::is_signed_in(request.headers(), token, shared.clock.now())
    {
        return unknown(&request);
    }
    next.run(request).await.into_response()
}

/// Who asks without a token: a browser is shown the form, and is not made to ask with a window of its own.
fn unknown(request: &Request) -> Response {
    let ways = ["Bearer realm=\"rollbook\"", "Basic realm=\"rollbook\", charset=\"UTF-8\""];
    let (mut refused, ways) = match pages::are_wanted(request.headers()) {
        true => {
            // What was posted is not posted again.
            let is_asked = [Method::GET, Method::HEAD].contains(request.method());
            let next = request.uri().path_and_query().filter(|_| is_asked).map_or("/", |asked| asked.as_str());
            (pages::sign_in(StatusCode::UNAUTHORIZED, next, false), &ways[..1])
        }
        false => {
            let why = "refused: give the token of http.token_file, as Bearer or password";
            (line(StatusCode::UNAUTHORIZED, why), &ways[..])
        }
    };
    for way in ways {
        refused.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(way));
    }
    refused
}

/// The token that a request brings: as Bearer, or as the password of Basic, whatever the name.
fn presented(headers: &HeaderMap) -> Option<Vec<u8>> {
    // A token may hold letters that no header should; some clients send them all the same.
    let (scheme, value) = std::str::from_utf8(headers.get(header::AUTHORIZATION)?.as_bytes()).ok()?.split_once(' ')?;
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.as_bytes().to_vec());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let mut pair = decode(value)?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(pair.split_off(colon + 1))
}

/// Compared by their digests, in constant time: it tells nothing of how much of it is right, nor how long it is.
pub(super) fn is_same(presented: &[u8], token: &[u8]) -> bool {
    Sha256::digest(presented).ct_eq(&Sha256::digest(token)).into()
}

/// Base64, as browsers write it.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn http(hosts: &[&str], token: Option<&str>) -> Http {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Http { listen: None, token: token.map(|token| Secret::new(token.into())), hosts }
    }

    fn guard(listens: &str) -> Guard {
        Guard::new(listens.parse().unwrap(), &http(&[], None))
    }

    fn asked(hosts: &[&str], uri: &str) -> Request {
        let request = hosts.iter().fold(Request::builder().uri(uri), |request, host| request.header("Host", *host));
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn own_names_with_and_without_a_port() {
        let (guard, none) = (guard("127.0.0.1:8642"), http(&[], None));
        for host in
            ["localhost", "LocalHost:8642", "localhost.:1", "127.0.0.1", "127.0.0.1:9", "127.8.8.8", "[::1]:8642"]
        {
            assert!(guard.is_ours(&asked(&[host], "/"), &none), "{host}");
        }
        for host in [
            "rollbook.example.com",
            "localhost.example.com",
            "example.com:8642",
            "192.168.1.9",
            "127.0.0.1.example.com",
            "notlocalhost",
            "0x7f.1",
            "user@",
            "a b",
            "",
        ] {
            assert!(!guard.is_ours(&asked(&[host], "/"), &none), "{host}");
        }
        assert!(!guard.is_ours(&asked(&[], "/"), &none), "no Host");
        assert!(!guard.is_ours(&asked(&["localhost", "evil.example"], "/"), &none), "two of them");
        assert!(!guard.is_ours(&asked(&["localhost"], "http://evil.example/"), &none), "named in the first line");
        assert!(guard.is_ours(&asked(&["localhost"], "http://127.0.0.1/"), &none));
    }

    #[test]
    fn the_address_listened_on_and_configured_names() {
        let none = http(&[], None);
        assert!(guard("192.168.1.9:80").is_ours(&asked(&["192.168.1.9"], "/"), &none));
        assert!(!guard("192.168.1.9:80").is_ours(&asked(&["192.168.1.10"], "/"), &none));
        for any in ["0.0.0.0:80", "[::]:80"] {
            assert!(guard(any).is_ours(&asked(&["10.1.2.3:80"], "/"), &none), "an address is nobody's page");
            assert!(!guard(any).is_ours(&asked(&["wiki"], "/"), &none));
        }
        let named = http(&["rollbook.example.com"], None);
        assert!(guard("0.0.0.0:80").is_ours(&asked(&["Rollbook.Example.com:443"], "/"), &named));
    }

    #[test]
    fn the_token_as_bearer_or_password() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            presented(&headers)
        };
        let token = Some(b"s3cret:\xc3\xa4".to_vec());
        assert_eq!(with("Bearer s3cret"), Some(b"s3cret".to_vec()));
        assert_eq!(with("bearer  s3cret "), Some(b"s3cret".to_vec()));
        // prometheus:s3cret:ä, and :s3cret:ä
        assert_eq!(with("Basic cHJvbWV0aGV1czpzM2NyZXQ6w6Q="), token);
        assert_eq!(with("basic OnMzY3JldDrDpA=="), token);
        for odd in ["s3cret", "Digest s3cret", "Basic s3c ret", "Basic cHJvbWV0aGV1cw==", "Basic", ""] {
            assert_eq!(with(odd), None, "{odd}");
        }
        assert_eq!(presented(&HeaderMap::new()), None);
        assert!(is_same(b"s3cret", b"s3cret") && !is_same(b"s3cre", b"s3cret") && !is_same(b"", b"s3cret"));
    }

    #[test]
    fn where_others_can_ask_the_token_stays_required() {
        let (given, gone) = (http(&[], Some("first")), http(&[], None));
        let token = |guard: &Guard, http: &Http| guard.token(http).map(|token| token.reveal().to_owned());
        let open = Guard::new("0.0.0.0:80".parse().unwrap(), &given);
        assert_eq!(token(&open, &gone).as_deref(), Some("first"));
        assert_eq!(token(&open, &http(&[], Some("second"))).as_deref(), Some("second"));
        let local = Guard::new("127.0.0.1:80".parse().unwrap(), &given);
        assert_eq!(token(&local, &gone), None);
    }
}
