//! When something is done: cron with seconds, or a fixed pause.

use std::fmt;
use std::time::Duration;

use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};

use super::duration::parse_duration;
use crate::model::Timestamp;

/// When something is done: `0 0 */6 * * *` (cron with seconds, in the site's zone) or `@every 6h`.
#[derive(Clone, Debug)]
pub enum Schedule {
    /// Cron with seconds, and how it was written.
    Cron(Box<croner::Cron>, String),
    /// A fixed pause, and how it was written.
    Every(Duration, String),
}

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

impl Schedule {
    /// Reads a schedule; the error is the half sentence that says what is wrong and what to write.
    ///
    /// Whether it ever fires depends on the time: ask [`Schedule::next_firings`].
    pub fn parse(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        if let Some(pause) = trimmed.strip_prefix("@every") {
            let pause = parse_duration(pause.trim()).map_err(|why| format!("the pause after @every {why}"))?;
            return if (SHORTEST..=LONGEST).contains(&pause) {
                Ok(Self::Every(pause, text.to_owned()))
            } else {
                Err("the pause after @every must be between \"1s\" and \"366d\"".into())
            };
        }
        let fields = trimmed.split_whitespace().count();
        if trimmed.starts_with('@') {
            return Err("is not a schedule: of the @ forms only \"@every 6h\" is known".into());
        }
        if fields == 5 {
            return Err(format!(
                "has five fields, and the first of six is the seconds: write \"0 {trimmed}\" to fire at second 0"
            ));
        }
        if fields != 6 {
            return Err(format!("has {fields} fields: {SIX}"));
        }
        CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Disallowed)
            .build()
            .parse(trimmed)
            .map(|cron| Self::Cron(Box::new(cron), text.to_owned()))
            .map_err(|why| format!("is not a schedule ({}): {SIX}", why.to_string().trim_end_matches('.')))
    }

    /// The next `n` firings strictly after `after`, cron read in `zone`. Fewer, or none, when there are no more.
    ///
    /// A fixed pause is counted from `after`.
    pub fn next_firings(&self, after: Timestamp, zone: Tz, n: usize) -> Vec<Timestamp> {
        match self {
            Self::Cron(cron, _) => {
                let firings = cron.iter_after(after.in_zone(&zone));
                firings.filter_map(|time| Timestamp::from_millis(time.timestamp_millis()).ok()).take(n).collect()
            }
            Self::Every(pause, _) => {
                let pause = pause.as_millis() as i64; // at most 366 days
                (1..=n as i64).map(|k| after.plus_millis(pause.saturating_mul(k))).collect()
            }
        }
    }
}

const SIX: &str = "write second, minute, hour, day, month, weekday, as in \"0 0 */6 * * *\", or \"@every 6h\"";

/// As it was written.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(_, text) | Self::Every(_, text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(schedule: &str, after: &str, zone: Tz, n: usize) -> Vec<String> {
        let after = Timestamp::parse_human(after).unwrap();
        let times = Schedule::parse(schedule).unwrap().next_firings(after, zone, n);
        times.into_iter().map(Timestamp::to_rfc3339).collect()
    }

    #[test]
    fn cron_fires_in_the_zone_it_is_given() {
        let berlin = Tz::Europe__Berlin;
        assert_eq!(
            next("0 0 */6 * * *", "2026-01-31T05:00:00Z", berlin, 3),
            ["2026-01-31T11:00:00.000Z", "2026-01-31T17:00:00.000Z", "2026-01-31T23:00:00.000Z"],
            "strictly after: 05:00 UTC is 06:00 in Berlin"
        );
        assert_eq!(next("0 0 6 * * Mon", "2026-01-31T00:00:00Z", Tz::UTC, 1), ["2026-02-02T06:00:00.000Z"]);
        assert_eq!(next("*/20 * * * * *", "2026-01-31T00:00:05.500Z", Tz::UTC, 1), ["2026-01-31T00:00:20.000Z"]);
    }

    #[test]
    fn the_hour_that_summer_time_skips_is_not_lost() {
        // 02:30 does not exist on 2026-03-29 in Berlin; the firing still happens that day.
        let times = next("0 30 2 * * *", "2026-03-28T12:00:00Z", Tz::Europe__Berlin, 2);
        assert!(times[0].starts_with("2026-03-29T01:"), "{times:?}");
        assert_eq!(times[1], "2026-03-30T00:30:00.000Z");
    }

    #[test]
    fn every_counts_from_the_time_it_is_given() {
        assert_eq!(
            next("@every 6h30m", "2026-01-31T00:00:00Z", Tz::Asia__Tokyo, 2),
            ["2026-01-31T06:30:00.000Z", "2026-01-31T13:00:00.000Z"]
        );
    }

    #[test]
    fn a_day_that_never_comes_never_fires() {
        assert!(next("0 0 0 31 2 *", "2026-01-31T00:00:00Z", Tz::UTC, 3).is_empty());
    }

    #[test]
    fn what_is_not_a_schedule_is_refused_with_a_remedy() {
        let why = |text| Schedule::parse(text).unwrap_err();
        assert!(why("0 */6 * * *").contains("write \"0 0 */6 * * *\""), "{}", why("0 */6 * * *"));
        assert!(why("0 0 0 1 1 * 2030").contains("7 fields"));
        assert!(why("").contains("@every 6h"));
        assert!(why("61 0 0 * * *").contains("@every 6h"), "{}", why("61 0 0 * * *"));
        assert!(why("@daily").contains("@every 6h"));
        assert!(why("@every 6").contains("\"6s\""));
        assert!(why("@every 500ms").contains("1s"));
        assert!(why("@every 400d").contains("366d"));
    }

    #[test]
    fn it_is_shown_as_it_was_written() {
        assert_eq!(Schedule::parse("0 0 6 * * Mon").unwrap().to_string(), "0 0 6 * * Mon");
        assert_eq!(Schedule::parse("@every 6h").unwrap().to_string(), "@every 6h");
    }
}
