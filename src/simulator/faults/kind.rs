//! What can go wrong.

use std::fmt;

use super::bend::{RowBend, Total};
use crate::simulator::population::Population;

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
    /// 401 with this `X-Seraph-LoginReason`; from Cloud without.
    Unauthorized(String),
    /// 302 to this address, as it stands here.
    Redirect(String),
    /// 302 to the site's own log-in page.
    LoginRedirect,
    /// 200, `application/json`, and a body that is none.
    InvalidJson,
    /// 200 and the HTML of the log-in page, as a proxy with single sign-on sends it.
    HtmlLogin,
    /// The visitor counts as not logged in: `X-AUSERNAME: anonymous` (not on Cloud), listings are empty, nobody is found.
    Anonymous,
    /// The server caps pages at so many rows.
    CapPages(usize),
    /// `maxResults`, or Cloud's `limit`, counts as not sent.
    IgnoreMaxResults,
    /// `startAt`, or Cloud's `start` or cursor, counts as not sent: every page is the first.
    IgnoreStartAt,
    /// The page of this listing that was answered last comes again, to the byte.
    RepeatPage,
    /// Group members as releases before 2.8 sent them: `{"<userName>": …}`.
    OldPlugin,
    /// A listing is empty, with a total of 0.
    EmptyList,
    /// `"status":"error"`, no rows, and the right total.
    OddStatus,
    /// The member that holds the rows is not there.
    NoResults,
    /// The next page of an organization's list has the same cursor for ever.
    ConstantNext,
    /// `total`, or Cloud's `totalSize`, is not what it should be; User Export sends none.
    Total(Total),
    /// One record of the page, the middle one, is not what it should be. A look-up has only one.
    Row(RowBend),
    /// The answer comes this many milliseconds late.
    SlowMs(u64),
    /// No answer, until the client gives up.
    Hang,
    /// The connection is reset before the first byte of the answer. (On the static site it is closed instead.)
    Reset,
    /// The body ends half-way: less than its `Content-Length` says, then the connection closes.
    Truncate,
    /// The body ends half-way, without the chunk that ends it, then the connection closes.
    TruncateChunked,
    /// The body ends half-way, and nothing gives that away: without a length, closing the connection ends it.
    TruncateClose,
    /// The body comes byte by byte.
    Trickle {
        /// Between two bytes.
        millis: u64,
        /// After the body come blanks, without end.
        forever: bool,
    },
    /// A body without end, which begins as the right one.
    Endless(Endless),
    /// A body of so many MiB of JSON, compressed to a thousandth. It holds no rows.
    GzipBomb(u64),
    /// Something happens at the site just before the request is answered. The site is locked meanwhile: use what is
    /// passed in, not [`crate::simulator::Simulator::with_population`].
    Between(Box<dyn FnMut(&mut Population) + Send>),
    /// The body of the right answer, changed.
    Rewrite(Box<dyn FnMut(String) -> String + Send>),
}

/// What a body without end goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endless {
    /// The rows of the page, again and again.
    Rows,
    /// Blanks between two rows, which JSON allows.
    Blanks,
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

    /// The body as this fault bends it, the `seen`th time a request matched it; `None` where it leaves bodies alone.
    pub(super) fn bend(&mut self, body: &[u8], seen: u32) -> Option<String> {
        let body = || String::from_utf8_lossy(body).into_owned();
        Some(match self {
            Self::Rewrite(change) => change(body()),
            Self::Total(total) => total.bend(body(), seen),
            Self::Row(row) => row.bend(body()),
            Self::OddStatus => super::bend::odd_status(body()),
            Self::NoResults => super::bend::no_results(body()),
            Self::ConstantNext => super::bend::constant_next(body()),
            _ => return None,
        })
    }
}

impl fmt::Debug for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { code, headers, .. } => f.debug_tuple("Status").field(code).field(headers).finish(),
            Self::Unauthorized(reason) => f.debug_tuple("Unauthorized").field(reason).finish(),
            Self::Redirect(address) => f.debug_tuple("Redirect").field(address).finish(),
            Self::LoginRedirect => f.write_str("LoginRedirect"),
            Self::InvalidJson => f.write_str("InvalidJson"),
            Self::HtmlLogin => f.write_str("HtmlLogin"),
            Self::Anonymous => f.write_str("Anonymous"),
            Self::CapPages(rows) => write!(f, "CapPages({rows})"),
            Self::IgnoreMaxResults => f.write_str("IgnoreMaxResults"),
            Self::IgnoreStartAt => f.write_str("IgnoreStartAt"),
            Self::RepeatPage => f.write_str("RepeatPage"),
            Self::OldPlugin => f.write_str("OldPlugin"),
            Self::EmptyList => f.write_str("EmptyList"),
            Self::OddStatus => f.write_str("OddStatus"),
            Self::NoResults => f.write_str("NoResults"),
            Self::ConstantNext => f.write_str("ConstantNext"),
            Self::Total(total) => write!(f, "Total({total:?})"),
            Self::Row(row) => write!(f, "Row({row:?})"),
            Self::SlowMs(millis) => write!(f, "SlowMs({millis})"),
            Self::Hang => f.write_str("Hang"),
            Self::Reset => f.write_str("Reset"),
            Self::Truncate => f.write_str("Truncate"),
            Self::TruncateChunked => f.write_str("TruncateChunked"),
            Self::TruncateClose => f.write_str("TruncateClose"),
            Self::Trickle { millis, forever } => write!(f, "Trickle({millis} ms, forever: {forever})"),
            Self::Endless(with) => write!(f, "Endless({with:?})"),
            Self::GzipBomb(mebibytes) => write!(f, "GzipBomb({mebibytes} MiB)"),
            Self::Between(_) => f.write_str("Between"),
            Self::Rewrite(_) => f.write_str("Rewrite"),
        }
    }
}
