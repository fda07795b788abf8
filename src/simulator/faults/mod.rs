//! Misbehaviour, on order.
//!
//! A [`Fault`] says where ([`Target`]), how often, and what ([`FaultKind`]). The server asks the list once for every
//! request ([`Faults::strike`]) and gets a [`Plan`]; to add a kind: a variant of [`FaultKind`], its line in
//! [`Plan::take`] or in [`FaultKind::bend`], its spelling in `parse`.

mod bend;
mod kind;
mod parse;
mod random;

use std::collections::HashMap;
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;

pub use self::bend::{RowBend, Total};
pub use self::kind::{Endless, FaultKind};
pub use self::parse::SPELLINGS;
use super::auth;
use super::call::{Call, Endpoint, Reply};
use super::cloud;
use super::deliver::{Cut, Delivery};
use super::extender::Bend;
use super::population::Population;

/// Which requests a fault strikes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Only this endpoint.
    pub endpoint: Option<Endpoint>,
    /// Only the members of this group, the look-up of this user, this kind of file, the download of this file, or what
    /// the account with this id used. On Cloud, too, a group goes by its name; one of another site by its id.
    pub subject: Option<String>,
    /// Only this page of a listing, counted from 0: `startAt` (User Export: `offset`; Cloud: `start`, or what the cursor
    /// comes to) divided by the page size in force.
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

/// The faults in force.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Each with the number of requests that matched it.
    list: Vec<(Fault, u32)>,
    /// The page of each listing that was answered last, while some fault may ask for it.
    last: HashMap<(Endpoint, String), Bytes>,
}

/// What the faults make of one request.
#[derive(Default)]
pub(super) struct Plan {
    pub instead: Option<Reply>,
    pub anonymous: bool,
    pub cap: Option<usize>,
    pub ignore_max_results: bool,
    pub ignore_start_at: bool,
    pub bend: Bend,
    pub delay: Duration,
    pub delivery: Delivery,
    repeat_page: bool,
    /// Which faults want to change the body, by their place in the list.
    rewrites: Vec<usize>,
}

impl Faults {
    pub fn add(&mut self, fault: Fault) {
        self.list.push((fault, 0));
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Counts the request with every fault it matches, and says what those do to it.
    pub fn strike(&mut self, call: &Call, page: usize, site: &mut Population, context_path: &str) -> Plan {
        let mut plan = Plan::default();
        for (place, (fault, seen)) in self.list.iter_mut().enumerate() {
            if !fault.on.matches(call, page) {
                continue;
            }
            *seen += 1;
            let from = fault.on.from.max(1);
            if *seen >= from && fault.times.is_none_or(|times| *seen - from < times) {
                plan.take(place, &mut fault.what, call, site, context_path);
            }
        }
        plan
    }

    /// Changes the right answer as the plan says.
    pub fn rewrite(&mut self, plan: &Plan, call: &Call, reply: &mut Reply) {
        if self.list.is_empty() {
            return;
        }
        let repeating = || self.list.iter().any(|(fault, _)| matches!(fault.what, FaultKind::RepeatPage));
        if reply.status == StatusCode::OK && repeating() {
            let listing = (call.endpoint, call.subject.clone());
            match self.last.get(&listing).filter(|_| plan.repeat_page) {
                Some(last) => reply.body = last.clone(),
                None => drop(self.last.insert(listing, reply.body.clone())),
            }
        }
        for &place in &plan.rewrites {
            let (fault, seen) = &mut self.list[place];
            if let Some(body) = fault.what.bend(&reply.body, *seen) {
                reply.body = body.into();
            }
        }
    }
}

impl Plan {
    fn take(&mut self, place: usize, what: &mut FaultKind, call: &Call, site: &mut Population, context_path: &str) {
        match what {
            FaultKind::Status { code, headers, body } => {
                let status = StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let mut reply = Reply::json(status, body.clone());
                reply.headers.clone_from(headers);
                self.instead = Some(reply);
            }
            FaultKind::Unauthorized(_) if call.endpoint.is_cloud() => self.instead = Some(cloud::unauthorized()),
            FaultKind::Unauthorized(reason) => self.instead = Some(auth::unauthorized(reason)),
            FaultKind::Redirect(address) => self.instead = Some(redirect(address)),
            FaultKind::LoginRedirect => {
                let address = format!("{context_path}/login.action?os_destination=%2Findex.action");
                self.instead = Some(redirect(&address));
            }
            FaultKind::InvalidJson => {
                self.instead =
                    Some(Reply::json(StatusCode::OK, Bytes::from_static(br#"{"total":2,"users":[{"name":"#)));
            }
            FaultKind::HtmlLogin => self.instead = Some(auth::login_page()),
            FaultKind::Anonymous => self.anonymous = true,
            FaultKind::CapPages(rows) => self.cap = Some(*rows),
            FaultKind::IgnoreMaxResults => self.ignore_max_results = true,
            FaultKind::IgnoreStartAt => self.ignore_start_at = true,
            FaultKind::RepeatPage => self.repeat_page = true,
            FaultKind::OldPlugin => self.bend.old_plugin = true,
            FaultKind::EmptyList => self.bend.empty = true,
            FaultKind::SlowMs(millis) => self.delay += Duration::from_millis(*millis),
            FaultKind::Hang => self.delivery = Delivery::Hang,
            FaultKind::Reset => self.delivery = Delivery::Reset,
            FaultKind::Truncate => self.delivery = Delivery::Half(Cut::Length),
            FaultKind::TruncateChunked => self.delivery = Delivery::Half(Cut::Chunked),
            FaultKind::TruncateClose => self.delivery = Delivery::Half(Cut::Close),
            FaultKind::Trickle { millis, forever } => {
                self.delivery = Delivery::Trickle { pause: Duration::from_millis(*millis), forever: *forever };
            }
            FaultKind::Endless(with) => self.delivery = Delivery::Endless(*with),
            FaultKind::GzipBomb(mebibytes) => self.delivery = Delivery::GzipBomb(*mebibytes),
            FaultKind::Between(happens) => happens(site),
            FaultKind::Rewrite(_)
            | FaultKind::Total(_)
            | FaultKind::Row(_)
            | FaultKind::OddStatus
            | FaultKind::NoResults
            | FaultKind::ConstantNext => self.rewrites.push(place),
        }
    }
}

fn redirect(address: &str) -> Reply {
    Reply::html(StatusCode::FOUND, "").with_header("Location", address)
}
