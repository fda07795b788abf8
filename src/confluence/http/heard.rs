//! What answers say beside their bodies: the site's clock, and what its rate limiting allows. Noted for whoever asks.

use std::sync::Mutex;
use std::time::UNIX_EPOCH;

use reqwest::header::{DATE, HeaderMap};

use super::Client;
use crate::model::Timestamp;

/// What the answers so far said beside their bodies.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heard {
    /// The site's clock and ours, by the answer that came soonest.
    pub clock: Option<ClockReading>,
    /// What its rate limiting allows.
    pub rate_limit: Option<RateLimit>,
}

/// The site's clock between two readings of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// Ours, before the request was sent.
    pub sent: Timestamp,
    /// The site's, in whole seconds: its `Date`.
    pub site: Timestamp,
    /// Ours, when the answer began.
    pub received: Timestamp,
}

impl ClockReading {
    fn round_trip(&self) -> i64 {
        self.received.millis() - self.sent.millis()
    }
}

/// A bucket of requests that is filled up again and again, as Data Center tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// How many requests may come at once, at most.
    pub limit: u64,
    /// How many requests are added every interval.
    pub fill_rate: u64,
    /// How long that is.
    pub interval_seconds: u64,
}

impl Client {
    /// Notes what answers say beside their bodies, for [`Client::heard`].
    pub fn listening(self) -> Self {
        Self { heard: Some(Mutex::default()), ..self }
    }

    /// What was heard so far; nothing unless it is [listening](Client::listening).
    pub fn heard(&self) -> Heard {
        self.heard.as_ref().map(|heard| *heard.lock().expect("no panic while held")).unwrap_or_default()
    }

    /// Notes what the head of an answer says, whatever its status.
    pub(super) fn note(&self, sent: Timestamp, headers: &HeaderMap) {
        let Some(heard) = &self.heard else { return };
        let mut heard = heard.lock().expect("no panic while held");
        if let Some(site) = date(headers) {
            let reading = ClockReading { sent, site, received: self.judge.now() };
            if heard.clock.is_none_or(|known| reading.round_trip() < known.round_trip()) {
                heard.clock = Some(reading);
            }
        }
        heard.rate_limit = rate_limit(headers).or(heard.rate_limit);
    }
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let millis = i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()?;
    Timestamp::from_millis(millis).ok()
}

fn rate_limit(headers: &HeaderMap) -> Option<RateLimit> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse().ok();
    Some(RateLimit {
        limit: number("x-ratelimit-limit")?,
        fill_rate: number("x-ratelimit-fillrate")?,
        interval_seconds: number("x-ratelimit-interval-seconds")?,
    })
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_date_is_read_or_is_none() {
        let read = |text| date(&headers(&[("date", text)])).map(Timestamp::to_sql);
        assert_eq!(read("Wed, 21 Oct 2015 07:28:00 GMT").as_deref(), Some("2015-10-21 07:28:00.000"));
        for odd in ["", "now", "2015-10-21T07:28:00Z"] {
            assert_eq!(read(odd), None, "{odd}");
        }
        assert_eq!(date(&HeaderMap::new()), None);
    }

    #[test]
    fn a_rate_limit_is_told_whole_or_not_at_all() {
        let all = [("x-ratelimit-limit", "50"), ("x-ratelimit-fillrate", "10"), ("x-ratelimit-interval-seconds", "2")];
        assert_eq!(rate_limit(&headers(&all)), Some(RateLimit { limit: 50, fill_rate: 10, interval_seconds: 2 }));
        assert_eq!(rate_limit(&headers(&all[..2])), None);
        assert_eq!(rate_limit(&headers(&[("x-ratelimit-limit", "many"), all[1], all[2]])), None);
    }
}
