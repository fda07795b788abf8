//! What can go wrong with a request, split by what a caller does about it.

use std::fmt;
use std::time::Duration;

use super::http::Upstream;

/// The most a decoded page may hold, in bytes; a bomb of gzip ends here.
pub(super) const PAGE_CAP: u64 = 64 << 20;
/// A waiting time beyond so many seconds is no pause but a refusal.
pub(super) const BLOCK_AFTER: u64 = 3600;
/// What `X-Seraph-LoginReason` says when a CAPTCHA stands before the account.
pub(super) const CAPTCHA: &str = "AUTHENTICATION_DENIED";

/// A request that failed for good, after its retries.
///
/// Neither form of it shows a secret, a person or a body: bodies are people.
#[derive(Clone, Debug)]
pub struct RequestError {
    /// What was asked for, method first, without credentials and without people's names.
    pub request: String,
    /// How often it was sent.
    pub attempts: u32,
    /// The right it needs.
    pub right: Right,
    /// What went wrong the last time.
    pub trouble: Trouble,
}

/// The right that a request needs at the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Confluence administrator: users and their details.
    Administrator,
    /// Whoever may use Confluence: groups and the names of their members.
    UseConfluence,
    /// Whoever may use the Cloud site, with a token that has this scope where it has scopes at all.
    Cloud {
        /// The scope.
        scope: &'static str,
    },
    /// An API key of the organization.
    Organization,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cloud { scope } => {
                return write!(
                    f,
                    "it needs the global permission \"can use\" Confluence and the right to view user profiles, and of a \
                     token with scopes {scope}"
                );
            }
            Self::Organization => {
                "it needs an API key that an organization admin made for this organization, with the scope read:users"
            }
            Self::Administrator => "it needs Confluence administrator rights",
            Self::UseConfluence => {
                "it needs the global permission \"can use\" Confluence, and the app REST API Extender must not be \
                 restricted to others"
            }
        })
    }
}

/// What went wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No connection, or it broke.
    Unreachable(String),
    /// No answer, or not the whole of it, in time.
    TimedOut(Duration),
    /// 401: wrong credentials, or a CAPTCHA stands before them. Never retried: a second could lock the account.
    Unauthorized {
        /// `X-Seraph-LoginReason`, where the site gives it.
        reason: Option<String>,
    },
    /// 401 of Confluence Cloud or its organization: the token is wrong, has expired, or is of the other kind.
    TokenRefused(Upstream),
    /// Answered as anonymous, or with a log-in page: the credentials do not count.
    Anonymous(&'static str),
    /// 401 where it may mean that the account is no administrator, and nothing says that it is about the credentials.
    NotPermitted,
    /// 403.
    Forbidden,
    /// 404 where it means that the account lacks the right.
    Concealed,
    /// 404.
    NotFound,
    /// 429 until the retries ran out, or with a waiting time that means a block.
    RateLimited {
        /// The waiting time asked for, in seconds.
        retry_after: Option<u64>,
    },
    /// 503 with a waiting time that is no pause.
    Unavailable {
        /// The waiting time asked for, in seconds.
        retry_after: u64,
    },
    /// A redirect, which is not followed: it could carry the credentials elsewhere.
    Redirected {
        /// The origin it points to.
        to: String,
    },
    /// 503 where it may also mean that the interface is switched off.
    SwitchedOff,
    /// Any other status.
    Status(u16),
    /// The decoded body is larger than it may be.
    TooLarge {
        /// The cap, in bytes.
        cap: u64,
    },
    /// The body does not say what it should: type, field path, position. Never its text.
    Malformed(String),
    /// Given up unsent: too many requests before it failed.
    GivenUp,
    /// Not sent, or not again, since the walk's time is over.
    Deadline,
}

impl Trouble {
    /// The same request may succeed a little later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TimedOut(_) | Self::Malformed(_) => true,
            Self::RateLimited { retry_after } => retry_after.is_none_or(|seconds| seconds <= BLOCK_AFTER),
            Self::Status(status) => *status >= 500,
            Self::Unauthorized { .. }
            | Self::TokenRefused(_)
            | Self::Anonymous(_)
            | Self::NotPermitted
            | Self::Forbidden
            | Self::Concealed
            | Self::Unavailable { .. }
            | Self::SwitchedOff
            | Self::NotFound
            | Self::Redirected { .. }
            | Self::TooLarge { .. }
            | Self::GivenUp
            | Self::Deadline => false,
        }
    }

    /// The credentials are refused as such: nothing this site says can be believed, no further request is sent.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Unauthorized { .. } | Self::TokenRefused(_) | Self::Anonymous(_))
    }

    /// Nothing more will be read in this walk.
    pub fn is_end(&self) -> bool {
        matches!(self, Self::GivenUp | Self::Deadline | Self::Unavailable { .. })
    }

    /// The account is blocked by rate limiting.
    pub fn is_block(&self) -> bool {
        matches!(self, Self::RateLimited { .. })
    }
}

/// What went wrong, without what to do about it.
struct What<'a>(&'a Trouble);

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Trouble::Unreachable(why) => write!(f, "not reachable ({why})"),
            Trouble::TimedOut(limit) => write!(f, "no whole answer within {} s", limit.as_secs_f64()),
            Trouble::Unauthorized { reason } => {
                write!(f, "401, credentials refused")?;
                match reason.as_deref() {
                    Some(CAPTCHA) => write!(f, " ({CAPTCHA}: a CAPTCHA stands before this account)"),
                    Some(reason) => write!(f, " ({reason})"),
                    None => Ok(()),
                }
            }
            Trouble::TokenRefused(_) => write!(f, "401, the token is refused"),
            Trouble::Anonymous(why) => {
                write!(f, "answered without a log-in ({why}), so the credentials do not count")
            }
            Trouble::NotPermitted => write!(
                f,
                "401: the account is no Confluence administrator, or its user name and password or token are refused"
            ),
            Trouble::Forbidden => write!(f, "403, the account lacks the right"),
            Trouble::Concealed => write!(f, "404, which says here that the account lacks the right"),
            Trouble::NotFound => write!(f, "404, not there"),
            Trouble::RateLimited { retry_after } => {
                write!(f, "429, the account is blocked by the site's rate limiting")?;
                retry_after.map_or(Ok(()), |seconds| write!(f, " (retry after {seconds} s)"))
            }
            Trouble::Unavailable { retry_after } => {
                write!(f, "503, the site is out of service and asks to come back only after {retry_after} s")
            }
            Trouble::Redirected { to } => write!(f, "redirected to {to}, which is not followed"),
            Trouble::SwitchedOff => write!(
                f,
                "503, the site does not offer this: its administrators have not enabled it, or the site is out of service"
            ),
            Trouble::Status(status) => write!(f, "status {status}"),
            Trouble::TooLarge { cap } => write!(f, "the answer is larger than {} MiB", cap >> 20),
            Trouble::Malformed(what) => f.write_str(what),
            Trouble::GivenUp => write!(f, "not asked, since the requests before it failed"),
            Trouble::Deadline => write!(f, "not asked in time: the walk took longer than limits.walk_deadline"),
        }
    }
}

impl Trouble {
    /// What to do about it, where that does not depend on what was asked.
    fn remedy(&self) -> Option<String> {
        let remedy = match self {
            Self::Unreachable(_) => "check base_url, the network and the site",
            Self::TimedOut(_) => "raise limits.request_timeout or lower limits.page_size",
            Self::Unauthorized { reason } => match reason.as_deref() {
                Some(CAPTCHA) => "log in once in a browser, then correct the credentials before trying again",
                Some(_) => "check username and password or token",
                None => "check username and password or token, and whether a token has expired",
            },
            Self::TokenRefused(upstream) => return Some(upstream.to_string()),
            Self::Anonymous(_) => "check username and password or token",
            Self::RateLimited { .. } => {
                "ask the site's administrators for an exemption, or lower limits.requests_per_second"
            }
            Self::Redirected { .. } => "set base_url to the site's final address",
            Self::TooLarge { cap } if *cap == PAGE_CAP => "lower limits.page_size",
            Self::Deadline => "raise it, or see why the site is slow",
            Self::NotPermitted
            | Self::Forbidden
            | Self::Concealed
            | Self::NotFound
            | Self::Unavailable { .. }
            | Self::SwitchedOff
            | Self::Status(_)
            | Self::TooLarge { .. }
            | Self::Malformed(_)
            | Self::GivenUp => return None,
        };
        Some(remedy.to_owned())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&What(self), f)?;
        self.remedy().map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }
}

impl RequestError {
    /// What was asked for and what came of it, without what to do about it.
    pub fn what(&self) -> String {
        format!("{}: {}", self.request, What(&self.trouble))
    }

    /// What to do about it.
    pub fn remedy(&self) -> Option<String> {
        let lacking = matches!(self.trouble, Trouble::Forbidden | Trouble::NotPermitted | Trouble::Concealed);
        if lacking { Some(self.right.to_string()) } else { self.trouble.remedy() }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what())?;
        if let Some(remedy) = self.remedy() {
            write!(f, "; {remedy}")?;
        }
        if self.attempts > 1 {
            write!(f, " (tried {} times)", self.attempts)?;
        }
        Ok(())
    }
}

impl std::error::Error for RequestError {}
