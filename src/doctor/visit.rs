//! A visit to a site: one small request after the other, until one of them says that no other may follow.

use std::time::Duration;

use super::check::{Check, Fault};
use super::skew;
use crate::clock::Clock;
use crate::config::{Limits, Site};
use crate::confluence::{Client, RequestError, Trouble};

/// No answer may take longer: whoever asks is waiting.
const PATIENCE: Duration = Duration::from_secs(15);

/// What was found so far, and whether more may be asked.
#[derive(Default)]
pub(super) struct Visit {
    pub(super) checks: Vec<Check>,
    /// Why nothing more is asked.
    over: Option<&'static str>,
}

/// The limits of a visit: a row at a time, and nothing twice.
pub(super) fn modest(limits: &Limits) -> Limits {
    Limits {
        concurrency: 1,
        requests_per_second: 0.0,
        page_size: 1,
        batch_size: 1,
        request_timeout: limits.request_timeout.min(PATIENCE),
        retries: 0,
        ..limits.clone()
    }
}

/// A client for a visit.
pub(super) fn client(site: &Site, clock: &Clock) -> Result<Client, Check> {
    let site = Site { limits: modest(&site.limits), ..site.clone() };
    let client = Client::of_site(&site, clock.clone(), clock.now().millis() as u64);
    client.map(Client::listening).map_err(|error| {
        Check::failed("address", Fault::Other, error.to_string(), "check the certificates of this machine")
    })
}

impl Visit {
    pub(super) fn note(&mut self, check: Check) {
        self.checks.push(check);
    }

    /// Whether this may still be asked; if not, it is noted as skipped.
    pub(super) fn may_ask(&mut self, name: &'static str) -> bool {
        if let Some(why) = self.over {
            self.note(Check::skipped(name, format!("not asked: {why}")));
        }
        self.over.is_none()
    }

    /// Judges the first answer by what it says of the site as such: its address, the credentials, its clock.
    pub(super) fn meet(&mut self, site: &Site, first: Option<&RequestError>, client: &Client) {
        match first.filter(|error| is_silence(&error.trouble) || matches!(error.trouble, Trouble::Redirected { .. })) {
            Some(error) => self.failed("address", error, ""),
            None => self.note(Check::ok("address", format!("{} answers", site.base_url))),
        }
        if self.may_ask("credentials") {
            match first.map(|error| (error, &error.trouble)) {
                Some((error, trouble)) if trouble.is_refusal() => self.failed("credentials", error, ""),
                // What is wrong with a right, or with a body, is so although the account is known.
                None | Some((_, Trouble::Forbidden | Trouble::Malformed(_) | Trouble::TooLarge { .. })) => {
                    self.note(Check::ok("credentials", "the site knows the account"));
                }
                Some(_) => {
                    self.note(Check::skipped("credentials", "such an answer does not tell whether they are right"));
                }
            }
        }
        match client.heard().clock {
            // The answer that ends the visit tells the time as well.
            reading @ Some(_) => self.note(skew::check(reading)),
            None if self.may_ask("clock") => self.note(skew::check(None)),
            None => {}
        }
    }

    /// Notes a request that failed, and whether another may follow. `remedy` is for what the failure itself has none for.
    pub(super) fn failed(&mut self, name: &'static str, error: &RequestError, remedy: &str) {
        self.failed_as(name, fault(&error.trouble), error, remedy);
    }

    /// The same, with another fault than it would be by itself.
    pub(super) fn failed_as(&mut self, name: &'static str, fault: Fault, error: &RequestError, remedy: &str) {
        self.mind(&error.trouble);
        let remedy = error.remedy().unwrap_or_else(|| remedy.to_owned());
        self.note(Check::failed(name, fault, error.what(), remedy));
    }

    /// Takes to heart what a failure says of further requests.
    pub(super) fn mind(&mut self, trouble: &Trouble) {
        let over = match trouble {
            trouble if trouble.is_refusal() || *trouble == Trouble::NotPermitted => {
                Some("the credentials are refused, and another log-in could lock the account")
            }
            trouble if trouble.is_block() => Some("the account is blocked by rate limiting"),
            Trouble::Unavailable { .. } => Some("the site is out of service"),
            Trouble::Redirected { .. } => Some("the site leads elsewhere"),
            trouble if is_silence(trouble) => Some("the site does not answer"),
            _ => None,
        };
        self.over = self.over.or(over);
    }
}

/// There was no answer, or not the whole of one.
fn is_silence(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Unreachable(_) | Trouble::TimedOut(_))
}

/// What is at fault when a request failed.
pub(super) fn fault(trouble: &Trouble) -> Fault {
    match trouble {
        trouble if trouble.is_refusal() => Fault::Refused,
        Trouble::NotPermitted | Trouble::Forbidden | Trouble::Concealed => Fault::Refused,
        trouble if is_silence(trouble) || trouble.is_block() => Fault::Unreachable,
        Trouble::Redirected { .. } | Trouble::Unavailable { .. } => Fault::Unreachable,
        _ => Fault::Other,
    }
}
