//! Who is asking: Basic with CAPTCHA, tokens, and the anonymous visitor a wrong token becomes.

use axum::http::{HeaderMap, StatusCode};

use super::call::{Endpoint, Reply};
use super::settings::{Settings, UserExportApp, WrongToken};

/// So many wrong passwords, and Confluence asks for a CAPTCHA, which a script cannot solve.
const ALLOWED_FAILURES: u32 = 3;

/// Who a request turned out to come from.
pub(super) enum Visitor {
    Known,
    Anonymous,
}

/// The account's failed log-ins.
#[derive(Debug, Default)]
pub(super) struct Auth {
    pub failures: u32,
}

impl Auth {
    /// Judges the `Authorization` header of a request.
    pub fn admit(&mut self, settings: &Settings, header: Option<&str>, endpoint: Endpoint) -> Result<Visitor, Reply> {
        let (scheme, credentials) = header.and_then(|header| header.split_once(' ')).unwrap_or_default();
        if scheme.eq_ignore_ascii_case("basic") {
            // Once the CAPTCHA is up the right password is refused too, until a person logs in on the web.
            if self.failures >= ALLOWED_FAILURES {
                return Err(unauthorized("AUTHENTICATION_DENIED")
                    .with_header("X-Authentication-Denied-Reason", "CAPTCHA_CHALLENGE; login-url=/login.action"));
            }
            if credentials != base64(format!("{}:{}", settings.username, settings.password).as_bytes()) {
                self.failures += 1;
                return Err(unauthorized("AUTHENTICATED_FAILED"));
            }
            self.failures = 0;
        } else if scheme.eq_ignore_ascii_case("bearer") {
            if credentials != settings.token {
                return match settings.wrong_token {
                    WrongToken::Refused => Err(unauthorized("AUTHENTICATED_FAILED")),
                    WrongToken::Anonymous => Ok(Visitor::Anonymous),
                };
            }
        } else {
            return Err(unauthorized("OUT"));
        }
        // Groups are open to everybody who is logged in, users to administrators alone.
        if !settings.administrator && matches!(endpoint, Endpoint::UserList | Endpoint::UserDetails) {
            return Err(Reply::message(StatusCode::FORBIDDEN, "Only for Confluence administrators")
                .with_header("X-AUSERNAME", &settings.username)
                .with_header("X-Seraph-LoginReason", "OK"));
        }
        // With 401, not 403, although the log-in is right; an app that is not there refuses nobody.
        let refuses = settings.user_export_refuses || !settings.administrator;
        if endpoint.is_user_export() && refuses && settings.user_export != UserExportApp::Missing {
            return Err(unauthorized("OK").with_header("X-AUSERNAME", &settings.username));
        }
        Ok(Visitor::Known)
    }
}

pub(super) fn unauthorized(reason: &str) -> Reply {
    Reply::html(
        StatusCode::UNAUTHORIZED,
        "<html><head><title>Unauthorized (401)</title></head><body>\
         <h1>Unauthorized (401)</h1><p>Basic Authentication Failure</p></body></html>",
    )
    .with_header("X-Seraph-LoginReason", reason)
}

/// Whether a POST passes the check against forgery (XSRF): it says JSON, or that it needs no check, and no browser sent it.
pub(super) fn is_from_a_program(headers: &HeaderMap) -> bool {
    let says = |name: &str, begins: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.to_ascii_lowercase().starts_with(begins)
    };
    (says("content-type", "application/json") || says("x-atlassian-token", "no-check"))
        && !says("user-agent", "mozilla")
}

/// The log-in page, with 200: where Confluence sends a browser, and what a proxy with single sign-on answers.
pub(super) fn login_page() -> Reply {
    Reply::html(
        StatusCode::OK,
        "<!DOCTYPE html><html><head><title>Log In - Confluence</title></head>\
         <body><form name=\"loginform\" action=\"/dologin.action\" method=\"post\"></form></body></html>",
    )
}

pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                text.push(char::from(LETTERS[(bits >> (18 - 6 * place) & 63) as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_pads() {
        for (plain, coded) in [("audit:audit", "YXVkaXQ6YXVkaXQ="), ("abc", "YWJj"), ("a", "YQ==")] {
            assert_eq!(super::base64(plain.as_bytes()), coded);
        }
    }
}
