//! One page of an offset listing, split into its records without decoding them.
//!
//! A walk over a site that did not change reads the same bytes again; so a page is first cut at the record
//! boundaries, found by a byte search, and only records with unknown bytes are decoded. Where the cut does not come
//! out right (other white space, other key order, a `},{` inside a string) the page is decoded as JSON.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use super::memory::Outline;

/// One page: what its envelope says, and its records.
#[derive(Debug, Default)]
pub struct Page {
    /// `startAt`, on Cloud `start`, where given.
    pub start: Option<u64>,
    /// `total`, on Cloud `totalSize`, where given: rows in all pages, as of this page.
    pub total: Option<u64>,
    /// `hasNextPage`, where given: rows follow this page.
    pub more: Option<bool>,
    /// The most rows the server puts on a page like this one, where it says.
    pub limit: Option<u64>,
    /// The envelope has links (Cloud): one without a `next` says that no rows follow.
    pub has_links: bool,
    /// The address of the page behind this one, or a cursor, as given.
    pub next: Option<String>,
    /// How many rows the client asked for in the end: fewer where more did not come in time.
    pub asked: Option<u64>,
    /// The records, undecoded.
    pub rows: Rows,
}

/// The records of a page: slices of its body.
#[derive(Debug, Default)]
pub struct Rows {
    body: Bytes,
    /// Where each stands; of a page that came before found out only when one between its ends is looked at.
    at: OnceLock<Vec<Range<u32>>>,
    /// What is remembered of the page.
    outline: Option<Arc<Outline>>,
}

impl Rows {
    fn cut(body: Bytes, at: Vec<Range<u32>>) -> Self {
        Self { body, at: at.into(), outline: None }
    }

    /// Those of a page that has this outline.
    pub(super) fn outlined(self, outline: Arc<Outline>) -> Self {
        Self { outline: Some(outline), ..self }
    }

    /// Those of a page that came before, not looked at again.
    pub(super) fn recalled(body: Bytes, outline: Arc<Outline>) -> Self {
        Self { body, at: OnceLock::new(), outline: Some(outline) }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.outline.as_ref().map_or_else(|| self.at().len(), |outline| outline.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of record `index`.
    pub fn get(&self, index: usize) -> &[u8] {
        let at = self.place(index);
        &self.body[at.start as usize..at.end as usize]
    }

    /// XXH3-64 of the bytes of record `index`.
    pub fn fingerprint(&self, index: usize) -> u64 {
        match &self.outline {
            Some(outline) => outline.fingerprints(|| self.iter().map(xxh3_64).collect())[index],
            None => xxh3_64(self.get(index)),
        }
    }

    /// The bytes from record `first` to the last one, with what stands between them.
    pub fn span(&self, first: usize) -> &[u8] {
        if first >= self.len() {
            return &[];
        }
        let (start, end) = (self.place(first).start, self.place(self.len() - 1).end);
        &self.body[start as usize..end as usize]
    }

    /// The bytes of every record, in the page's order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.at().iter().map(|at| &self.body[at.start as usize..at.end as usize])
    }

    /// Where record `index` stands.
    pub(super) fn place(&self, index: usize) -> Range<u32> {
        let known = match self.at.get() {
            Some(at) => return at[index].clone(),
            None => self.outline.as_ref().and_then(|outline| outline.place(index)),
        };
        known.unwrap_or_else(|| self.at()[index].clone())
    }

    #[cfg(test)]
    pub(super) fn is_split(&self) -> bool {
        self.at.get().is_some()
    }

    fn at(&self) -> &[Range<u32>] {
        self.at.get_or_init(|| {
            let list = self.outline.as_ref().map(|outline| outline.list);
            let page = list.map(|list| Page::of(self.body.clone(), list).expect("the same bytes were split before"));
            page.and_then(|page| page.rows.at.into_inner()).unwrap_or_default()
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    total: Option<u64>,
    /// What Cloud calls it, and cannot be relied on: whatever is no number is none.
    #[serde(borrow)]
    total_size: Option<&'a RawValue>,
    #[serde(alias = "start")]
    start_at: Option<u64>,
    limit: Option<u64>,
    status: Option<String>,
    has_next_page: Option<bool>,
    #[serde(alias = "_links")]
    links: Option<Links>,
    #[serde(borrow)]
    users: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    groups: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    results: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    data: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Links {
    next: Option<String>,
}

/// The list that a page's records stand in, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum List {
    /// Of users and of members, and of what Confluence User Export's `search` found.
    Users,
    /// Of group names.
    Groups,
    /// Of Cloud.
    Results,
    /// Of an organization.
    Data,
}

impl List {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Groups => "groups",
            Self::Results => "results",
            Self::Data => "data",
        }
    }

    /// How a compact list of objects begins.
    const fn beginning(self) -> &'static [u8] {
        match self {
            Self::Users => b"\"users\":[{",
            Self::Groups => b"\"groups\":[{",
            Self::Results => b"\"results\":[{",
            Self::Data => b"\"data\":[{",
        }
    }
}

impl Page {
    /// Splits a page.
    pub fn of(body: Bytes, list: List) -> Result<Self, String> {
        let page = if list == List::Groups { None } else { Self::split(&body, list) };
        page.map_or_else(|| Self::decode(body, list), Ok)
    }

    /// A page of Confluence User Export's `search`. It declares no total: what might stand there is no promise of it.
    pub(super) fn of_export(self) -> Self {
        Self { start: None, total: None, ..self }
    }

    /// The same page with these rows.
    pub(super) fn with(&self, rows: Rows) -> Self {
        Self { next: self.next.clone(), rows, ..*self }
    }

    /// The quick way: cut between `},{`, and decode what stands around the records as the envelope.
    fn split(body: &Bytes, list: List) -> Option<Self> {
        let from = memmem::find(body, list.beginning())? + list.beginning().len() - 1;
        let to = memmem::rfind(body, b"}]")? + 1;
        if to <= from || body.len() > u32::MAX as usize {
            return None;
        }
        let mut around = Vec::with_capacity(from + body.len() - to);
        around.extend_from_slice(&body[..from]);
        around.extend_from_slice(&body[to..]);
        let envelope: Envelope<'_> = serde_json::from_slice(&around).ok()?;
        envelope.check_status(false).ok()?;
        let mut at = Vec::with_capacity(1024);
        let mut start = from;
        for boundary in memmem::find_iter(&body[from..to], b"},{") {
            at.push(start as u32..(from + boundary + 1) as u32);
            start = from + boundary + 2;
        }
        at.push(start as u32..to as u32);
        let rows = Rows::cut(body.clone(), at);
        // A boundary inside a string or a nested list leaves pieces that are no records.
        let beginning = first_key(rows.get(0))?;
        rows.iter().all(|row| looks_whole(row, beginning)).then_some(())?;
        Some(envelope.around(rows))
    }

    fn decode(body: Bytes, list: List) -> Result<Self, String> {
        let mut envelope: Envelope<'_> = serde_json::from_slice(&body).map_err(|error| {
            format!(
                "not the JSON of a page of {}: {} at line {} column {}",
                list.as_str(),
                category(&error),
                error.line(),
                error.column()
            )
        })?;
        let records = match list {
            List::Users => envelope.users.take(),
            List::Groups => envelope.groups.take(),
            List::Results => envelope.results.take(),
            List::Data => envelope.data.take(),
        };
        let Some(records) = records else {
            return Err(format!("a page of {0} without '{0}'", list.as_str()));
        };
        envelope.check_status(records.is_empty())?;
        let origin = body.as_ptr() as usize;
        let at = records
            .iter()
            .map(|record| {
                let start = record.get().as_ptr() as usize - origin;
                start as u32..(start + record.get().len()) as u32
            })
            .collect();
        let page = envelope.around(Rows::default());
        Ok(Self { rows: Rows::cut(body, at), ..page })
    }
}

impl Envelope<'_> {
    /// The page of these rows.
    fn around(self, rows: Rows) -> Page {
        let Self { total, total_size, start_at: start, limit, has_next_page: more, links, .. } = self;
        let total = total.or_else(|| total_size?.get().parse().ok());
        let has_links = links.is_some();
        let next = links.and_then(|links| links.next).filter(|next| !next.is_empty());
        Page { start, total, more, limit, has_links, next, asked: None, rows }
    }

    /// `status` is "success", free text, or missing. Free text beside records is taken; beside none it could be an
    /// error that would read as an emptied list.
    fn check_status(&self, empty: bool) -> Result<(), String> {
        let Some(status) = &self.status else { return Ok(()) };
        let status = status.to_ascii_lowercase();
        let bad = ["error", "fail", "denied", "forbidden", "exception"].iter().any(|word| status.contains(word));
        if status.is_empty() || status == "success" || status == "ok" || !(bad || empty) {
            return Ok(());
        }
        Err("a page whose 'status' is not success".to_owned())
    }
}

/// A record up to the end of its first key: `{"business"`. The first record of a page begins where the list does.
fn first_key(record: &[u8]) -> Option<&[u8]> {
    let end = 2 + memchr::memchr2(b'"', b'\\', record.strip_prefix(b"{\"")?)?;
    (end > 2 && record[end] == b'"').then(|| &record[..=end])
}

/// A server puts the same key first in every record. No piece of a nested list begins with it, and none of a string
/// can: the quote behind the brace would be escaped, or end the string.
fn looks_whole(record: &[u8], beginning: &[u8]) -> bool {
    record.starts_with(beginning) && record.ends_with(b"}")
}

/// serde_json's own message could quote the body.
pub(super) fn category(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Io => "unreadable",
        serde_json::error::Category::Syntax => "a syntax error",
        serde_json::error::Category::Data => "a value of the wrong type",
        serde_json::error::Category::Eof => "it ends too early",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(body: &str) -> Result<Page, String> {
        Page::of(Bytes::copy_from_slice(body.as_bytes()), List::Users)
    }

    fn rows(body: &str) -> Vec<String> {
        page(body).unwrap().rows.iter().map(|row| String::from_utf8(row.to_vec()).unwrap()).collect()
    }

    #[test]
    fn compact_pages_are_cut_at_their_records() {
        let body = r#"{"total":2,"maxResults":100,"startAt":0,"users":[{"business":[{"location":""}],"name":"a"},{"name":"b"}],"status":"success"}"#;
        assert_eq!(rows(body), [r#"{"business":[{"location":""}],"name":"a"}"#, r#"{"name":"b"}"#]);
        let page = page(body).unwrap();
        assert_eq!((page.start, page.total), (Some(0), Some(2)));
    }

    #[test]
    fn any_order_and_white_space_will_do() {
        let body = "{ \"users\" : [ {\"name\": \"a\"}, {\"name\": \"b\"} ], \"total\": 2 }";
        assert_eq!(rows(body), [r#"{"name": "a"}"#, r#"{"name": "b"}"#]);
        assert_eq!(rows(r#"{"users":[{"name":"a"}],"total":1}"#), [r#"{"name":"a"}"#]);
        assert!(rows(r#"{"users":[],"total":0}"#).is_empty());
    }

    #[test]
    fn a_boundary_inside_a_record_is_none() {
        let records = [
            r#"{"email":"a","name":"x},{y"}"#,
            r#"{"email":"b","name":"x},{"}"#,
            r#"{"email":"},{","name":"},{\"email\":\""}"#,
            r#"{"email":"d","business":[{"location":""},{"location":""}],"name":"}]"}"#,
            r#"{"email":"e","name":"e"}"#,
        ];
        let body = format!(r#"{{"total":5,"users":[{}],"status":"success"}}"#, records.join(","));
        assert_eq!(rows(&body), records);
    }

    #[test]
    fn pages_of_an_export_say_whether_more_follow() {
        let users = r#"{"username":"a","groups":["x","},{"]},{"username":"b","groups":[]}"#;
        for (rest, more) in
            [(r#","hasNextPage":true"#, Some(true)), (r#","hasNextPage":false"#, Some(false)), ("", None)]
        {
            let page = page(&format!(r#"{{"users":[{users}]{rest},"total":1}}"#)).unwrap().of_export();
            assert_eq!((page.rows.len(), page.more, page.total), (2, more, None));
        }
        assert!(page(r#"{"hasNextPage":false}"#).is_err());
    }

    #[test]
    fn bad_pages_are_told_without_their_text() {
        for body in [r#"{"users":[{"name":"Secret Person"}"#, r#"{"total":1}"#, "<html>Secret Person"] {
            let error = page(body).unwrap_err();
            assert!(!error.contains("Secret"), "{error}");
        }
        assert!(page(r#"{"users":[],"total":0,"status":"internal error"}"#).is_err());
        assert!(page(r#"{"users":[],"total":0,"status":"done"}"#).is_err());
        assert!(page(r#"{"users":[{"name":"a"}],"total":1,"status":"done"}"#).is_ok());
    }
}
