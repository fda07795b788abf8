//! Instants in whole milliseconds, UTC, and their two spellings: SQL and RFC 3339.

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeZone, Timelike};

/// An instant, milliseconds since 1970-01-01T00:00:00Z, within the years 0000 to 9999
/// (so that both spellings sort as text).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A time that cannot be taken: out of range, or not written in a form Rollbook reads.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct TimeError(String);

const MIN: i64 = -62_167_219_200_000; // 0000-01-01
const MAX: i64 = 253_402_300_799_999; // 9999-12-31T23:59:59.999

impl Timestamp {
    /// Milliseconds since the epoch, as Extender writes them.
    pub fn from_millis(millis: i64) -> Result<Self, TimeError> {
        if (MIN..=MAX).contains(&millis) {
            Ok(Self(millis))
        } else {
            Err(TimeError(format!("{millis} ms is outside the years 0000 to 9999")))
        }
    }

    /// As [`Timestamp::from_millis`], an out-of-range value pulled to the nearest bound.
    pub const fn from_millis_clamped(millis: i64) -> Self {
        Self(if millis < MIN {
            MIN
        } else if millis > MAX {
            MAX
        } else {
            millis
        })
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// This instant moved by `millis`, kept in range.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self::from_millis_clamped(self.0.saturating_add(millis))
    }

    /// `2026-01-31 08:15:00.000`, SQLite's own format.
    pub fn to_sql(self) -> String {
        self.spell(b' ', "")
    }

    /// `2026-01-31T08:15:00.000Z`.
    pub fn to_rfc3339(self) -> String {
        self.spell(b'T', "Z")
    }

    /// This instant as the clocks of `zone` show it.
    pub fn in_zone<Z: TimeZone>(self, zone: &Z) -> DateTime<Z> {
        zone.from_utc_datetime(&self.utc())
    }

    // Written by hand: a first walk spells some 400 000 of these, and chrono's formatter is ten times slower.
    fn spell(self, separator: u8, suffix: &str) -> String {
        let utc = self.utc();
        let mut text = *b"0000-00-00 00:00:00.000";
        for (at, width, value) in [
            (0, 4, utc.year() as u32),
            (5, 2, utc.month()),
            (8, 2, utc.day()),
            (11, 2, utc.hour()),
            (14, 2, utc.minute()),
            (17, 2, utc.second()),
            (20, 3, utc.nanosecond() / 1_000_000),
        ] {
            let mut rest = value;
            for place in (at..at + width).rev() {
                text[place] = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
        text[10] = separator;
        let mut spelled = String::with_capacity(text.len() + suffix.len());
        spelled.push_str(std::str::from_utf8(&text).expect("digits and separators"));
        spelled.push_str(suffix);
        spelled
    }

    fn utc(self) -> NaiveDateTime {
        DateTime::from_timestamp_millis(self.0).expect("the constructor keeps the range that chrono covers").naive_utc()
    }

    /// Reads SQLite's own format, with or without milliseconds.
    pub fn parse_sql(text: &str) -> Result<Self, TimeError> {
        Self::parse_own(text.as_bytes())
            .or_else(|| {
                let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()?;
                Self::from_millis(time.and_utc().timestamp_millis()).ok()
            })
            .ok_or_else(|| TimeError(format!("'{text}' is not a time")))
    }

    /// What [`Timestamp::to_sql`] wrote, read at the speed a walk over a whole site needs.
    fn parse_own(text: &[u8]) -> Option<Self> {
        let number = |from: usize, to: usize| {
            text[from..to]
                .iter()
                .try_fold(0u32, |value, digit| digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0')))
        };
        let separators = [(4, b'-'), (7, b'-'), (10, b' '), (13, b':'), (16, b':'), (19, b'.')];
        if text.len() != 23 || separators.iter().any(|&(at, separator)| text[at] != separator) {
            return None;
        }
        let day = NaiveDate::from_ymd_opt(number(0, 4)? as i32, number(5, 7)?, number(8, 10)?)?;
        let time = day.and_hms_milli_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 23)?)?;
        Self::from_millis(time.and_utc().timestamp_millis()).ok()
    }

    /// Reads what a person writes: RFC 3339, SQLite's own format (UTC), or a date.
    /// A date means the whole day: its last millisecond, UTC.
    pub fn parse_human(text: &str) -> Result<Self, TimeError> {
        let text = text.trim();
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Self::from_millis(time.timestamp_millis());
        }
        if let Ok(time) = Self::parse_sql(text) {
            return Ok(time);
        }
        if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            let end = day.and_hms_milli_opt(23, 59, 59, 999).expect("a valid time of day");
            return Self::from_millis(end.and_utc().timestamp_millis());
        }
        Err(TimeError(format!("'{text}' is neither a date (2026-03-31) nor an RFC 3339 time (2026-03-31T12:00:00Z)")))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_and_reads_both_forms() {
        let time = Timestamp::from_millis(1_769_847_300_007).unwrap();
        assert_eq!(time.to_sql(), "2026-01-31 08:15:00.007");
        assert_eq!(time.to_rfc3339(), "2026-01-31T08:15:00.007Z");
        assert_eq!(Timestamp::parse_sql(&time.to_sql()).unwrap(), time);
        assert_eq!(Timestamp::parse_human(&time.to_rfc3339()).unwrap(), time);
        assert_eq!(Timestamp::parse_human("2026-01-31T09:15:00.007+01:00").unwrap(), time);
    }

    #[test]
    fn a_date_is_its_whole_day() {
        let time = Timestamp::parse_human("2026-03-31").unwrap();
        assert_eq!(time.to_rfc3339(), "2026-03-31T23:59:59.999Z");
    }

    #[test]
    fn the_range_is_what_sorts_as_text() {
        assert_eq!(Timestamp::from_millis(MAX).unwrap().to_sql(), "9999-12-31 23:59:59.999");
        assert_eq!(Timestamp::from_millis(MIN).unwrap().to_sql(), "0000-01-01 00:00:00.000");
        assert!(Timestamp::from_millis(MAX + 1).is_err());
        assert!(Timestamp::parse_human("yesterday").is_err());
        assert!(Timestamp::parse_human("2026-02-30").is_err());
    }
}
