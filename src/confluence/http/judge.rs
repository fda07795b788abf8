//! Whether an answer can be believed, by its head.

use std::sync::atomic::{AtomicBool, Ordering};

use percent_encoding::percent_decode_str;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use url::Url;

use super::Upstream;
use super::retry::{Failed, Stage, retry_after};
use crate::clock::Clock;
use crate::confluence::error::{BLOCK_AFTER, CAPTCHA, Trouble};
use crate::model::Timestamp;

/// Reasons that speak of the credentials, not of what they may do.
const CREDENTIALS: [&str; 4] = [CAPTCHA, "AUTHENTICATED_FAILED", "AUTHENTICATION_FAILED", "TOKEN_EXPIRED"];
const OTHERS: [&str; 2] = ["AUTHORISATION_FAILED", "OUT"];

/// Judges the answers of one site.
pub(super) struct Judge {
    upstream: Upstream,
    base: Url,
    clock: Clock,
    /// An answer named the account: the credentials are good.
    known_to_site: AtomicBool,
}

impl Judge {
    pub(super) fn new(upstream: Upstream, base: Url, clock: Clock) -> Self {
        Self { upstream, base, clock, known_to_site: AtomicBool::new(false) }
    }

    /// Our time.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Refuses an answer that is not the data asked for. `vague_401`: see [`Request`](super::Request).
    pub(super) fn judge(&self, response: &Response, vague_401: bool) -> Result<(), Failed> {
        let headers = response.headers();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let captcha = || text("x-authentication-denied-reason").is_some_and(|reason| reason.contains("CAPTCHA"));
        let asked = || text(RETRY_AFTER.as_str()).and_then(|text| retry_after(text, self.clock.now()));
        let status = response.status();
        let trouble = match status {
            StatusCode::UNAUTHORIZED if self.upstream != Upstream::DataCenter => Trouble::TokenRefused(self.upstream),
            StatusCode::UNAUTHORIZED => {
                let reason = if captcha() { Some(CAPTCHA) } else { text("x-seraph-loginreason").map(known_reason) };
                if vague_401 && !reason.is_some_and(|reason| CREDENTIALS.contains(&reason)) {
                    Trouble::NotPermitted
                } else {
                    Trouble::Unauthorized { reason: reason.map(str::to_owned) }
                }
            }
            StatusCode::FORBIDDEN if captcha() => Trouble::Unauthorized { reason: Some(CAPTCHA.to_owned()) },
            StatusCode::FORBIDDEN => Trouble::Forbidden,
            StatusCode::NOT_FOUND => Trouble::NotFound,
            StatusCode::TOO_MANY_REQUESTS => {
                let retry_after = asked();
                let trouble = Trouble::RateLimited { retry_after };
                return Err(Failed { trouble, stage: Stage::NotProcessed, retry_after });
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                let retry_after = asked();
                let trouble = match retry_after.filter(|seconds| *seconds > BLOCK_AFTER) {
                    Some(retry_after) => Trouble::Unavailable { retry_after },
                    None => Trouble::Status(status.as_u16()),
                };
                return Err(Failed { trouble, stage: Stage::NotProcessed, retry_after });
            }
            _ if status.is_redirection() => self.redirected(headers),
            _ if !status.is_success() => Trouble::Status(status.as_u16()),
            _ if text(CONTENT_TYPE.as_str()).is_some_and(|kind| kind.trim_start().starts_with("text/html")) => {
                Trouble::Anonymous("a log-in page instead of data")
            }
            _ => match text("x-ausername") {
                Some(name) if !is_anonymous(name) => {
                    self.known_to_site.store(true, Ordering::Relaxed);
                    return Ok(());
                }
                Some(_) => Trouble::Anonymous("X-AUSERNAME: anonymous"),
                // Data Center alone names the account.
                None if self.upstream != Upstream::DataCenter => return Ok(()),
                // A wrong token was seen to answer 200 with other content: no first answer is believed without it.
                None if !self.known_to_site.load(Ordering::Relaxed) => Trouble::Anonymous("no X-AUSERNAME header"),
                None => return Ok(()),
            },
        };
        Err(trouble.into())
    }

    fn redirected(&self, headers: &HeaderMap) -> Trouble {
        let target = headers.get(LOCATION).and_then(|value| value.to_str().ok());
        match target.and_then(|target| self.base.join(target).ok()) {
            Some(url) if is_login_page(&url) && url.origin() == self.base.origin() => {
                Trouble::Anonymous("redirected to the log-in page")
            }
            Some(url) => Trouble::Redirected { to: url.origin().ascii_serialization() },
            None => Trouble::Redirected { to: "an unreadable address".to_owned() },
        }
    }
}

/// The reasons Seraph gives; anything else a server may put there is not repeated.
fn known_reason(reason: &str) -> &'static str {
    let known = CREDENTIALS.into_iter().chain(OTHERS).find(|known| reason.eq_ignore_ascii_case(known));
    known.unwrap_or("another reason")
}

fn is_anonymous(name: &str) -> bool {
    let name = percent_decode_str(name).decode_utf8_lossy();
    name.trim().is_empty() || name.trim().eq_ignore_ascii_case("anonymous")
}

fn is_login_page(url: &Url) -> bool {
    let path = url.path().to_ascii_lowercase();
    path.contains("login") || path.contains("os_login")
}

#[cfg(test)]
mod tests {
    use axum::http;

    use super::*;

    fn judged(status: u16, headers: &[(&str, &str)], vague_401: bool) -> Result<(), Failed> {
        judged_by(Upstream::DataCenter, status, headers, vague_401)
    }

    fn judged_by(upstream: Upstream, status: u16, headers: &[(&str, &str)], vague_401: bool) -> Result<(), Failed> {
        let clock = Clock::manual(Timestamp::from_millis(0).unwrap());
        let judge = Judge::new(upstream, Url::parse("https://confluence.example.com/confluence").unwrap(), clock);
        let mut answer = http::Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        judge.judge(&Response::from(answer.body("").unwrap()), vague_401)
    }

    fn trouble(status: u16, headers: &[(&str, &str)], vague_401: bool) -> Trouble {
        judged(status, headers, vague_401).unwrap_err().trouble
    }

    #[test]
    fn a_vague_401_is_not_the_end_unless_it_speaks_of_the_credentials() {
        let seraph = "X-Seraph-LoginReason";
        let captcha = ("X-Authentication-Denied-Reason", "CAPTCHA_CHALLENGE; login-url=https://x/login.action");
        for headers in [&[][..], &[(seraph, "OK")], &[(seraph, "OUT")], &[(seraph, "Secret")]] {
            assert_eq!(trouble(401, headers, true), Trouble::NotPermitted, "{headers:?}");
            assert!(trouble(401, headers, false).is_refusal(), "{headers:?}");
        }
        for headers in [&[(seraph, "AUTHENTICATION_DENIED")], &[(seraph, "AUTHENTICATED_FAILED")], &[captcha]] {
            assert!(trouble(401, headers, true).is_refusal(), "{headers:?}");
        }
        assert_eq!(
            trouble(401, &[captcha], false),
            Trouble::Unauthorized { reason: Some("AUTHENTICATION_DENIED".to_owned()) }
        );
        assert!(trouble(403, &[captcha], true).is_refusal());
        assert_eq!(trouble(403, &[], true), Trouble::Forbidden);
        assert!(!Trouble::NotPermitted.is_refusal() && !Trouble::NotPermitted.is_passing());
    }

    #[test]
    fn a_site_that_asks_for_time() {
        for (status, after, expected) in [
            (429, Some("7"), Some(7)),
            (429, Some("Thu, 01 Jan 1970 00:01:00 GMT"), Some(60)),
            (429, Some("garbage"), None),
            (429, None, None),
            (503, Some("7"), Some(7)),
            (503, Some("garbage"), None),
            (503, None, None),
        ] {
            let headers: Vec<_> = after.map(|after| ("Retry-After", after)).into_iter().collect();
            let failed = judged(status, &headers, false).unwrap_err();
            assert_eq!((failed.retry_after, failed.stage), (expected, Stage::NotProcessed), "{status} {after:?}");
            assert!(failed.trouble.is_passing(), "{status} {after:?}");
            assert_eq!(failed.holds_all(), status == 429 || expected.is_some(), "{status} {after:?}");
        }
        let absurd = trouble(503, &[("Retry-After", "315360000")], false);
        assert_eq!(absurd, Trouble::Unavailable { retry_after: 315_360_000 });
        assert!(!absurd.is_passing());
        assert!(judged(200, &[("Retry-After", "0"), ("X-AUSERNAME", "audit")], false).is_ok());
    }

    #[test]
    fn cloud_names_no_account_and_refuses_in_its_own_words() {
        for upstream in [Upstream::CloudSite, Upstream::CloudGateway, Upstream::Organization] {
            assert!(judged_by(upstream, 200, &[("Content-Type", "application/json")], false).is_ok());
            let refused = judged_by(upstream, 401, &[], true).unwrap_err().trouble;
            assert_eq!(refused, Trouble::TokenRefused(upstream));
            assert!(refused.is_refusal() && !refused.is_passing());
            assert!(
                judged_by(upstream, 200, &[("Content-Type", "text/html")], false).unwrap_err().trouble.is_refusal()
            );
            assert!(judged_by(upstream, 200, &[("X-AUSERNAME", "anonymous")], false).unwrap_err().trouble.is_refusal());
        }
        let message = |upstream| Trouble::TokenRefused(upstream).to_string();
        assert!(message(Upstream::CloudSite).contains("api.atlassian.com/ex/confluence"));
        assert!(message(Upstream::CloudGateway).contains("SITE.atlassian.net/wiki"));
        assert!(message(Upstream::Organization).contains("api_key_file"));
    }
}
