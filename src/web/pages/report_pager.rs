//! Long tables and lists, a page at a time.

use super::show::count;
use crate::web::refusal::Refusal;

/// Rows of a page.
pub(super) const ROWS: u64 = 100;

/// Pages that are shown of anything: to see one, those before it are gone through.
const PAGES: u64 = 10_000;

/// Which page is asked for, from 1.
///
/// # Errors
/// There is none of this number, of anything.
pub(super) fn wanted(name: &str, number: Option<u64>) -> Result<u64, Refusal> {
    match number.unwrap_or(1) {
        page @ 1..=PAGES => Ok(page),
        other => Err(Refusal::bad(format!("{name}={other}: pages are counted from 1 to {PAGES}; a file has all rows"))),
    }
}

/// Where one is in a long table, and where one can go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pager {
    /// `1–100 of 8 123`.
    pub shown: String,
    /// Addresses: the first page, the one before, the one after, and the last.
    pub first: Option<String>,
    pub before: Option<String>,
    pub after: Option<String>,
    pub last: Option<String>,
}

impl Pager {
    /// Page `page` of `total` rows; `address` gives that of a page.
    pub fn of(page: u64, total: u64, address: impl Fn(u64) -> String) -> Self {
        let pages = total.div_ceil(ROWS).clamp(1, PAGES);
        let (first, last) = ((page - 1) * ROWS + 1, (page * ROWS).min(total));
        let number = |number: u64| count(i64::try_from(number).unwrap_or(i64::MAX));
        let shown = match total {
            0 => "none".to_owned(),
            1 => "1 of 1".to_owned(),
            _ if first > total => format!("none on this page: there are {}", number(total)),
            _ => format!("{}–{} of {}", number(first), number(last), number(total)),
        };
        let to = |wanted: u64, there: bool| there.then(|| address(wanted));
        Self {
            shown,
            first: to(1, page > 2),
            before: to((page - 1).min(pages), page > 1),
            after: to(page + 1, page < pages),
            last: to(pages, page + 1 < pages),
        }
    }

    /// Whether there is anything to choose.
    pub fn has_others(&self) -> bool {
        self.before.is_some() || self.after.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(page: u64, total: u64) -> (String, [String; 4]) {
        let pager = Pager::of(page, total, |page| page.to_string());
        let Pager { shown, first, before, after, last } = pager;
        (shown, [first, before, after, last].map(Option::unwrap_or_default))
    }

    #[test]
    fn one_can_go_where_there_is_something() {
        assert_eq!(of(1, 0), ("none".to_owned(), ["", "", "", ""].map(str::to_owned)));
        assert_eq!(of(1, 100), ("1–100 of 100".to_owned(), ["", "", "", ""].map(str::to_owned)));
        assert_eq!(of(1, 101), ("1–100 of 101".to_owned(), ["", "", "2", ""].map(str::to_owned)));
        assert_eq!(of(3, 430), ("201–300 of 430".to_owned(), ["1", "2", "4", "5"].map(str::to_owned)));
        let (shown, links) = of(9, 101);
        assert_eq!((shown.as_str(), links[1].as_str()), ("none on this page: there are 101", "2"));
        assert!(wanted("page", Some(0)).is_err() && wanted("page", Some(10_001)).is_err());
        assert_eq!(wanted("page", None).unwrap(), 1);
    }
}
