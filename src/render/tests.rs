use super::*;

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
    for format in [Format::Table, Format::Csv, Format::Json, Format::Ndjson] {
        let error = write(&table(), format, Style::default(), &mut Closed).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{format:?}");
    }
}
