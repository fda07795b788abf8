//! How values are shown on pages.

use crate::model::Timestamp;
use crate::render::{duration, visible};

/// A moment for readers, and for machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// RFC 3339.
    pub exact: String,
    /// `2026-01-31 08:15`, UTC.
    pub shown: String,
    /// `3 h ago`; empty for what is to come.
    pub ago: String,
}

impl Moment {
    pub fn of(time: Timestamp, now: Timestamp) -> Self {
        let age = (now.millis() - time.millis()) / 1000;
        let ago = if age < 0 { String::new() } else { format!("{} ago", duration(age)) };
        Self { exact: time.to_rfc3339(), shown: time.to_sql()[..16].to_owned(), ago }
    }
}

/// `12 345`, with a space that does not break.
pub(super) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A part of an address, or of a query, with everything odd escaped.
pub(super) fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A text of several lines, nothing else in which is left hidden.
pub(super) fn lines(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n")
}

/// At most so many characters of a text that somebody wrote.
const LONGEST: usize = 400;

/// A text that is not longer than a cell.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown() {
        assert_eq!(count(-1_234_567), "-1\u{202f}234\u{202f}567");
        assert_eq!(count(999), "999");
        assert_eq!(lines("a\n\u{202e}b\r\n"), "a\n\\u{202e}b");
        assert_eq!(shortened(&"x".repeat(LONGEST + 1)), format!("{}…", "x".repeat(LONGEST)));
        assert_eq!(escaped("a/b c&d=ä"), "a%2Fb%20c%26d%3D%C3%A4");
        let at = |text| Timestamp::parse_sql(text).unwrap();
        let moment = Moment::of(at("2026-01-31 08:15:00.000"), at("2026-01-31 11:15:00.000"));
        assert_eq!((moment.shown.as_str(), moment.ago.as_str()), ("2026-01-31 08:15", "3 h ago"));
    }
}
