//! `90s`, `6h30m`, `7d`: durations as people write them.

use std::time::Duration;

/// Unit and milliseconds, longest first: the order in which a duration names them.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A century: more is a slip of the hand, and could push a time out of the range that sorts as text.
const LONGEST: Duration = Duration::from_secs(36_500 * 86_400);

/// Reads `90s`, `24h`, `6h30m`, `7d`, `500ms`: whole numbers with a unit, longest unit first, each at most once.
/// The error is the half sentence that says what is wrong and what to write.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let remedy = "write whole numbers with the units d, h, m, s or ms, as in \"90s\", \"24h\" or \"6h30m\"";
    if text.is_empty() {
        return Err(format!("is not a duration: {remedy}"));
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("lacks its unit: write \"{text}s\" for seconds (or d, h, m, ms)"));
    }
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut millis = 0_u64;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let Some((_, length)) = units.by_ref().find(|(name, _)| *name == unit).filter(|_| digits > 0) else {
            return Err(format!("is not a duration: {remedy}"));
        };
        millis = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(*length))
            .and_then(|part| millis.checked_add(part))
            .ok_or_else(too_long)?;
        rest = tail;
    }
    let duration = Duration::from_millis(millis);
    if duration > LONGEST { Err(too_long()) } else { Ok(duration) }
}

fn too_long() -> String {
    "is longer than a century: write at most \"36500d\"".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, seconds) in [("90s", 90), ("24h", 86_400), ("6h30m", 23_400), ("7d", 604_800), ("1d2h3m4s", 93_784)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1s500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn refuses_everything_else_with_a_remedy() {
        for text in ["", "s", "h6", "1.5h", "-1s", " 6h", "6 h", "6H", "30m6h", "6h6h", "6h30", "6w", "1e3s", "6h30m?"]
        {
            let error = parse_duration(text).unwrap_err();
            assert!(error.contains("\"6h30m\""), "{text}: {error}");
        }
        assert!(parse_duration("30").unwrap_err().contains("\"30s\""));
        assert!(parse_duration("99999999999999999999d").unwrap_err().contains("century"));
        assert!(parse_duration("36501d").unwrap_err().contains("century"));
    }
}
