//! Whether and when a request is sent again.

use std::sync::Mutex;
use std::time::{Duration, UNIX_EPOCH};

use rand::rand_core::{Rng, SeedableRng};
use rand::rngs::ChaCha8Rng;

use crate::confluence::error::Trouble;
use crate::model::Timestamp;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A `Retry-After` up to here is waited for; beyond an hour it is a refusal.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// An attempt that failed.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) trouble: Trouble,
    pub(super) stage: Stage,
    /// The seconds for which the site asks everybody to stay away.
    pub(super) retry_after: Option<u64>,
}

/// How far an attempt came before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The site certainly did not act on it: no connection, 429, 503.
    NotProcessed,
    /// The site may have acted on it.
    Sent,
    /// Part of the answer is passed on: another one cannot take its place.
    PassedOn,
}

impl From<Trouble> for Failed {
    fn from(trouble: Trouble) -> Self {
        Self { trouble, stage: Stage::Sent, retry_after: None }
    }
}

impl Failed {
    /// The whole client waits, not this request alone.
    pub(super) fn holds_all(&self) -> bool {
        matches!(self.trouble, Trouble::RateLimited { .. }) || self.retry_after.is_some()
    }
}

/// The pauses between attempts, growing and spread.
pub(super) struct Backoff(Mutex<ChaCha8Rng>);

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha8Rng::seed_from_u64(seed)))
    }

    /// The pause after so many attempts, as long at least as the site asks for, within reason.
    pub(super) fn pause(&self, attempts: u32, retry_after: Option<u64>) -> Duration {
        let backoff = FIRST_PAUSE.saturating_mul(1 << (attempts.max(1) - 1).min(16)).min(LONGEST_PAUSE);
        let random = self.0.lock().expect("no panic while held").next_u32();
        // Between half and the whole of it, so that clients that failed together do not come back together.
        let jittered = backoff.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0);
        let asked = Duration::from_secs(retry_after.unwrap_or(0)).min(LONGEST_RETRY_AFTER);
        jittered.max(asked)
    }
}

/// `Retry-After` in seconds: a number, or an HTTP date; garbage is none.
pub(super) fn retry_after(text: &str, now: Timestamp) -> Option<u64> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().unwrap_or(u64::MAX));
    }
    let until = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let now = Duration::from_millis(now.millis().max(0) as u64);
    Some(until.saturating_sub(now).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_every_shape() {
        let now = Timestamp::from_millis(1_445_412_480_000).unwrap(); // Wed, 21 Oct 2015 07:28:00 GMT
        for (text, expected) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("315360000", Some(315_360_000)),
            ("9223372036854775807", Some(i64::MAX as u64)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Wed, 21 Oct 2015 07:29:30 GMT", Some(90)),
            ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
            ("Wednesday, 21-Oct-15 07:29:30 GMT", Some(90)),
            ("", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(text, now), expected, "{text}");
        }
    }

    #[test]
    fn a_pause_grows_up_to_a_limit_and_honours_the_site() {
        let backoff = Backoff::new(1);
        for attempts in 1..40 {
            let longest = FIRST_PAUSE.saturating_mul(1 << (attempts - 1).min(16)).min(LONGEST_PAUSE);
            let pause = backoff.pause(attempts, None);
            assert!(pause >= longest / 2 && pause <= longest, "{attempts}: {pause:?}");
        }
        assert_eq!(backoff.pause(1, Some(60)), Duration::from_secs(60));
        assert_eq!(backoff.pause(1, Some(3000)), LONGEST_RETRY_AFTER);
        assert!(backoff.pause(1, Some(0)) >= FIRST_PAUSE / 2);
    }
}
