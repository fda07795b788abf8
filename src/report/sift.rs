//! Some of the users of a table, as the `search` of Confluence User Export chooses them.

use crate::render::{Cell, Column, Value};

/// What `search` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sift {
    /// Part of the name, the display name or the e-mail address, whatever the case; empty for everybody.
    pub search: String,
    /// Users whose account is active.
    pub active: bool,
    /// Users whose account is not active. Of whom no source says it, belongs to both.
    pub inactive: bool,
    /// So many of those found are passed over.
    pub offset: u64,
    /// At most so many are taken; `None` is all.
    pub page_size: Option<u64>,
}

impl Sift {
    /// Everybody.
    pub fn all() -> Self {
        Self { search: String::new(), active: true, inactive: true, offset: 0, page_size: None }
    }

    /// What [`Sift::parameters`] told, by name; `None` where nothing was.
    pub fn of(told: impl Fn(&str) -> Option<serde_json::Value>) -> Option<Self> {
        let text = |name| told(name)?.as_str().map(str::to_owned);
        let flag = |name| text(name)?.parse().ok();
        Some(Self {
            search: text("search")?,
            active: flag("active")?,
            inactive: flag("inactive")?,
            offset: told("offset")?.as_u64()?,
            page_size: told("page_size")?.as_u64(),
        })
    }

    /// As parameters, to be told with the answer.
    pub fn parameters(&self) -> Vec<(String, Value)> {
        let Self { search, active, inactive, offset, page_size } = self;
        let flag = |flag: bool| Value::Text(flag.to_string());
        vec![
            ("search".to_owned(), search.as_str().into()),
            ("active".to_owned(), flag(*active)),
            ("inactive".to_owned(), flag(*inactive)),
            ("offset".to_owned(), Value::Integer(*offset as i64)),
            ("page_size".to_owned(), page_size.map(|size| size as i64).into()),
        ]
    }
}

/// Statuses of accounts that are there no more.
const GONE: [&str; 2] = ["deleted", "missing"];

/// A sift at work.
pub(super) struct Sifting {
    search: String,
    active: bool,
    inactive: bool,
    skip: u64,
    left: u64,
    texts: Vec<usize>,
    flag: Option<usize>,
    status: Option<usize>,
}

impl Sifting {
    /// Over rows of these columns, under the names of `users` or those of User Export.
    pub(super) fn new(sift: &Sift, columns: &[Column]) -> Self {
        let place = |name: &str| columns.iter().position(|column| column.name == name);
        let texts = ["name", "username", "full_name", "fullName", "email"];
        Self {
            search: sift.search.trim().to_lowercase(),
            active: sift.active,
            inactive: sift.inactive,
            skip: sift.offset,
            left: sift.page_size.unwrap_or(u64::MAX),
            texts: texts.iter().filter_map(|name| place(name)).collect(),
            flag: place("active"),
            status: place("status"),
        }
    }

    /// Whether the row is taken.
    pub(super) fn takes(&mut self, row: &[Cell<'_>]) -> bool {
        let wanted = match self.flag.map(|flag| &row[flag]) {
            Some(Cell::Integer(0)) => self.inactive,
            Some(Cell::Integer(_)) => self.active,
            // Who is gone is not active, whether or not a source said so.
            _ => match self.status.map(|status| &row[status]) {
                Some(Cell::Text(status)) if GONE.contains(&&**status) => self.inactive,
                _ => true,
            },
        };
        let found =
            |place: &usize| matches!(&row[*place], Cell::Text(text) if text.to_lowercase().contains(&self.search));
        if !wanted || !(self.search.is_empty() || self.texts.iter().any(found)) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        let takes = self.left > 0;
        self.left = self.left.saturating_sub(1);
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Kind;

    #[test]
    fn it_chooses_as_the_search_of_user_export() {
        let columns = ["username", "fullName", "email"].map(|name| Column::new(name, Kind::Text));
        let columns: Vec<_> = columns.into_iter().chain([Column::new("active", Kind::Boolean)]).collect();
        let users = [
            ("ann", "Ann Özil", "ann@mail.com", Some(1)),
            ("bob", "Bob", "bob@mail.com", Some(0)),
            ("eve", "", "", None),
        ];
        let chosen = |sift: Sift| -> Vec<&str> {
            let mut sifting = Sifting::new(&sift, &columns);
            let cell = |text: &'static str| Cell::Text(text.into());
            let row = |user: &(&'static str, &'static str, &'static str, Option<i64>)| {
                [cell(user.0), cell(user.1), cell(user.2), user.3.map_or(Cell::Null, Cell::Integer)]
            };
            users.iter().filter(|user| sifting.takes(&row(user))).map(|user| user.0).collect()
        };
        assert_eq!(chosen(Sift::all()), ["ann", "bob", "eve"]);
        assert_eq!(chosen(Sift { inactive: false, ..Sift::all() }), ["ann", "eve"]);
        assert_eq!(chosen(Sift { active: false, ..Sift::all() }), ["bob", "eve"]);
        assert_eq!(chosen(Sift { search: "@MAIL.com".into(), ..Sift::all() }), ["ann", "bob"]);
        assert_eq!(chosen(Sift { search: "özil".into(), ..Sift::all() }), ["ann"]);
        assert_eq!(chosen(Sift { offset: 1, page_size: Some(1), ..Sift::all() }), ["bob"]);
        assert_eq!(chosen(Sift { search: "mail".into(), offset: 1, ..Sift::all() }), ["bob"]);
        assert!(chosen(Sift { page_size: Some(0), ..Sift::all() }).is_empty());
    }
}
