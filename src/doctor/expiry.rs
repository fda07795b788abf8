//! How long credentials last, as far as anybody tells.

use std::path::Path;
use std::time::UNIX_EPOCH;

use super::check::Check;
use crate::confluence::{Expiries, RequestError};
use crate::model::Timestamp;

const DAY: i64 = 86_400_000;
/// So long before the end somebody should know.
const SOON: i64 = 30 * DAY;
/// Atlassian's tokens and keys live no longer.
const YEAR: i64 = 365 * DAY;

/// Judges what a system tells of the tokens of the account: `what` is "token" or "key".
pub(super) fn told(
    name: &'static str,
    what: &str,
    answer: Result<Expiries, RequestError>,
    (now, remedy): (Timestamp, &str),
) -> Option<Check> {
    let all = answer.ok()?;
    // Those that have expired are not ours: ours was just accepted.
    let good: Vec<Option<Timestamp>> = all.into_iter().filter(|at| at.is_none_or(|at| at > now)).collect();
    let count = good.len();
    if count == 0 {
        return None;
    }
    let Some(first) = good.into_iter().flatten().min() else {
        return Some(Check::ok(name, format!("the {what} does not expire")));
    };
    let days = (first.millis() - now.millis()) / DAY;
    let when = format!("on {}, in {days} days", &first.to_sql()[..10]);
    let found = match count {
        1 => format!("the {what} expires {when}"),
        _ => format!("of {count} {what}s, of which the site does not say which is ours, the first expires {when}"),
    };
    Some(if first.millis() - now.millis() < SOON {
        Check::warning(name, found, remedy)
    } else {
        Check::ok(name, found)
    })
}

/// Judges the age of the file of a token that lives a year at most, where nobody tells more.
pub(super) fn by_age(name: &'static str, what: &str, file: Option<&Path>, (now, remedy): (Timestamp, &str)) -> Check {
    let untold = format!("nobody tells when the {what} expires");
    let written = file.and_then(|file| std::fs::metadata(file).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok());
    let Some(written) = written.and_then(|written| i64::try_from(written.as_millis()).ok()) else {
        return Check::skipped(name, untold);
    };
    let age = now.millis() - written;
    let found = format!("{untold}; its file was written {} days ago, and it lives a year at most", age / DAY);
    if age > YEAR - SOON { Check::warning(name, found, remedy) } else { Check::ok(name, found) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn now() -> Timestamp {
        Timestamp::parse_sql("2026-03-01 12:00:00.000").unwrap()
    }

    fn judged(days: &[Option<i64>]) -> Option<(Verdict, String)> {
        let all = days.iter().map(|days| days.map(|days| now().plus_millis(days * DAY + 1))).collect();
        told("expiry", "token", Ok(all), (now(), "make a new one")).map(|check| (check.verdict, check.found))
    }

    #[test]
    fn the_first_to_expire_counts() {
        let (verdict, found) = judged(&[Some(200)]).unwrap();
        assert_eq!((verdict, found.as_str()), (Verdict::Ok, "the token expires on 2026-09-17, in 200 days"));
        assert_eq!(judged(&[Some(29)]).unwrap().0, Verdict::Warning);
        assert_eq!(judged(&[Some(30)]).unwrap().0, Verdict::Ok);
        let (verdict, found) = judged(&[None, Some(300), Some(3), Some(-3)]).unwrap();
        assert_eq!(verdict, Verdict::Warning);
        assert!(found.starts_with("of 3 tokens") && found.contains("2026-03-04"), "{found}");
    }

    #[test]
    fn what_is_not_told_is_not_judged() {
        assert_eq!(judged(&[None, Some(-3)]).unwrap(), (Verdict::Ok, "the token does not expire".to_owned()));
        assert_eq!(judged(&[Some(-3)]), None);
        assert_eq!(judged(&[]), None);
    }

    #[test]
    fn a_file_older_than_eleven_months_is_warned_of() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let written = file.path().metadata().unwrap().modified().unwrap().duration_since(UNIX_EPOCH).unwrap();
        let written = Timestamp::from_millis(written.as_millis() as i64).unwrap();
        let judge =
            |days| by_age("expiry", "token", Some(file.path()), (written.plus_millis(days * DAY), "new")).verdict;
        assert_eq!(
            [judge(0), judge(334), judge(340), judge(900)].map(Verdict::as_str),
            ["ok", "ok", "warning", "warning"]
        );
        assert_eq!(by_age("expiry", "token", None, (now(), "new")).verdict, Verdict::Skipped);
        assert_eq!(by_age("expiry", "token", Some(Path::new("/none")), (now(), "new")).verdict, Verdict::Skipped);
    }
}
