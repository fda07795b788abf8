//! Text for a terminal: nothing in a name may move the cursor, break a line or turn its direction.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` with control characters, line ends, bidi marks and invisible separators spelled out (`\n`, `\u{202e}`).
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_hidden(c) => write!(shown, "\\u{{{:x}}}", u32::from(c)).expect("writing to a string cannot fail"),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// What somebody wrote, for a sentence that says what is wrong with it: [`visible`], and not longer than a line.
pub fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        None => format!("'{}'", visible(text)),
        Some((end, _)) => format!("'{}…'", visible(&text[..end])),
    }
}

/// A length of time in its two largest units: `3 days 4 h`, `12 min`, `40 s`.
pub fn duration(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let days_text = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, 0, _) => days_text,
        _ => format!("{days_text} {hours} h"),
    }
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_spelled_out_and_others_left_alone() {
        assert_eq!(visible("a\nb\r\t\u{1b}[31m"), "a\\nb\\r\\t\\u{1b}[31m");
        assert_eq!(visible("gnp.\u{202e}exe"), "gnp.\\u{202e}exe");
        assert_eq!(visible("\u{9b}x\u{7f}"), "\\u{9b}x\\u{7f}");
        assert!(matches!(visible("Zoë O'Brien 👩\u{200d}💻 \\ 漢字"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_somebody_wrote_is_no_longer_than_a_line() {
        assert_eq!(quoted("a\nb"), "'a\\nb'");
        assert_eq!(quoted(&"x".repeat(40_000)).chars().count(), 83);
    }

    #[test]
    fn durations_are_told_in_two_units() {
        let told = [0, 59, 60, 3_599, 3_600, 3_660, 86_399, 86_400, 90_000, 172_800].map(duration);
        assert_eq!(
            told,
            ["0 s", "59 s", "1 min", "59 min", "1 h", "1 h 1 min", "23 h 59 min", "1 day", "1 day 1 h", "2 days"]
        );
    }
}
