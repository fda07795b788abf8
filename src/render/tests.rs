use super::*;

#[cfg(any(feature = "parquet", feature = "xlsx"))]
/// Has room for so many bytes.
pub(crate) struct Full(pub(crate) usize);

#[cfg(any(feature = "parquet", feature = "xlsx"))]
impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(any(feature = "parquet", feature = "xlsx"))]
impl Seek for Full {
    fn seek(&mut self, _: io::SeekFrom) -> io::Result<u64> {
        Ok(0)
    }
}

/// A name that attacks spreadsheets, terminals and lines at once.
pub(crate) const HOSTILE: &str = "=1+1\n\u{202e}\"evil\"'\u{1b}[31m,";

fn table() -> Table {
    let mut table =
        Table::new([("name", Kind::Text), ("days", Kind::Integer), ("at", Kind::Time), ("active", Kind::Boolean)]);
    let at = Timestamp::parse_human("2026-01-31T08:15:00Z").unwrap();
    table.rows.push(vec!["alice".into(), 7_i64.into(), at.into(), 1_i64.into()]);
    table.rows.push(vec![HOSTILE.into(), Value::Integer(-1), Value::Null, 0_i64.into()]);
    table
}

/// A report with everything in it that a frame can hold but a chart.
pub(super) fn framed() -> (Frame, Table, Vec<Appendix>) {
    let time = |text| Timestamp::parse_human(text).unwrap();
    let mut walks = Table::new([
        ("id", Kind::Integer),
        ("site", Kind::Text),
        ("status", Kind::Text),
        ("at", Kind::Time),
        ("finished_at", Kind::Time),
        ("age_seconds", Kind::Integer),
    ]);
    let at = time("2026-03-30T22:00:00Z");
    walks.rows.push(vec![7_i64.into(), "corp".into(), "partial".into(), at.into(), at.into(), 7_200_i64.into()]);
    walks.rows.push(vec![Value::Null, "cloud".into(), Value::Null, Value::Null, Value::Null, Value::Null]);
    let frame = Frame {
        what: "report",
        name: "inactive\n\"<>'".to_owned(),
        title: format!("Inactive <users> & {HOSTILE}"),
        description: "Active users who have not logged in for `days` days.".to_owned(),
        as_of: time("2026-03-31T00:00:00Z"),
        parameters: vec![("days".to_owned(), 180_i64.into()), ("group".to_owned(), Value::Null)],
        walks,
        incomplete: true,
        notes: vec![format!("The site {HOSTILE}\r has <b>no</b> walk yet.")],
        chart: None,
    };
    let mut excluded = Table::new([("name", Kind::Text), ("rule", Kind::Text)]);
    excluded.rows.push(vec![HOSTILE.into(), "name matches `svc-*`".into()]);
    (frame, table(), vec![Appendix { name: "excluded", title: "Excluded users", table: excluded }])
}

/// Text of whatever characters make trouble, and of any others: the same for the same seed.
pub(super) fn random_text(seed: u64) -> String {
    use rand::{RngExt, SeedableRng};
    let mut rng = rand::rngs::ChaCha12Rng::seed_from_u64(seed);
    let trouble: Vec<char> =
        "<>&\"'`=;#-]![/? \t\r\n\0\u{b}\u{1b}\u{85}\u{2028}\u{202e}\u{fffe}\u{ffff}".chars().collect();
    (0..rng.random_range(0..24))
        .map(|_| match rng.random_range(0..3) {
            0 => char::from_u32(rng.random_range(0..0x11_0000)).unwrap_or('\u{fffd}'),
            1 => trouble[rng.random_range(0..trouble.len())],
            _ => char::from(rng.random_range(b'a'..=b'z')),
        })
        .collect()
}

fn written(table: &Table, format: Format, style: Style) -> String {
    let mut out = Vec::new();
    write(table, format, style, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn csv_is_rfc_4180_and_nothing_a_spreadsheet_runs() {
    assert_eq!(
        written(&table(), Format::Csv, Style::default()),
        "name,days,at,active\r\nalice,7,2026-01-31T08:15:00.000Z,true\r\n\
         \"'=1+1\n\u{202e}\"\"evil\"\"'\u{1b}[31m,\",-1,,false\r\n"
    );
    let mut table = Table::new([("x", Kind::Text)]);
    for start in ["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"] {
        table.rows.push(vec![format!("{start}1").into()]);
    }
    let safe = written(&table, Format::Csv, Style::default());
    let records = |text: &str| -> Vec<String> {
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        reader.records().map(|record| record.unwrap()[0].to_owned()).collect()
    };
    assert!(records(&safe).iter().all(|cell| cell.starts_with('\'')), "{safe}");
    let raw = written(&table, Format::Csv, Style { raw: true, ..Style::default() });
    assert!(records(&raw).iter().all(|cell| !cell.starts_with('\'')), "{raw}");
}

#[test]
fn json_keeps_every_character_and_the_order_of_the_columns() {
    let text = written(&table(), Format::Json, Style::default());
    assert!(
        text.contains("{\"name\":\"alice\",\"days\":7,\"at\":\"2026-01-31T08:15:00.000Z\",\"active\":true}"),
        "{text}"
    );
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(rows[1]["name"], HOSTILE);
    assert_eq!(rows[1]["at"], serde_json::Value::Null);
    let lines = written(&table(), Format::Ndjson, Style::default());
    assert_eq!(lines.lines().count(), 2);
    assert_eq!(serde_json::from_str::<serde_json::Value>(lines.lines().nth(1).unwrap()).unwrap(), rows[1]);
}

#[test]
fn json_loses_no_column_of_the_same_name_and_knows_no_infinity() {
    let mut table = Table::new([("a", Kind::Text), ("a", Kind::Text), ("a_2", Kind::Text)]);
    table.rows.push(vec![1_i64.into(), Value::Real(f64::INFINITY), Value::Real(0.5)]);
    assert_eq!(written(&table, Format::Ndjson, Style::default()), "{\"a\":1,\"a_2\":null,\"a_2_2\":0.5}\n");
}

#[test]
fn the_table_aligns_numbers_and_shows_what_is_hidden() {
    let text = written(&table(), Format::Table, Style::default());
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[3].starts_with("=1+1\\n\\u{202e}\"evil\"'\\u{1b}[31m,"), "{text}");
    let end = |line: &str, cell: &str| line.find(cell).unwrap() + cell.len();
    assert_eq!(end(lines[2], "7"), end(lines[3], "-1"));
    assert!(lines[1].chars().all(|c| c == '-') && lines[1].chars().count() > lines[0].chars().count(), "{text}");
}

#[test]
fn a_long_table_keeps_its_columns() {
    let mut table = Table::new([("n", Kind::Integer), ("name", Kind::Text), ("any", Kind::Any)]);
    for n in 0..2_500 {
        table.rows.push(vec![Value::Integer(n), "x".repeat(1 + n as usize % 40).into(), Value::Integer(7)]);
    }
    for width in [None, Some(50)] {
        let text = written(&table, Format::Table, Style { width, raw: false });
        assert_eq!(text.matches("name").count(), 1, "the names of the columns stand at the top alone");
        let last = |line: &str| line.rfind('7');
        let ends: std::collections::BTreeSet<_> = text
            .lines()
            .skip(2)
            .filter(|line| line.ends_with('7') && line.trim_start().contains("  x"))
            .map(last)
            .collect();
        assert_eq!(ends.len(), 1, "{ends:?}");
        assert!(width.is_none() || text.lines().all(|line| line.chars().count() <= 50));
    }
}

#[test]
fn the_table_keeps_to_the_terminal_while_that_is_legible() {
    let mut table = table();
    table.rows.push(vec!["x".repeat(40_000).into(), Value::Null, Value::Null, Value::Null]);
    let narrow = written(&table, Format::Table, Style { width: Some(60), raw: false });
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    let wide = written(&table, Format::Table, Style::default());
    assert_eq!(wide.lines().count(), 5);
    assert!(wide.lines().all(|line| line.chars().count() < 600));
}

#[test]
fn a_time_has_its_place_also_where_the_first_thousand_rows_have_none() {
    let at = Timestamp::parse_human("2026-01-31T08:15:00Z").unwrap();
    let mut table = Table::new([("at", Kind::Time), ("name", Kind::Text)]);
    table.rows = vec![vec![Value::Null, "alice".into()]; 2000];
    table.rows[1500][0] = at.into();
    let text = written(&table, Format::Table, Style::default());
    assert_eq!(text.lines().count(), 2002);
    assert!(text.contains("\n2026-01-31 08:15:00   alice\n"), "{text}");
}

#[test]
fn a_broken_pipe_stays_a_broken_pipe() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for format in [Format::Table, Format::Csv, Format::Json, Format::Ndjson, Format::Xml, Format::Html] {
        let error = write(&table(), format, Style::default(), &mut Closed).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{format:?}");
    }
}
