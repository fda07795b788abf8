//! Instants in whole milliseconds, UTC, and their two spellings: SQL and RFC 3339.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone};

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

    /// As [`Timestamp::to_rfc3339`], for writers of millions.
    pub fn rfc3339(self) -> [u8; 24] {
        let mut text = [b'Z'; 24];
        text[..23].copy_from_slice(&self.digits(b'T'));
        text
    }

    /// This instant as the clocks of `zone` show it.
    pub fn in_zone<Z: TimeZone>(self, zone: &Z) -> DateTime<Z> {
        zone.from_utc_datetime(&self.utc())
    }

    fn spell(self, separator: u8, suffix: &str) -> String {
        let text = self.digits(separator);
        let mut spelled = String::with_capacity(text.len() + suffix.len());
        spelled.push_str(std::str::from_utf8(&text).expect("digits and separators"));
        spelled.push_str(suffix);
        spelled
    }

    // Written by hand: a first walk spells some 400 000 of these, an export of a million users eight million, and chrono's
    // formatter is ten times slower.
    fn digits(self, separator: u8) -> [u8; 23] {
        let (day, time) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000) as u32);
        let (year, month, day) = civil(day);
        let mut text = *b"0000-00-00 00:00:00.000";
        text[10] = separator;
        let mut two = |at: usize, value: u32| {
            text[at] = b'0' + (value / 10) as u8;
            text[at + 1] = b'0' + (value % 10) as u8;
        };
        two(0, year / 100);
        two(2, year % 100);
        two(5, month);
        two(8, day);
        two(11, time / 3_600_000);
        two(14, time / 60_000 % 60);
        two(17, time / 1_000 % 60);
        two(20, time % 1_000 / 10);
        text[22] = b'0' + (time % 10) as u8;
        text
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
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second, milli) = (number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 23)?);
        let days = days(year, month, day);
        if hour > 23 || minute > 59 || second > 59 || !(1..=12).contains(&month) {
            return None;
        }
        // 31 February is 3 March, which is not what was written.
        if !(1..=28).contains(&day) && civil(days) != (year, month, day) {
            return None;
        }
        let time = ((hour * 60 + minute) * 60 + second) * 1_000 + milli;
        Some(Self(days * 86_400_000 + i64::from(time)))
    }

    /// Which hour it is in, counted from 1970.
    pub fn hour(self) -> i64 {
        self.0.div_euclid(3_600_000)
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

/// Days from 1970-01-01 to 0000-03-01, from where years of the calendar are alike: the day that some have is their last.
const ERA: i64 = 719_468;

/// Days since 1970-01-01 of a date in the years 0000 to 9999.
fn days(year: u32, month: u32, day: u32) -> i64 {
    // March is the first month.
    let (year, month) = if month > 2 { (i64::from(year), month - 3) } else { (i64::from(year) - 1, month + 9) };
    let (century, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = i64::from((153 * month + 2) / 5 + day) - 1;
    century * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - ERA
}

/// Year, month and day of the days since 1970-01-01.
fn civil(days: i64) -> (u32, u32, u32) {
    let days = days + ERA;
    let (century, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = (day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100)) as u32;
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year_of_era, month + 3) } else { (year_of_era + 1, month - 9) };
    ((century * 400 + year) as u32, month, day)
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

    #[test]
    fn every_day_is_that_of_the_calendar() {
        let first = NaiveDate::from_ymd_opt(0, 1, 1).unwrap();
        // All of them would take long: those of two centuries, and some of every year.
        let told = |day: i64| day % 97 == 0 || (-26_000..47_000).contains(&day);
        let days = (MIN / 86_400_000..=MAX / 86_400_000).zip(first.iter_days()).filter(|(day, _)| told(*day));
        for (day, date) in days {
            let time = Timestamp(day * 86_400_000 + 29_700_007);
            assert_eq!(time.to_sql(), format!("{} 08:15:00.007", date.format("%Y-%m-%d")));
            assert_eq!(Timestamp::parse_own(time.to_sql().as_bytes()), Some(time));
            assert_eq!(time.rfc3339(), *time.to_rfc3339().as_bytes());
        }
        for odd in ["2026-02-29", "2026-04-31", "2026-13-01", "2026-00-01", "2026-01-00"] {
            assert_eq!(Timestamp::parse_own(format!("{odd} 00:00:00.000").as_bytes()), None, "{odd}");
        }
        for odd in ["24:00:00.000", "00:60:00.000", "00:00:60.000"] {
            assert_eq!(Timestamp::parse_own(format!("2026-01-01 {odd}").as_bytes()), None, "{odd}");
        }
    }
}
