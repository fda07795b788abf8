//! One typed client: authentication, limits, retries. Everything sent to a site goes through [`Client`].

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rand::rand_core::{Rng, SeedableRng};
use rand::rngs::ChaCha8Rng;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode, redirect};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

use super::error::{PAGE_CAP, RequestError, Trouble};
use crate::clock::Clock;
use crate::config::{Credentials, Limits};

/// Buffers kept for the next pages.
const KEPT_BUFFERS: usize = 1;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A `Retry-After` up to here is waited for; beyond [`BLOCK_AFTER`] it means that the account is blocked.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);
const BLOCK_AFTER: u64 = 3600;
/// So many requests in a row failing for good: the site is down, the rest is not even asked.
const GIVE_UP_AFTER: u32 = 12;

/// What a segment of a path is encoded but for. The URL standard leaves more as it is: `+`, which servers that decode it
/// as a blank exist for, and `;`, behind which Tomcat drops the rest; and it drops tabs and line breaks unseen.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make an HTTP client: {0}")]
pub struct ClientError(String);

/// What was sent, for the walk's row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Requests sent, retries included.
    pub requests: u64,
    /// Requests sent again.
    pub retries: u64,
    /// Answers 429.
    pub rate_limited: u64,
}

/// A client of one site, within the limits configured for it.
pub struct Client {
    http: reqwest::Client,
    base: Url,
    credentials: Credentials,
    limits: Limits,
    clock: Clock,
    in_flight: Semaphore,
    pace: Pace,
    jitter: Mutex<ChaCha8Rng>,
    known_to_site: AtomicBool,
    failed_in_row: AtomicU32,
    buffers: Mutex<Vec<BytesMut>>,
    requests: AtomicU64,
    retries: AtomicU64,
    rate_limited: AtomicU64,
}

/// A request: its URL, how it is named in errors, and how patient to be.
pub struct Request {
    /// The whole URL.
    pub url: Url,
    /// What errors call it: never with a person's name in it.
    pub label: String,
    /// JSON to POST; `None` is a GET.
    pub json: Option<Bytes>,
    /// How often it is sent again after a passing failure; `None` = as configured.
    pub retries: Option<u32>,
    /// It changes nothing at the site: sent again even when the site may have acted on it.
    pub is_read: bool,
    /// How long an answer may take; `None` = as configured.
    pub timeout: Option<Duration>,
}

impl Request {
    /// A GET.
    pub fn get(url: Url, label: impl Into<String>) -> Self {
        Self { url, label: label.into(), json: None, retries: None, is_read: true, timeout: None }
    }

    /// A POST of JSON; a read unless told otherwise.
    pub fn post(url: Url, label: impl Into<String>, json: impl Into<Bytes>) -> Self {
        Self { json: Some(json.into()), ..Self::get(url, label) }
    }

    fn name(&self) -> String {
        format!("{} {}", if self.json.is_some() { "POST" } else { "GET" }, self.label)
    }
}

/// An attempt that failed.
struct Failed {
    trouble: Trouble,
    stage: Stage,
}

/// How far an attempt came before it failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The site certainly did not act on it: no connection, 429, 503.
    NotProcessed,
    /// The site may have acted on it.
    Sent,
    /// Part of the answer is passed on: another one cannot take its place.
    PassedOn,
}

impl From<Trouble> for Failed {
    fn from(trouble: Trouble) -> Self {
        let unprocessed = matches!(trouble, Trouble::RateLimited { .. } | Trouble::Status(503));
        Self { trouble, stage: if unprocessed { Stage::NotProcessed } else { Stage::Sent } }
    }
}

/// A download that failed.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The site does not give it, or not the whole of it.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// What arrived could not be written.
    #[error("what arrived cannot be written")]
    Write(#[source] std::io::Error),
}

impl Client {
    /// A client for the site at `base` (with its context path). `seed` spreads the pauses between retries.
    pub fn new(
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
            clock,
            in_flight: Semaphore::new(limits.concurrency),
            pace: Pace::new(limits.requests_per_second),
            jitter: Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
            known_to_site: AtomicBool::new(false),
            failed_in_row: AtomicU32::new(0),
            buffers: Mutex::new(Vec::new()),
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            rate_limited: AtomicU64::new(0),
        })
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
        request: Request,
        decode: impl Fn(Bytes) -> Result<T, String>,
    ) -> Result<T, RequestError> {
        let attempt = async || {
            let body = self.body(&request, self.answer(&request).await?).await?;
            decode(body).map_err(|why| Failed::from(Trouble::Malformed(why)))
        };
        self.repeat(&request, attempt).await
    }

    /// Sends `request` and passes the body on as it arrives, at most `cap` bytes of it. Tells how many there were.
    pub async fn download(
        &self,
        request: Request,
        cap: u64,
        mut write: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<u64, DownloadError> {
        let mut unwritten = None;
        let attempt = async || {
            let mut response = self.answer(&request).await?;
            let mut received = 0;
            let failed =
                |received, trouble| Failed { trouble, stage: if received > 0 { Stage::PassedOn } else { Stage::Sent } };
            while let Some(chunk) =
                response.chunk().await.map_err(|error| failed(received, self.transport(&request, error)))?
            {
                received += chunk.len() as u64;
                if received > cap {
                    return Err(failed(received, Trouble::TooLarge { cap }));
                }
                if let Err(error) = write(&chunk) {
                    unwritten = Some(error);
                    return Err(failed(received, Trouble::GivenUp));
                }
            }
            Ok(received)
        };
        let received = self.repeat(&request, attempt).await;
        match unwritten {
            Some(error) => Err(DownloadError::Write(error)),
            None => Ok(received?),
        }
    }

    async fn repeat<T>(
        &self,
        request: &Request,
        mut attempt: impl AsyncFnMut() -> Result<T, Failed>,
    ) -> Result<T, RequestError> {
        let retries = request.retries.unwrap_or(self.limits.retries);
        let mut attempts = 0;
        let failed = |attempts, trouble| RequestError { request: request.name(), attempts, trouble };
        loop {
            if self.failed_in_row.load(Ordering::Relaxed) >= GIVE_UP_AFTER {
                return Err(failed(attempts, Trouble::GivenUp));
            }
            let permit = self.in_flight.acquire().await.expect("the semaphore is never closed");
            self.pace.wait().await;
            attempts += 1;
            self.requests.fetch_add(1, Ordering::Relaxed);
            let answer = attempt().await;
            drop(permit);
            let Failed { trouble, stage } = match answer {
                Ok(value) => {
                    self.failed_in_row.store(0, Ordering::Relaxed);
                    return Ok(value);
                }
                Err(failed) => failed,
            };
            let blocked =
                matches!(trouble, Trouble::RateLimited { retry_after: Some(seconds) } if seconds > BLOCK_AFTER);
            let repeatable = stage == Stage::NotProcessed || (stage == Stage::Sent && request.is_read);
            if !trouble.is_passing() || blocked || !repeatable || attempts > retries {
                if matches!(trouble, Trouble::Unreachable(_) | Trouble::TimedOut(_) | Trouble::RateLimited { .. }) {
                    self.failed_in_row.fetch_add(1, Ordering::Relaxed);
                }
                return Err(failed(attempts, trouble));
            }
            let pause = self.pause(attempts, &trouble);
            tracing::debug!(request = ?request.label, %trouble, pause_ms = pause.as_millis() as u64, "request failed, trying again");
            self.retries.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(pause).await;
        }
    }

    /// One attempt, up to the head of an answer that can be believed.
    async fn answer(&self, request: &Request) -> Result<Response, Failed> {
        let sent = match &request.json {
            None => self.http.get(request.url.clone()),
            // Without the header, or as a form, it would be taken for one that a browser was made to send (XSRF).
            Some(json) => self
                .http
                .post(request.url.clone())
                .header(CONTENT_TYPE, "application/json")
                .header("X-Atlassian-Token", "no-check")
                .body(json.clone()),
        };
        let sent = match request.timeout {
            Some(timeout) => sent.timeout(timeout),
            None => sent,
        };
        let sent = match &self.credentials {
            Credentials::Basic { username, password } => sent.basic_auth(username, Some(password.reveal())),
            Credentials::Bearer { token } => sent.bearer_auth(token.reveal()),
        };
        let response = sent.send().await.map_err(|error| {
            let stage = if error.is_connect() { Stage::NotProcessed } else { Stage::Sent };
            Failed { trouble: self.transport(request, error), stage }
        })?;
        self.judge(&response)?;
        Ok(response)
    }

    fn judge(&self, response: &Response) -> Result<(), Trouble> {
        let headers = response.headers();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED {
            return Err(Trouble::Unauthorized { reason: text("x-seraph-loginreason").map(known_login_reason) });
        }
        if status == StatusCode::FORBIDDEN {
            return Err(if text("x-authentication-denied-reason").is_some_and(|reason| reason.contains("CAPTCHA")) {
                Trouble::Unauthorized { reason: Some("AUTHENTICATION_DENIED".to_owned()) }
            } else {
                Trouble::Forbidden
            });
        }
        if status == StatusCode::NOT_FOUND {
            return Err(Trouble::NotFound);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.rate_limited.fetch_add(1, Ordering::Relaxed);
            return Err(Trouble::RateLimited { retry_after: self.retry_after(headers) });
        }
        if status.is_redirection() {
            return Err(self.redirected(headers));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE
            && let Some(seconds) = self.retry_after(headers)
        {
            // It speaks for the whole site: nobody sends before.
            self.pace.not_before(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER));
        }
        if !status.is_success() {
            return Err(Trouble::Status(status.as_u16()));
        }
        if text(CONTENT_TYPE.as_str()).is_some_and(|kind| kind.trim_start().starts_with("text/html")) {
            return Err(Trouble::Anonymous("a log-in page instead of data"));
        }
        match text("x-ausername") {
            Some(name) if !is_anonymous(name) => self.known_to_site.store(true, Ordering::Relaxed),
            Some(_) => return Err(Trouble::Anonymous("X-AUSERNAME: anonymous")),
            // A wrong token was seen to answer 200 with other content: no first answer is believed without the header.
            None if !self.known_to_site.load(Ordering::Relaxed) => {
                return Err(Trouble::Anonymous("no X-AUSERNAME header"));
            }
            None => {}
        }
        Ok(())
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

    async fn body(&self, request: &Request, mut response: Response) -> Result<Bytes, Failed> {
        let expected = response.content_length().unwrap_or(0).min(PAGE_CAP) as usize;
        let first = match response.chunk().await.map_err(|error| self.transport(request, error))? {
            None => return Ok(Bytes::new()),
            Some(chunk) if chunk.len() == expected => return Ok(chunk),
            Some(chunk) => chunk,
        };
        // A page's buffer is used again once the page is done with: a fresh one costs its page faults each time.
        let mut body = self.buffers.lock().expect("no panic while held").pop().unwrap_or_default();
        body.reserve(expected.max(first.len()));
        body.extend_from_slice(&first);
        while let Some(chunk) = response.chunk().await.map_err(|error| self.transport(request, error))? {
            if (body.len() + chunk.len()) as u64 > PAGE_CAP {
                return Err(Trouble::TooLarge { cap: PAGE_CAP }.into());
            }
            body.extend_from_slice(&chunk);
        }
        let page = body.split().freeze();
        let mut buffers = self.buffers.lock().expect("no panic while held");
        if buffers.len() < KEPT_BUFFERS {
            buffers.push(body);
        }
        Ok(page)
    }

    /// reqwest's own text holds the URL with its query; only the innermost cause is kept.
    fn transport(&self, request: &Request, error: reqwest::Error) -> Trouble {
        if error.is_timeout() {
            return Trouble::TimedOut(request.timeout.unwrap_or(self.limits.request_timeout));
        }
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        Trouble::Unreachable(cause.to_string())
    }

    /// `Retry-After` in seconds: a number, or an HTTP date; garbage is none.
    fn retry_after(&self, headers: &HeaderMap) -> Option<u64> {
        let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(text.parse().unwrap_or(u64::MAX));
        }
        let until = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        let now = Duration::from_millis(self.clock.now().millis().max(0) as u64);
        Some(until.saturating_sub(now).as_secs())
    }

    fn pause(&self, attempts: u32, trouble: &Trouble) -> Duration {
        let backoff = FIRST_PAUSE.saturating_mul(1 << (attempts - 1).min(16)).min(LONGEST_PAUSE);
        let random = self.jitter.lock().expect("no panic while held").next_u32();
        // Between half and the whole of it, so that clients that failed together do not come back together.
        let jittered = backoff.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0);
        match trouble {
            Trouble::RateLimited { retry_after: Some(seconds) } => {
                jittered.max(Duration::from_secs(*seconds).min(LONGEST_RETRY_AFTER))
            }
            _ => jittered,
        }
    }
}

/// The reasons Seraph gives; anything else a server may put there is not repeated.
fn known_login_reason(reason: &str) -> String {
    const KNOWN: [&str; 6] = [
        "AUTHENTICATION_DENIED",
        "AUTHENTICATED_FAILED",
        "AUTHORISATION_FAILED",
        "OUT",
        "TOKEN_EXPIRED",
        "AUTHENTICATION_FAILED",
    ];
    KNOWN.iter().find(|known| reason.eq_ignore_ascii_case(known)).map_or("another reason", |known| known).to_owned()
}

fn is_anonymous(name: &str) -> bool {
    let name = percent_decode_str(name).decode_utf8_lossy();
    name.trim().is_empty() || name.trim().eq_ignore_ascii_case("anonymous")
}

fn is_login_page(url: &Url) -> bool {
    let path = url.path().to_ascii_lowercase();
    path.contains("login") || path.contains("os_login")
}

/// Spaces requests out to a mean rate, with a burst of one second's worth.
struct Pace {
    interval: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    fn new(per_second: f64) -> Self {
        let interval = if per_second > 0.0 { Duration::from_secs_f64(1.0 / per_second) } else { Duration::ZERO };
        Self { interval, next: Mutex::new(None) }
    }

    fn not_before(&self, pause: Duration) {
        let mut next = self.next.lock().expect("no panic while held");
        let earliest = Instant::now() + pause + Duration::from_secs(1);
        *next = Some(next.map_or(earliest, |next| next.max(earliest)));
    }

    async fn wait(&self) {
        let slot = {
            let mut next = self.next.lock().expect("no panic while held");
            if self.interval.is_zero() && next.is_none() {
                return;
            }
            let now = Instant::now();
            // `next` runs ahead of the clock by what was spent; up to a second of it may be spent at once.
            let slot = next.map_or(now, |next| next.max(now));
            *next = Some(slot + self.interval);
            slot
        };
        if let Some(earliest) = slot.checked_sub(Duration::from_secs(1)) {
            tokio::time::sleep_until(earliest).await;
        }
    }
}
