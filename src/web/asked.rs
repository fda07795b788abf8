//! What a request asks for in its address and its body.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::{Duration, timeout};
use url::form_urlencoded;

use super::refusal::Refusal;
use crate::model::Timestamp;
use crate::render::quoted;
use crate::report;

/// The moment that is asked about, in a query.
pub(super) const AS_OF: &str = "as-of";

/// How long a client has for the next part of its body, and for the whole of it.
const NEXT: Duration = Duration::from_secs(20);
const WHOLE: Duration = Duration::from_secs(120);

/// A body that is too large is read up to here before it is refused: a client that is still sending hears no answer.
const HEARD_OUT: usize = 64 << 20;

/// The parameters of a query, which are taken one by one: what is left was not understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked(Vec<(String, String)>);

impl Asked {
    /// Those of an address.
    pub fn of(uri: &Uri) -> Self {
        let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// Every value of `name`, in order; those that are empty, as a form sends them, are none.
    pub fn take_all(&mut self, name: &str) -> Vec<String> {
        let mut values = Vec::new();
        self.0.retain_mut(|(known, value)| {
            let is_it = known == name;
            if is_it && !value.is_empty() {
                values.push(std::mem::take(value));
            }
            !is_it
        });
        values
    }

    /// The value of `name`.
    ///
    /// # Errors
    /// There are several.
    pub fn take(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        let mut values = self.take_all(name);
        match values.len() {
            0 | 1 => Ok(values.pop()),
            _ => Err(Refusal::bad(format!("{name} is given more than once"))),
        }
    }

    /// A number of `name`, not below zero.
    ///
    /// # Errors
    /// It is none.
    pub fn take_number(&mut self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.take(name)? else { return Ok(None) };
        let number = text.trim().parse().ok().filter(|number| *number <= i64::MAX as u64);
        number
            .map(Some)
            .ok_or_else(|| Refusal::bad(format!("{name}={} is no number from 0 to {}", quoted(&text), i64::MAX)))
    }

    /// The moment of `as-of`, and whether it is one of the past.
    ///
    /// # Errors
    /// It is no time, or to come.
    pub fn take_moment(&mut self, now: Timestamp) -> Result<(Timestamp, bool), Refusal> {
        let text = self.take(AS_OF)?;
        report::moment(text.as_deref(), now).map_err(|why| Refusal::bad(format!("{AS_OF}: {why}")))
    }

    /// What was not taken.
    pub fn rest(self) -> Vec<(String, String)> {
        self.0
    }

    /// Refuses what was not taken.
    ///
    /// # Errors
    /// There is something.
    pub fn done(self) -> Result<(), Refusal> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(Refusal::bad(format!("there is no parameter {} here", quoted(name)))),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.uri))
    }
}

/// The whole body, of at most so many bytes.
///
/// # Errors
/// It is longer, it does not come, or the client is gone.
pub(super) async fn whole(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let late = |_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time");
    timeout(WHOLE, read(body, limit, NEXT)).await.map_err(late)?
}

async fn read(body: Body, limit: usize, next: Duration) -> Result<Bytes, Refusal> {
    let late = |_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time");
    let (mut stream, mut kept, mut heard) = (body.into_data_stream(), BytesMut::new(), 0);
    while let Some(part) = timeout(next, stream.next()).await.map_err(late)? {
        let part = part.map_err(|_| Refusal::bad("the body ended in the middle"))?;
        heard += part.len();
        if heard <= limit {
            kept.extend_from_slice(&part);
        } else if heard > HEARD_OUT {
            break;
        }
    }
    match heard > limit {
        false => Ok(kept.freeze()),
        true => {
            let why = format!("the body is longer than {} MiB, which is the most that is taken here", limit >> 20);
            Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Asked {
        Asked::of(&format!("/x?{query}").parse().unwrap())
    }

    #[test]
    fn parameters_are_taken_one_by_one() {
        let mut asked = asked("site=a&days=90&site=b%26c&empty=&as-of=2026-01-31");
        assert_eq!(asked.take_all("site"), ["a", "b&c"]);
        assert_eq!(asked.take("empty").unwrap(), None);
        assert_eq!(asked.take_number("days").unwrap(), Some(90));
        let now = Timestamp::parse_sql("2026-03-01 00:00:00.000").unwrap();
        let (moment, past) = asked.take_moment(now).unwrap();
        assert_eq!((moment.to_rfc3339().as_str(), past), ("2026-01-31T23:59:59.999Z", true));
        asked.done().unwrap();
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for number in ["-1", "1.5", "x", "99999999999999999999", "9223372036854775808"] {
            assert_eq!(asked(&format!("n={number}")).take_number("n").unwrap_err().status, StatusCode::BAD_REQUEST);
        }
        assert!(asked("a=1&a=2").take("a").is_err());
        assert!(asked("a=1").done().unwrap_err().message.contains("'a'"));
        let now = Timestamp::parse_sql("2026-03-01 00:00:00.000").unwrap();
        for time in ["yesterday", "2026-13-01", "2027-01-01"] {
            assert!(asked(&format!("as-of={time}")).take_moment(now).is_err(), "{time}");
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let parts = futures_util::stream::iter([Ok::<_, std::io::Error>("12")]).chain(futures_util::stream::pending());
        let refused = read(Body::from_stream(parts), 9, Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(refused.status, StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        assert_eq!(whole(Body::from("1234"), 4).await.unwrap(), "1234");
        assert_eq!(whole(Body::from("12345"), 4).await.unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
