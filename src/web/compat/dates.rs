//! Patterns of dates as Java's `SimpleDateFormat` reads them, which is what `dateFormat` takes. Names are English.

use std::fmt::Write;

use chrono::{Datelike, Offset, Timelike};
use chrono_tz::Tz;

use crate::model::Timestamp;

/// How times are spelled where nobody asks otherwise.
pub(super) const USUAL: &str = "yyyy-MM-dd HH:mm:ss";

/// How Confluence User Export spells them.
pub(super) const TO_THE_MINUTE: &str = "yyyy-MM-dd HH:mm";

/// No pattern that anybody means is longer; each user has four dates.
const LONGEST: usize = 100;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A letter, and how often it stands there.
    Field(char, usize),
}

/// A pattern in a time zone.
#[derive(Clone, Debug)]
pub(super) struct Dates {
    zone: Tz,
    parts: Vec<Part>,
}

impl Dates {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A sentence that names what is not understood.
    pub fn new(zone: Tz, pattern: &str) -> Result<Self, String> {
        if pattern.chars().count() > LONGEST {
            return Err(format!("a pattern has at most {LONGEST} characters"));
        }
        let parts = parts(pattern)?;
        for part in &parts {
            match part {
                Part::Field('X', 4..) => return Err("X stands at most three times in a row: XXX".to_owned()),
                Part::Field('z', 4..) => {
                    return Err("the full names of time zones are not known here: z is their abbreviation".to_owned());
                }
                _ => {}
            }
        }
        Ok(Self { zone, parts })
    }

    /// A time in that spelling.
    pub fn spell(&self, time: Timestamp) -> String {
        let local = time.in_zone(&self.zone);
        let mut text = String::with_capacity(24);
        for part in &self.parts {
            let (letter, count) = match part {
                Part::Text(plain) => {
                    text.push_str(plain);
                    continue;
                }
                Part::Field(letter, count) => (*letter, *count),
            };
            let hour = local.hour();
            let number = match letter {
                'y' if count == 2 => local.year().rem_euclid(100).unsigned_abs(),
                'y' => local.year().unsigned_abs(),
                'M' if count > 2 => {
                    named(&mut text, MONTHS[local.month0() as usize], count);
                    continue;
                }
                'M' => local.month(),
                'd' => local.day(),
                'E' => {
                    named(&mut text, DAYS[local.weekday().num_days_from_sunday() as usize], count);
                    continue;
                }
                'a' => {
                    text.push_str(if hour < 12 { "AM" } else { "PM" });
                    continue;
                }
                'H' => hour,
                'k' => (hour + 23) % 24 + 1,
                'K' => hour % 12,
                'h' => (hour + 11) % 12 + 1,
                'm' => local.minute(),
                's' => local.second(),
                'S' => local.timestamp_subsec_millis(),
                'z' => {
                    let _ = write!(text, "{}", local.format("%Z"));
                    continue;
                }
                _ => {
                    offset(&mut text, letter, count, local.offset().fix().local_minus_utc());
                    continue;
                }
            };
            // Into memory: it cannot fail.
            let _ = write!(text, "{number:0count$}");
        }
        text
    }
}

/// A name, in full from four letters on.
fn named(text: &mut String, name: &str, count: usize) {
    text.push_str(if count > 3 { name } else { &name[..3] });
}

/// How far from UTC: `+0100`, or `+01`, `+0100`, `+01:00` and `Z`.
fn offset(text: &mut String, letter: char, count: usize, seconds: i32) {
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    let _ = match (letter, count) {
        ('X', _) if seconds == 0 => write!(text, "Z"),
        ('X', 1) => write!(text, "{sign}{hours:02}"),
        ('X', 3) => write!(text, "{sign}{hours:02}:{minutes:02}"),
        _ => write!(text, "{sign}{hours:02}{minutes:02}"),
    };
}

/// Takes a pattern apart.
fn parts(pattern: &str) -> Result<Vec<Part>, String> {
    let mut parts: Vec<Part> = Vec::new();
    let push = |parts: &mut Vec<Part>, plain: char| match parts.last_mut() {
        Some(Part::Text(text)) => text.push(plain),
        _ => parts.push(Part::Text(plain.into())),
    };
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' if letters.next_if_eq(&'\'').is_some() => push(&mut parts, '\''),
            '\'' => loop {
                match letters.next() {
                    Some('\'') if letters.next_if_eq(&'\'').is_some() => push(&mut parts, '\''),
                    Some('\'') => break,
                    Some(plain) => push(&mut parts, plain),
                    None => return Err("a quotation mark ' is not closed".to_owned()),
                }
            },
            'y' | 'M' | 'd' | 'E' | 'a' | 'H' | 'h' | 'K' | 'k' | 'm' | 's' | 'S' | 'z' | 'Z' | 'X' => {
                let mut count = 1;
                while letters.next_if_eq(&letter).is_some() {
                    count += 1;
                }
                parts.push(Part::Field(letter, count));
            }
            other if other.is_ascii_alphabetic() => {
                return Err(format!(
                    "the letter {other} is not understood: there are y M d E a H h K k m s S z Z X, and 'text' in quotation \
                     marks"
                ));
            }
            plain => push(&mut parts, plain),
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(pattern: &str, zone: Tz, time: &str) -> String {
        Dates::new(zone, pattern).unwrap().spell(Timestamp::parse_human(time).unwrap())
    }

    #[test]
    fn patterns_are_spelled_as_java_does() {
        let (berlin, time) = (chrono_tz::Europe::Berlin, "2022-06-07T12:08:05.069Z");
        for (pattern, expected) in [
            (USUAL, "2022-06-07 14:08:05"),
            (TO_THE_MINUTE, "2022-06-07 14:08"),
            ("dd.MM.yyyy", "07.06.2022"),
            ("MM/dd/yy", "06/07/22"),
            ("d.M.y", "7.6.2022"),
            ("yyyyy", "02022"),
            ("EEE, d MMM yyyy", "Tue, 7 Jun 2022"),
            ("EEEE d MMMM", "Tuesday 7 June"),
            ("h:mm a", "2:08 PM"),
            ("K k H hh", "2 14 14 02"),
            ("S SSS SSSS", "69 069 0069"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2022-06-07T14:08:05.069+02:00"),
            ("Z X XX z", "+0200 +02 +0200 CEST"),
            ("'o''clock' '' h", "o'clock ' 2"),
            ("yyyy年MM月", "2022年06月"),
        ] {
            assert_eq!(spelled(pattern, berlin, time), expected, "{pattern}");
        }
        assert_eq!(spelled("X XXX Z", chrono_tz::UTC, time), "Z Z +0000");
        assert_eq!(spelled("XXX", chrono_tz::America::St_Johns, "2022-01-07T12:00:00Z"), "-03:30");
        assert_eq!(spelled("k K h a", chrono_tz::UTC, "2022-06-07T00:30:00Z"), "24 0 12 AM");
        assert_eq!(spelled("k K h a", chrono_tz::UTC, "2022-06-07T12:30:00Z"), "12 0 12 PM");
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (pattern, named) in [
            ("GGyyyy", "letter G"),
            ("YYYY", "letter Y"),
            ("yyyy-DDD", "letter D"),
            ("'T", "not closed"),
            ("XXXX", "XXX"),
            ("zzzz", "full names"),
        ] {
            let why = Dates::new(chrono_tz::UTC, pattern).unwrap_err();
            assert!(why.contains(named), "{pattern}: {why}");
        }
        assert!(Dates::new(chrono_tz::UTC, &"y".repeat(1000)).is_err());
    }
}
