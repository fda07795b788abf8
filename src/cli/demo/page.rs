//! The page the story is told on: headings, wrapped sentences, indented tables, commands to paste.

use std::path::{Path, PathBuf};

use crate::render::{self, Format, Kind, Style, Table, Value};

/// How long a line of prose is, indentation included.
const WIDTH: usize = 88;

/// Text that grows from top to bottom.
#[derive(Default)]
pub(super) struct Page(pub(super) String);

impl Page {
    pub(super) fn heading(&mut self, title: &str) {
        let line = "-".repeat(title.chars().count());
        self.0.push_str(&format!("\n{title}\n{line}\n"));
    }

    /// A paragraph.
    pub(super) fn say(&mut self, sentences: &str) {
        self.hang("", sentences);
    }

    /// A paragraph with `label` before its first line; the others stand below its beginning.
    pub(super) fn hang(&mut self, label: &str, sentences: &str) {
        let indent = label.chars().count();
        let mut line = label.to_owned();
        let mut empty = true;
        for word in sentences.split_whitespace() {
            if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.line(&line);
                (line, empty) = (" ".repeat(indent), true);
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        self.line(&line);
    }

    pub(super) fn line(&mut self, text: &str) {
        self.0.push_str(text.trim_end());
        self.0.push('\n');
    }

    /// A table, as `report` shows it.
    pub(super) fn table(&mut self, table: &Table) {
        let mut drawn = Vec::new();
        render::write(table, Format::Table, Style::default(), &mut drawn).expect("memory takes every write");
        self.line("");
        for line in String::from_utf8_lossy(&drawn).lines() {
            self.line(&format!("  {line}"));
        }
    }
}

/// The columns of `table` called `names`, in that order: times as dates, long texts cut.
pub(super) fn columns(table: &Table, names: &[&str], rows: usize) -> Table {
    const CELL: usize = 32;
    let places: Vec<usize> =
        names.iter().filter_map(|name| table.columns.iter().position(|column| column.name == *name)).collect();
    let columns = places.iter().map(|place| {
        let column = &table.columns[*place];
        (column.name.as_str(), if column.kind == Kind::Time { Kind::Text } else { column.kind })
    });
    let mut picked = Table::new(columns);
    picked.rows = table
        .rows
        .iter()
        .take(rows)
        .map(|row| {
            let cell = |place: &usize| match &row[*place] {
                Value::Time(time) => time.to_sql()[..10].into(),
                Value::Text(text) if text.chars().count() > CELL => {
                    format!("{}…", text.chars().take(CELL - 1).collect::<String>()).into()
                }
                other => other.clone(),
            };
            places.iter().map(cell).collect()
        })
        .collect();
    picked
}

/// `1 account`, `7 accounts`.
pub(super) fn count(number: usize, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", crate::cli::describe::thousands(number as u64))
}

/// A command line that runs this very program when pasted into a shell here.
pub(super) fn command(arguments: &[&str]) -> String {
    let words = std::iter::once(program()).chain(arguments.iter().map(|argument| quoted(argument)));
    words.collect::<Vec<_>>().join(" ")
}

/// `rollbook` where the shell finds this program by that name; else the path to it, from here if it is below.
fn program() -> String {
    let name = "rollbook".to_owned();
    let Ok(this) = std::env::current_exe().and_then(|path| path.canonicalize()) else { return name };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(&name)).find(|file| file.is_file());
    if found.and_then(|file| file.canonicalize().ok()).is_some_and(|file| file == this) {
        return name;
    }
    let here = std::env::current_dir().and_then(|folder| folder.canonicalize()).unwrap_or_default();
    let short = match this.strip_prefix(&here) {
        Ok(below) if below.components().count() == 1 => Path::new(".").join(below),
        Ok(below) => below.to_owned(),
        Err(_) => PathBuf::from(&this),
    };
    quoted(&short.to_string_lossy())
}

/// `text` as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell() {
        assert_eq!(quoted("days=180"), "days=180");
        assert_eq!(quoted("o'brien #2"), r"'o'\''brien #2'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn a_paragraph_is_wrapped_below_its_label() {
        let mut page = Page::default();
        page.hang("2026-01-01  ", &"word ".repeat(30));
        let lines: Vec<_> = page.0.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[1].starts_with("            word") && lines[0].chars().count() <= WIDTH);
    }
}
