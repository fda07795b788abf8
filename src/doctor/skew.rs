//! The site's clock against ours: times that a site tells are compared with our own.

use super::check::{Check, Fault};
use crate::confluence::ClockReading;
use crate::render::duration;

const NAME: &str = "clock";
/// Beyond these many milliseconds somebody should know.
const WARN: i64 = 30_000;
/// Beyond these, last log-ins and the moments of changes are not to be compared.
const FAIL: i64 = 300_000;
/// The site tells its time in whole seconds.
const RESOLUTION: i64 = 1_000;

/// Judges what the answers' `Date` said.
pub(super) fn check(reading: Option<ClockReading>) -> Check {
    let Some(reading) = reading else {
        return Check::skipped(NAME, "the site's answers have no Date");
    };
    // The site's clock was read between the two readings of ours, and showed up to a second more than it tells.
    let most = reading.site.millis() + RESOLUTION - reading.sent.millis();
    let least = reading.site.millis() - reading.received.millis();
    let certain = if least > 0 { least } else { most.min(0) };
    if certain == 0 {
        return Check::ok(NAME, "the site's clock agrees with this machine's");
    }
    let (direction, seconds) = (if certain > 0 { "ahead of" } else { "behind" }, certain.abs() / 1000);
    let found = format!("the site's clock is {} {direction} this machine's", duration(seconds));
    let remedy = "synchronise both clocks (NTP): `timedatectl` tells whether this machine's is";
    match certain.abs() {
        skew if skew > FAIL => Check::failed(NAME, Fault::Other, found, remedy),
        skew if skew > WARN => Check::warning(NAME, found, remedy),
        _ => Check::ok(NAME, found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;
    use crate::model::Timestamp;

    /// The site's clock so many milliseconds ahead of ours, read in a round trip of so many; its answer was made half-way.
    fn judged(ahead: i64, round_trip: i64) -> Check {
        let at = |millis| Timestamp::from_millis(1_700_000_000_250 + millis).unwrap();
        let site = (at(round_trip / 2 + ahead).millis()).div_euclid(1000) * 1000;
        let site = Timestamp::from_millis(site).unwrap();
        check(Some(ClockReading { sent: at(0), site, received: at(round_trip) }))
    }

    #[test]
    fn a_skew_is_told_as_far_as_it_is_certain() {
        for (ahead, round_trip, verdict) in [
            (0, 10, Verdict::Ok),
            (0, 12_000, Verdict::Ok),
            (29_000, 10, Verdict::Ok),
            (-29_000, 10, Verdict::Ok),
            (32_000, 10, Verdict::Warning),
            (-32_000, 10, Verdict::Warning),
            // Nobody knows when in twelve seconds the answer was made.
            (32_000, 12_000, Verdict::Ok),
            (299_000, 10, Verdict::Warning),
            (302_000, 10, Verdict::Failed(Fault::Other)),
            (-302_000, 10, Verdict::Failed(Fault::Other)),
        ] {
            let check = judged(ahead, round_trip);
            assert_eq!(check.verdict, verdict, "{ahead} ms, {round_trip} ms: {}", check.found);
        }
        assert!(judged(3_600_000, 10).found.contains("ahead of"));
        assert!(judged(-3_600_000, 10).found.contains("behind"));
        assert_eq!(check(None).verdict, Verdict::Skipped);
    }
}
