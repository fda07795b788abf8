//! The pages of a site's last walk, by their bytes: one that comes again is neither split nor hashed record by record.
//!
//! What a page comes to follows from its bytes alone, so that a walk with a memory finds what one without finds. It
//! belongs to a process that walks again and again; nothing of it is written anywhere.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_128;

use super::page::{List, Page, Rows};

/// So many records at both ends of a page are found without splitting it: paging looks at no others.
pub(super) const ENDS: usize = 20;
/// The most that the memory of a site may take, in bytes: more than ten million records. What is beyond is not remembered.
const MOST: usize = 128 << 20;

/// The pages of one site. A clone is the same memory.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Pages>>);

#[derive(Default)]
struct Pages {
    kept: HashMap<Key, Kept>,
    bytes: usize,
}

/// A page's bytes, and as what they are read.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    list: List,
    length: usize,
    fingerprint: u128,
}

struct Kept {
    outline: Arc<Outline>,
    /// It came in this walk.
    came: bool,
}

/// What is remembered of a page.
#[derive(Debug)]
pub(super) struct Outline {
    /// As what it was read.
    pub list: List,
    /// What its envelope says.
    envelope: Page,
    rows: usize,
    /// Where the records at its two ends stand.
    ends: Box<[Range<u32>]>,
    /// Of its records, once they are asked for: those of a listing of names alone never are.
    fingerprints: OnceLock<Box<[u64]>>,
}

impl Memory {
    /// The page of these bytes, remembered or split and remembered.
    pub(super) fn page(&self, body: Bytes, list: List) -> Result<Page, String> {
        let key = Key { list, length: body.len(), fingerprint: xxh3_128(&body) };
        if let Some(outline) = self.pages().recall(&key) {
            return Ok(outline.envelope.with(Rows::recalled(body, Arc::clone(&outline))));
        }
        let page = Page::of(body, list)?;
        let outline = Arc::new(Outline::of(&page, list));
        self.pages().keep(key, Arc::clone(&outline));
        Ok(Page { rows: page.rows.outlined(outline), ..page })
    }

    /// A walk has read the site: pages that came neither in it nor in those that failed before it are forgotten.
    pub fn settle(&self) {
        let pages = &mut *self.pages();
        pages.kept.retain(|_, page| std::mem::take(&mut page.came));
        pages.bytes = pages.kept.values().map(|page| page.outline.most()).sum();
    }

    /// How many pages it holds.
    pub fn len(&self) -> usize {
        self.pages().kept.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().expect("no panic while held")
    }
}

/// Without what it holds: bytes of pages are people.
impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("pages", &self.len()).finish()
    }
}

impl Pages {
    fn recall(&mut self, key: &Key) -> Option<Arc<Outline>> {
        let page = self.kept.get_mut(key)?;
        page.came = true;
        Some(Arc::clone(&page.outline))
    }

    fn keep(&mut self, key: Key, outline: Arc<Outline>) {
        let most = outline.most();
        if let Entry::Vacant(free) = self.kept.entry(key)
            && self.bytes + most <= MOST
        {
            self.bytes += most;
            free.insert(Kept { outline, came: true });
        }
    }
}

impl Outline {
    fn of(page: &Page, list: List) -> Self {
        let rows = page.rows.len();
        let end = rows.saturating_sub(ENDS).max(ENDS.min(rows));
        let ends = (0..rows.min(ENDS)).chain(end..rows).map(|index| page.rows.place(index)).collect();
        Self { list, envelope: page.with(Rows::default()), rows, ends, fingerprints: OnceLock::new() }
    }

    /// How many records the page has.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Where a record at one of its ends stands.
    pub fn place(&self, index: usize) -> Option<Range<u32>> {
        let place = if index < ENDS { index } else { (index + self.ends.len()).checked_sub(self.rows)? };
        self.ends.get(place).filter(|_| index < ENDS || place >= ENDS).cloned()
    }

    /// The fingerprints of its records; `hash` makes them, the first time.
    pub fn fingerprints(&self, hash: impl FnOnce() -> Box<[u64]>) -> &[u64] {
        self.fingerprints.get_or_init(hash)
    }

    /// What it takes with its fingerprints.
    fn most(&self) -> usize {
        size_of::<(Key, Kept)>()
            + size_of::<Self>()
            + size_of_val(&*self.ends)
            + self.rows * size_of::<u64>()
            + self.envelope.next.as_ref().map_or(0, String::len)
    }
}
#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    /// A page of `rows` users; compact, or with blanks, which only the decoder of JSON reads.
    fn body(rows: usize, compact: bool, more: &str) -> Bytes {
        let rows: Vec<String> =
            (0..rows).map(|n| format!(r#"{{"key":"{n}","name":"{}"}}"#, "x},{".repeat(n % 3))).collect();
        let between = if compact { "," } else { " , " };
        Bytes::from(format!(r#"{{"total":{},"users":[{}],"status":"success"{more}}}"#, rows.len(), rows.join(between)))
    }

    fn told(page: &Page) -> impl PartialEq + fmt::Debug + use<> {
        let Page { start, total, more, limit, has_links, next, asked, rows } = page;
        let spans: Vec<Vec<u8>> = [0, 1, 5, rows.len()].map(|first| rows.span(first).to_vec()).to_vec();
        let fingerprints: Vec<u64> = (0..rows.len()).map(|index| rows.fingerprint(index)).collect();
        let each: Vec<Vec<u8>> = (0..rows.len()).map(|index| rows.get(index).to_vec()).collect();
        let all: Vec<Vec<u8>> = rows.iter().map(<[u8]>::to_vec).collect();
        let envelope = (*start, *total, *more, *limit, *has_links, next.clone(), *asked);
        (envelope, rows.len(), rows.is_empty(), spans, fingerprints, each, all)
    }

    #[test]
    fn a_page_that_came_before_is_the_same_page() {
        let memory = Memory::default();
        for compact in [true, false] {
            for rows in [0, 1, 2, 5, 19, 20, 21, 39, 40, 41, 60, 200] {
                for more in ["", r#","_links":{"next":"/x?cursor=1"},"limit":7,"start":3,"hasNextPage":true"#] {
                    let body = body(rows, compact, more);
                    let plain = told(&Page::of(body.clone(), List::Users).unwrap());
                    for time in 0..3 {
                        let page = memory.page(body.clone(), List::Users).unwrap();
                        assert_eq!(told(&page), plain, "{rows} rows, compact {compact}, time {time}");
                    }
                    // In another order: first what the ends alone do not tell.
                    let page = memory.page(body.clone(), List::Users).unwrap();
                    assert!((0..rows).rev().all(|index| page.rows.fingerprint(index) == xxh3_64(page.rows.get(index))));
                }
            }
        }
    }

    #[test]
    fn one_that_came_before_is_split_only_for_a_record_between_its_ends() {
        let memory = Memory::default();
        let page = || memory.page(body(100, true, ""), List::Users).unwrap();
        assert!(page().rows.is_split(), "it was not known");
        let fingerprints: Vec<u64> = (0..100).map(|index| page().rows.fingerprint(index)).collect();
        let again = page();
        let ends = (0..ENDS).chain(100 - ENDS..100);
        assert!(ends.clone().all(|index| xxh3_64(again.rows.get(index)) == fingerprints[index]));
        assert!((0..100).all(|index| again.rows.fingerprint(index) == fingerprints[index]));
        assert!(!again.rows.is_split() && again.rows.span(5).len() > 1_000 && !again.rows.is_split());
        assert_eq!(xxh3_64(again.rows.get(ENDS)), fingerprints[ENDS]);
        assert!(again.rows.is_split());
    }

    #[test]
    fn the_same_bytes_as_another_list_are_another_page() {
        let memory = Memory::default();
        let body = Bytes::from(r#"{"users": [{"name":"a"}], "results": [{"name":"b"},{"name":"c"}]}"#);
        for _ in 0..2 {
            let rows = |list| memory.page(body.clone(), list).unwrap().rows.len();
            assert_eq!((rows(List::Users), rows(List::Results)), (1, 2));
        }
        assert_eq!(memory.len(), 2);
    }

    #[test]
    fn what_is_no_page_is_none_the_next_time() {
        let memory = Memory::default();
        for _ in 0..2 {
            assert!(memory.page(Bytes::from(r#"{"users":[],"status":"error"}"#), List::Users).is_err());
        }
        assert!(memory.is_empty());
    }

    #[test]
    fn only_the_pages_of_the_last_walk_are_kept() {
        let memory = Memory::default();
        let read = |rows| drop(memory.page(body(rows, true, ""), List::Users).unwrap());
        (1..=3).for_each(read);
        memory.settle();
        assert_eq!(memory.len(), 3);
        // One comes again, one is new, and so it is the next time.
        for _ in 0..2 {
            [2, 4].into_iter().for_each(read);
            memory.settle();
            assert_eq!(memory.len(), 2);
        }
        let known = memory.pages().bytes;
        assert!(known > 6 * size_of::<u64>());
        memory.settle();
        assert_eq!((memory.len(), memory.pages().bytes), (0, 0));
    }

    #[test]
    fn it_does_not_grow_beyond_its_limit() {
        let memory = Memory::default();
        memory.pages().bytes = MOST - 500;
        let page = memory.page(body(100, true, ""), List::Users).unwrap();
        assert_eq!((page.rows.len(), memory.len()), (100, 0));
        memory.settle();
        memory.page(body(100, true, ""), List::Users).unwrap();
        assert_eq!(memory.len(), 1);
        assert!(format!("{memory:?}").len() < 30);
    }
}
