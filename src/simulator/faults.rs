//! Misbehaviour, on order.
//!
//! A [`Fault`] says where ([`Target`]), how often, and what ([`FaultKind`]). The server asks the list once for every
//! request ([`Faults::strike`]) and gets a [`Plan`]; to add a kind: a variant of [`FaultKind`], its line in
//! [`Plan::take`], its spelling in [`FaultKind::parse`] and in [`SPELLINGS`].

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;

use super::call::{Call, Endpoint, Reply};
use super::extender::Bend;
use super::population::Population;

/// How `simulate --fault` is written.
pub const SPELLINGS: &str = "\
KIND[=ARG][@ENDPOINT[/GROUP][:N[+]]], repeatable. KIND is one of status=CODE[;HEADER=VALUE…], invalid-json, html-login, \
cap-pages=ROWS, ignore-max-results, ignore-start-at, old-plugin, empty-list, slow=MILLISECONDS, truncate. ENDPOINT is \
users, user, groups or members; without it every request is meant. :3 strikes the third such request alone, :3+ from \
the third on. Examples: status=503;Retry-After=5@members:2, empty-list@users, status=500@members/proj-atlas";

/// Which requests a fault strikes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Only this endpoint.
    pub endpoint: Option<Endpoint>,
    /// Only the members of this group, or the look-up of this user.
    pub subject: Option<String>,
    /// Only this page of a listing, counted from 0: `startAt` divided by the page size in force.
    pub page: Option<usize>,
    /// Only from this one of the requests that match so far, counted from 1; 0 and 1 are both the first.
    pub from: u32,
}

impl Target {
    /// Every request to an endpoint.
    pub fn at(endpoint: Endpoint) -> Self {
        Self { endpoint: Some(endpoint), ..Self::default() }
    }

    /// Only for this group or user.
    pub fn of(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }

    /// Only this page, counted from 0.
    pub fn page(mut self, page: usize) -> Self {
        self.page = Some(page);
        self
    }

    /// Only from the `nth` matching request on, counted from 1.
    pub fn from(mut self, nth: u32) -> Self {
        self.from = nth;
        self
    }

    fn matches(&self, call: &Call, page: usize) -> bool {
        self.endpoint.is_none_or(|endpoint| endpoint == call.endpoint)
            && self.subject.as_ref().is_none_or(|subject| *subject == call.subject)
            && self.page.is_none_or(|wanted| wanted == page)
    }
}

/// What goes wrong.
pub enum FaultKind {
    /// This answer instead of the right one.
    Status {
        /// The HTTP status.
        code: u16,
        /// Extra headers.
        headers: Vec<(String, String)>,
        /// The body, sent as JSON.
        body: String,
    },
    /// 200, `application/json`, and a body that is none.
    InvalidJson,
    /// 200 and the HTML of the log-in page, as a proxy with single sign-on sends it.
    HtmlLogin,
    /// The server caps pages at so many rows.
    CapPages(usize),
    /// `maxResults` counts as not sent.
    IgnoreMaxResults,
    /// `startAt` counts as not sent: every page is the first.
    IgnoreStartAt,
    /// Group members as releases before 2.8 sent them: `{"<userName>": …}`.
    OldPlugin,
    /// A listing is empty, with a total of 0.
    EmptyList,
    /// The answer comes this many milliseconds late.
    SlowMs(u64),
    /// The body ends half-way: less than its `Content-Length` says, then the connection closes.
    Truncate,
    /// Something happens at the site just before the request is answered. The site is locked meanwhile: use what is
    /// passed in, not [`super::Simulator::with_population`].
    Between(Box<dyn FnMut(&mut Population) + Send>),
    /// The body of the right answer, changed: an odd status, a lying total, a field gone.
    Rewrite(Box<dyn FnMut(String) -> String + Send>),
}

impl FaultKind {
    /// A bare status.
    pub fn status(code: u16) -> Self {
        Self::Status { code, headers: Vec::new(), body: r#"{"message":"simulated"}"#.to_owned() }
    }

    /// A mutation of the site just before an answer.
    pub fn between(happens: impl FnMut(&mut Population) + Send + 'static) -> Self {
        Self::Between(Box::new(happens))
    }

    /// A change to the body of the right answer.
    pub fn rewrite(change: impl FnMut(String) -> String + Send + 'static) -> Self {
        Self::Rewrite(Box::new(change))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let (kind, arg) = text.split_once('=').map_or((text, None), |(kind, arg)| (kind, Some(arg)));
        let number = || -> Result<u64, String> {
            arg.and_then(|arg| arg.parse().ok()).ok_or_else(|| format!("'{kind}' takes a number: {kind}=5"))
        };
        let fault = match kind {
            "status" => {
                let mut parts = arg.unwrap_or_default().split(';');
                let code = parts.next().and_then(|code| code.parse().ok()).filter(|code| (200..600).contains(code));
                let Self::Status { code, body, .. } = Self::status(code.ok_or("'status' takes a code: status=503")?)
                else {
                    unreachable!("a status is a status")
                };
                let headers = parts
                    .map(|header| header.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())))
                    .collect::<Option<_>>()
                    .ok_or("a header is written HEADER=VALUE")?;
                Self::Status { code, headers, body }
            }
            "cap-pages" => Self::CapPages(number()? as usize),
            "slow" => Self::SlowMs(number()?),
            _ if arg.is_some() => return Err(format!("'{kind}' is no fault that takes a value")),
            "invalid-json" => Self::InvalidJson,
            "html-login" => Self::HtmlLogin,
            "ignore-max-results" => Self::IgnoreMaxResults,
            "ignore-start-at" => Self::IgnoreStartAt,
            "old-plugin" => Self::OldPlugin,
            "empty-list" => Self::EmptyList,
            "truncate" => Self::Truncate,
            _ => return Err(format!("'{kind}' is no fault; see --help")),
        };
        Ok(fault)
    }
}

impl fmt::Debug for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { code, .. } => write!(f, "Status({code})"),
            Self::InvalidJson => f.write_str("InvalidJson"),
            Self::HtmlLogin => f.write_str("HtmlLogin"),
            Self::CapPages(rows) => write!(f, "CapPages({rows})"),
            Self::IgnoreMaxResults => f.write_str("IgnoreMaxResults"),
            Self::IgnoreStartAt => f.write_str("IgnoreStartAt"),
            Self::OldPlugin => f.write_str("OldPlugin"),
            Self::EmptyList => f.write_str("EmptyList"),
            Self::SlowMs(millis) => write!(f, "SlowMs({millis})"),
            Self::Truncate => f.write_str("Truncate"),
            Self::Between(_) => f.write_str("Between"),
            Self::Rewrite(_) => f.write_str("Rewrite"),
        }
    }
}

/// One fault: where, how often, what.
#[derive(Debug)]
pub struct Fault {
    /// Which requests it strikes.
    pub on: Target,
    /// How many of them; `None` is all.
    pub times: Option<u32>,
    /// What happens to them.
    pub what: FaultKind,
}

impl Fault {
    /// Strikes every time.
    pub fn always(on: Target, what: FaultKind) -> Self {
        Self { on, times: None, what }
    }

    /// Strikes once.
    pub fn once(on: Target, what: FaultKind) -> Self {
        Self { on, times: Some(1), what }
    }
}

impl FromStr for Fault {
    type Err = String;

    /// Reads a fault as [`SPELLINGS`] says.
    fn from_str(text: &str) -> Result<Self, String> {
        let (what, on) = text.split_once('@').map_or((text, None), |(what, on)| (what, Some(on)));
        let what = FaultKind::parse(what)?;
        let Some(on) = on else { return Ok(Self::always(Target::default(), what)) };
        // The number stands behind the last colon; a group's name may have colons of its own.
        let numbered = on.rsplit_once(':').and_then(|(on, number)| {
            let digits = number.strip_suffix('+').unwrap_or(number);
            Some((on, digits.parse::<u32>().ok()?, if digits == number { Some(1) } else { None }))
        });
        let (on, from, times) = numbered.unwrap_or((on, 0, None));
        let (endpoint, subject) = on.split_once('/').map_or((on, None), |(on, subject)| (on, Some(subject.to_owned())));
        let endpoint = match endpoint {
            "users" => Endpoint::UserList,
            "user" => Endpoint::UserDetails,
            "groups" => Endpoint::GroupList,
            "members" => Endpoint::GroupMembers,
            _ => return Err(format!("'{endpoint}' is none of users, user, groups, members")),
        };
        Ok(Self { on: Target { endpoint: Some(endpoint), subject, page: None, from }, times, what })
    }
}

/// The faults in force, each with the number of requests that matched it.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(Fault, u32)>);

/// What the faults make of one request.
#[derive(Default)]
pub(super) struct Plan {
    pub instead: Option<Reply>,
    pub cap: Option<usize>,
    pub ignore_max_results: bool,
    pub ignore_start_at: bool,
    pub bend: Bend,
    pub delay: Duration,
    pub truncate: bool,
    /// Which faults want to change the body, by their place in the list.
    rewrites: Vec<usize>,
}

impl Faults {
    pub fn add(&mut self, fault: Fault) {
        self.0.push((fault, 0));
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Counts the request with every fault it matches, and says what those do to it.
    pub fn strike(&mut self, call: &Call, page: usize, site: &mut Population) -> Plan {
        let mut plan = Plan::default();
        for (place, (fault, seen)) in self.0.iter_mut().enumerate() {
            if !fault.on.matches(call, page) {
                continue;
            }
            *seen += 1;
            let from = fault.on.from.max(1);
            if *seen >= from && fault.times.is_none_or(|times| *seen - from < times) {
                plan.take(place, &mut fault.what, site);
            }
        }
        plan
    }

    /// Changes the right answer as the plan says.
    pub fn rewrite(&mut self, plan: &Plan, reply: &mut Reply) {
        for &place in &plan.rewrites {
            if let FaultKind::Rewrite(change) = &mut self.0[place].0.what {
                reply.body = change(String::from_utf8_lossy(&reply.body).into_owned()).into();
            }
        }
    }
}

impl Plan {
    fn take(&mut self, place: usize, what: &mut FaultKind, site: &mut Population) {
        match what {
            FaultKind::Status { code, headers, body } => {
                let status = StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let mut reply = Reply::json(status, body.clone());
                reply.headers.clone_from(headers);
                self.instead = Some(reply);
            }
            FaultKind::InvalidJson => {
                self.instead =
                    Some(Reply::json(StatusCode::OK, Bytes::from_static(br#"{"total":2,"users":[{"name":"#)));
            }
            FaultKind::HtmlLogin => {
                self.instead = Some(Reply::html(
                    StatusCode::OK,
                    "<!DOCTYPE html><html><head><title>Log In - Confluence</title></head>\
                     <body><form name=\"loginform\" action=\"/dologin.action\" method=\"post\"></form></body></html>",
                ));
            }
            FaultKind::CapPages(rows) => self.cap = Some(*rows),
            FaultKind::IgnoreMaxResults => self.ignore_max_results = true,
            FaultKind::IgnoreStartAt => self.ignore_start_at = true,
            FaultKind::OldPlugin => self.bend.old_plugin = true,
            FaultKind::EmptyList => self.bend.empty = true,
            FaultKind::SlowMs(millis) => self.delay += Duration::from_millis(*millis),
            FaultKind::Truncate => self.truncate = true,
            FaultKind::Between(happens) => happens(site),
            FaultKind::Rewrite(_) => self.rewrites.push(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spellings_are_read() {
        let fault: Fault = "status=503;Retry-After=5@members/proj-a:b:2".parse().expect("a fault");
        assert_eq!(fault.on, Target::at(Endpoint::GroupMembers).of("proj-a:b").from(2));
        assert_eq!(fault.times, Some(1));
        let FaultKind::Status { code, headers, .. } = fault.what else { panic!("not a status") };
        assert_eq!((code, headers), (503, vec![("Retry-After".to_owned(), "5".to_owned())]));

        let fault: Fault = "slow=250@users:3+".parse().expect("a fault");
        assert_eq!((fault.on.from, fault.times), (3, None));
        assert!(matches!(fault.what, FaultKind::SlowMs(250)));

        let fault: Fault = "html-login".parse().expect("a fault");
        assert_eq!((fault.on, fault.times), (Target::default(), None));
    }

    #[test]
    fn every_kind_in_the_help_is_read() {
        for kind in [
            "status=500",
            "invalid-json",
            "html-login",
            "cap-pages=7",
            "ignore-max-results",
            "ignore-start-at",
            "old-plugin",
            "empty-list",
            "slow=10",
            "truncate",
        ] {
            assert!(SPELLINGS.contains(kind.split('=').next().unwrap_or_default()));
            assert!(format!("{kind}@users").parse::<Fault>().is_ok(), "{kind}");
        }
        for bad in
            ["", "status", "status=abc", "cap-pages", "truncate=1", "fire@users", "truncate@pages", "status=503;x"]
        {
            assert!(bad.parse::<Fault>().is_err(), "{bad}");
        }
    }
}
