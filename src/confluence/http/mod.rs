//! One typed client: authentication, limits, retries. Everything sent to a site goes through [`Client`].

mod attempts;
mod exchange;
mod heard;
mod judge;
mod pace;
mod request;
mod retry;
#[cfg(test)]
mod tests;
mod upstream;

use std::io;
use std::ops::Sub;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::redirect;
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

pub use self::heard::{ClockReading, Heard, RateLimit};
use self::judge::Judge;
use self::pace::{Gate, Pace};
pub use self::request::Request;
use self::retry::{Backoff, Failed, Stage};
pub use self::upstream::Upstream;
use super::error::{RequestError, Trouble};
use super::memory::Memory;
use super::page::{List, Page};
use crate::clock::Clock;
use crate::config::{Credentials, Limits, Organization, Site, SiteKind};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// A page that does not come in time is asked for with fewer rows, down to so many.
const SMALLEST_PAGE: u64 = 25;

/// What a segment of a path is encoded but for. The URL standard leaves more as it is: `+`, which servers that decode it
/// as a blank exist for, and `;`, behind which Tomcat drops the rest; and it drops tabs and line breaks unseen.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make an HTTP client: {0}")]
pub struct ClientError(String);

/// A download that failed.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The site does not give it, or not the whole of it.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// What arrived could not be written.
    #[error("what arrived cannot be written")]
    Write(#[source] io::Error),
}

/// What was sent. The difference of two is what was sent between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Requests sent, retries included.
    pub requests: u64,
    /// Requests sent again.
    pub retries: u64,
    /// Answers 429.
    pub rate_limited: u64,
}

impl Sub for Figures {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            requests: self.requests - earlier.requests,
            retries: self.retries - earlier.retries,
            rate_limited: self.rate_limited - earlier.rate_limited,
        }
    }
}

/// A client of one site, within the limits configured for it. Its walk begins when it is made.
pub struct Client {
    http: reqwest::Client,
    base: Url,
    credentials: Credentials,
    limits: Limits,
    judge: Judge,
    gate: Gate,
    pace: Pace,
    backoff: Backoff,
    /// No request is begun later.
    deadline: Option<Instant>,
    /// The answer after which this client asks nothing more: the account is refused, or blocked.
    shut: watch::Sender<Option<RequestError>>,
    failed_in_row: AtomicU32,
    /// What answers say beside their bodies, where somebody asks.
    heard: Option<Mutex<Heard>>,
    buffers: Mutex<Vec<BytesMut>>,
    memory: Option<Memory>,
    requests: AtomicU64,
    retries: AtomicU64,
    rate_limited: AtomicU64,
}

impl Client {
    /// A client for a site, for one walk.
    pub fn of_site(site: &Site, clock: Clock, seed: u64) -> Result<Self, ClientError> {
        let upstream = match site.kind {
            SiteKind::DataCenter => Upstream::DataCenter,
            SiteKind::Cloud => Upstream::cloud(&site.base_url),
        };
        Self::new(upstream, &site.base_url, &site.credentials, &site.limits, clock, seed)
    }

    /// A client for the organization of a site, within the site's limits, for one walk.
    pub fn of_organization(
        organization: &Organization,
        limits: &Limits,
        clock: Clock,
        seed: u64,
    ) -> Result<Self, ClientError> {
        let credentials = Credentials::Bearer { token: organization.api_key.clone() };
        Self::new(Upstream::Organization, &organization.base_url, &credentials, limits, clock, seed)
    }

    /// A client for the `upstream` at `base` (with its context path), for one walk: `limits.walk_deadline` counts from
    /// here. `seed` spreads the pauses between retries.
    pub fn new(
        upstream: Upstream,
        base: &Url,
        credentials: &Credentials,
        limits: &Limits,
        clock: Clock,
        seed: u64,
    ) -> Result<Self, ClientError> {
        // Fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut builder = reqwest::Client::builder()
            .default_headers(headers)
            .user_agent(concat!("rollbook/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(IDLE_TIMEOUT.min(limits.request_timeout))
            .timeout(limits.request_timeout)
            .pool_max_idle_per_host(limits.concurrency)
            .http1_only();
        if base.scheme() == "http" {
            // Reading the system's certificates costs more than a small walk.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self {
            http: builder.build().map_err(|error| ClientError(error.without_url().to_string()))?,
            base: base.clone(),
            credentials: credentials.clone(),
            limits: limits.clone(),
            judge: Judge::new(upstream, base.clone(), clock),
            gate: Gate::new(limits.concurrency),
            pace: Pace::new(limits.requests_per_second),
            backoff: Backoff::new(seed),
            deadline: Instant::now().checked_add(limits.walk_deadline),
            shut: watch::Sender::new(None),
            failed_in_row: AtomicU32::new(0),
            heard: None,
            buffers: Mutex::new(Vec::new()),
            memory: None,
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            rate_limited: AtomicU64::new(0),
        })
    }

    /// Gives it the pages of earlier walks.
    pub fn with_memory(self, memory: Option<&Memory>) -> Self {
        Self { memory: memory.cloned(), ..self }
    }

    /// Splits a page, unless it is remembered.
    pub(super) fn recalled(&self, body: Bytes, list: List) -> Result<Page, String> {
        match &self.memory {
            Some(memory) => memory.page(body, list),
            None => Page::of(body, list),
        }
    }

    /// A URL below the site's base; every segment is percent-encoded (`%20`, not `+`).
    pub fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut path = self.base.path().trim_end_matches('/').to_owned();
        for segment in segments {
            path.push('/');
            path.extend(utf8_percent_encode(segment, SEGMENT));
        }
        let mut url = self.base.clone();
        url.set_path(&path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// A URL at the site's host, wherever its base is.
    pub fn url_at_host(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    /// The site's limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What was sent so far.
    pub fn figures(&self) -> Figures {
        Figures {
            requests: self.requests.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            rate_limited: self.rate_limited.load(Ordering::Relaxed),
        }
    }

    /// Sends `request` until it succeeds, fails for good, or the retries run out. `decode` is part of the attempt:
    /// a body that was cut short shows only there.
    pub async fn send<T>(
        &self,
        request: &Request,
        decode: impl Fn(Bytes) -> Result<T, String>,
    ) -> Result<T, RequestError> {
        let decode = &decode;
        let attempt = || async move {
            let body = self.body(request, self.answer(request).await?).await?;
            decode(body).map_err(|why| Failed::from(Trouble::Malformed(why)))
        };
        self.repeat(request, attempt).await
    }

    /// Reads a page of `size` rows. One that does not come in time is not asked for again as it is, but with half the
    /// rows: the page then holds fewer, and says how many were asked for. `request` makes the request for a size.
    pub async fn page(
        &self,
        size: u64,
        request: impl Fn(u64) -> Request,
        decode: impl Fn(Bytes) -> Result<Page, String>,
    ) -> Result<Page, RequestError> {
        let decode = &decode;
        let send = |size, retries| {
            let request = Request { retries: Some(retries), again_when_late: size <= SMALLEST_PAGE, ..request(size) };
            async move { self.send(&request, decode).await }
        };
        self.shrinking(size, send).await
    }

    async fn shrinking<Fut: Future<Output = Result<Page, RequestError>>>(
        &self,
        mut size: u64,
        send: impl Fn(u64, u32) -> Fut,
    ) -> Result<Page, RequestError> {
        let mut sent = 0;
        loop {
            let mut error = match send(size, self.limits.retries - sent).await {
                Ok(page) => return Ok(Page { asked: Some(size), ..page }),
                Err(error) => error,
            };
            sent += error.attempts;
            error.attempts = sent;
            let late = matches!(error.trouble, Trouble::TimedOut(_)) && size > SMALLEST_PAGE;
            if !late {
                return Err(error);
            }
            if sent > self.limits.retries {
                self.failed_in_row.fetch_add(1, Ordering::Relaxed);
                return Err(error);
            }
            size = (size / 2).max(SMALLEST_PAGE);
            tracing::debug!(request = %error.request, rows = size, "the page did not come in time, asking for less");
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sends `request` and passes the body on as it arrives, at most `cap` bytes of it. Tells how many there were.
    pub async fn download(
        &self,
        request: &Request,
        cap: u64,
        write: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<u64, DownloadError> {
        let sink = Mutex::new((write, None));
        let pass_on = |chunk: &[u8]| {
            let (write, unwritten) = &mut *sink.lock().expect("no panic while held");
            write(chunk).map_err(|error| *unwritten = Some(error)).is_ok()
        };
        let pass_on = &pass_on;
        let attempt = || async move {
            let mut response = self.answer(request).await?;
            let mut received = 0;
            let failed = |received, trouble| Failed {
                stage: if received > 0 { Stage::PassedOn } else { Stage::Sent },
                ..Failed::from(trouble)
            };
            while let Some(chunk) =
                response.chunk().await.map_err(|error| failed(received, self.transport(request, error)))?
            {
                received += chunk.len() as u64;
                if received > cap {
                    return Err(failed(received, Trouble::TooLarge { cap }));
                }
                if !pass_on(&chunk) {
                    return Err(failed(received, Trouble::GivenUp));
                }
            }
            Ok(received)
        };
        let received = self.repeat(request, attempt).await;
        match sink.into_inner().expect("no panic while held").1 {
            Some(error) => Err(DownloadError::Write(error)),
            None => Ok(received?),
        }
    }
}
