//! Signing in with a browser: the token once, in a form, and from then on a cookie, which says until when it is good and is
//! signed with the token. Nothing is remembered here, and whoever changes the token signs everybody out.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::time::Duration;
use url::form_urlencoded;

use super::asked;
use super::guard::is_same;
use super::pages;
use super::refusal::Refusal;
use super::routes::Shared;
use crate::config::Secret;
use crate::model::Timestamp;

/// Where one signs in, and out.
pub(super) const SIGN_IN: &str = "/sign-in";
pub(super) const SIGN_OUT: &str = "/sign-out";

const COOKIE: &str = "rollbook-session";

/// How long one stays signed in.
const GOOD_FOR: Duration = Duration::from_secs(12 * 3600);

/// How long a wrong token is thought about.
const WRONG: Duration = Duration::from_millis(500);

/// The longest form.
const FORM: usize = 16 << 10;

/// The value of a cookie that is good until then.
fn sealed(token: &Secret, until: i64) -> String {
    format!(
        "{until}.{}",
        seal(token, until).finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    )
}

fn seal(token: &Secret, until: i64) -> Hmac<Sha256> {
    let mut seal = Hmac::<Sha256>::new_from_slice(token.reveal().as_bytes()).expect("a key may have any length");
    seal.update(format!("rollbook session until {until}").as_bytes());
    seal
}

/// Whether a request comes from a browser that has signed in.
pub(super) fn is_signed_in(headers: &HeaderMap, token: &Secret, now: Timestamp) -> bool {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let values = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let good = |value: &str| {
        let (until, seal) = value.split_once('.')?;
        let until: i64 = until.parse().ok()?;
        let seal = hex(seal)?;
        (now.millis() < until && self::seal(token, until).verify_slice(&seal).is_ok()).then_some(())
    };
    values.filter(|(name, _)| *name == COOKIE).any(|(_, value)| good(value).is_some())
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    text.as_bytes().chunks(2).map(digits).collect()
}

/// The header that sets the cookie. `Secure` where a proxy says that the browser came by https.
fn cookie(headers: &HeaderMap, value: &str, seconds: u64) -> HeaderValue {
    let https = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let secure = if https { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&cookie).expect("digits, letters and signs")
}

/// An address of this server to go on to: what a stranger's link says may be any.
fn onward(next: &str) -> &str {
    let is_own = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t']);
    if is_own && HeaderValue::from_str(next).is_ok() { next } else { "/" }
}

/// The form, for whoever came here by himself.
pub(super) async fn form(State(shared): State<Shared>) -> Response {
    match shared.token() {
        None => Redirect::to("/").into_response(),
        Some(_) => pages::sign_in(StatusCode::OK, "/", false),
    }
}

/// Takes the form.
pub(super) async fn sign_in(State(shared): State<Shared>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let body = asked::whole(body, FORM).await?;
    let field = |name: &str| form_urlencoded::parse(&body).find(|(known, _)| known == name).map(|(_, value)| value);
    let next = field("next").unwrap_or_default();
    let next = onward(&next);
    let Some(token) = shared.token() else { return Ok(Redirect::to(next).into_response()) };
    let given = field("token").unwrap_or_default();
    if !is_same(given.trim().as_bytes(), token.reveal().as_bytes()) {
        // One after the other: whoever tries many waits for each.
        let _turn = shared.wrong.lock().await;
        tokio::time::sleep(WRONG).await;
        tracing::warn!("somebody tried to sign in with a wrong token");
        return Ok(pages::sign_in(StatusCode::UNAUTHORIZED, next, true));
    }
    let until = shared.clock.now().plus_millis(GOOD_FOR.as_millis() as i64).millis();
    let mut response = Redirect::to(next).into_response();
    let cookie = cookie(&parts.headers, &sealed(&token, until), GOOD_FOR.as_secs());
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// Ends it in this browser.
pub(super) async fn sign_out(request: Request) -> Response {
    let mut response = Redirect::to(SIGN_IN).into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie(request.headers(), "", 0));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse_sql("2026-03-01 00:00:00.000").unwrap()
    }

    fn with(cookies: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(cookies).unwrap())])
    }

    #[test]
    fn a_cookie_is_good_until_its_time_and_for_its_token() {
        let token = Secret::new("s3cret".into());
        let value = sealed(&token, now().millis() + 1000);
        let is_good = |cookies: &str, token: &Secret| is_signed_in(&with(cookies), token, now());
        assert!(is_good(&format!("{COOKIE}={value}"), &token));
        assert!(is_good(&format!("theme=dark; {COOKIE}={value}; x"), &token));
        assert!(!is_good(&format!("{COOKIE}={value}"), &Secret::new("another".into())));
        assert!(
            !is_signed_in(&with(&format!("{COOKIE}={value}")), &token, now().plus_millis(1000)),
            "its time is over"
        );
        // Good for longer, says who has only the seal of this time.
        let (_, seal) = value.split_once('.').unwrap();
        for odd in [&format!("{}.{seal}", now().millis() + 9000), "", ".", "1.zz", &value[..value.len() - 2]] {
            assert!(!is_good(&format!("{COOKIE}={odd}"), &token), "{odd}");
        }
        assert!(!is_signed_in(&HeaderMap::new(), &token, now()));
        assert!(!value.contains("s3cret"));
    }

    #[test]
    fn one_goes_on_to_this_server_alone() {
        for own in ["/", "/reports/inactive?days=9&site=a", "/users/7"] {
            assert_eq!(onward(own), own);
        }
        for other in ["", "//evil.example", "https://evil.example", "/\\evil.example", "/x\r\nSet-Cookie: a=b", "x"] {
            assert_eq!(onward(other), "/", "{other}");
        }
    }

    #[test]
    fn a_cookie_goes_to_no_other_site_and_to_no_script() {
        let plain = cookie(&HeaderMap::new(), "v", 60);
        assert_eq!(plain, "rollbook-session=v; Path=/; Max-Age=60; HttpOnly; SameSite=Strict");
        let behind = HeaderMap::from_iter([("x-forwarded-proto".parse().unwrap(), HeaderValue::from_static("https"))]);
        assert!(cookie(&behind, "v", 60).to_str().unwrap().ends_with("; Secure"));
    }
}
