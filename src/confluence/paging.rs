//! Reading an offset listing that may change while it is read.
//!
//! A row removed before the offset makes the next page skip a row that stood there throughout. So windows overlap by a
//! few rows: as long as one row of the overlap appears again, nothing between two windows was skipped. The pass
//! advances by rows *received* (servers cap pages), and ends at the declared total, where a page says that none follows,
//! at an empty page, or where a page comes a second time.

use std::collections::{HashSet, VecDeque};
use std::future::Future;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;

use super::error::{RequestError, Trouble};
use super::page::Page;

/// Rows two windows share.
const OVERLAP: u64 = 5;
/// How far around a seam rows are recognised: shifts up to three overlaps are understood.
const SEAM: usize = 4 * OVERLAP as usize;
/// So many pages that came before end the pass: in a listing of short pages one insertion repeats one.
const REPEATED_PAGES: u32 = 3;
/// So many pages failing for good end the pass.
const FAILED_PAGES: usize = 3;

/// One reading of a listing, from its first row to its last.
#[derive(Debug, Default)]
pub struct Pass {
    /// The last `total` seen.
    pub declared: Option<u64>,
    /// Rows received, those of the overlaps once.
    pub received: u64,
    /// Rows received again where they were not expected.
    pub repeated: u64,
    /// Pages received.
    pub pages: u64,
    /// The listing changed while it was read, or could have without being noticed.
    pub disturbed: bool,
    /// Every two windows share a row.
    pub joined: bool,
    /// Why the pass ended early, if it did.
    pub end: PassEnd,
    /// Pages that failed for good.
    pub failures: Vec<RequestError>,
}

/// How a pass ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PassEnd {
    /// At the declared total, where a page says that none follows, or at an empty page where neither is told.
    #[default]
    Total,
    /// At an empty page before the declared total, or although more rows were promised.
    Short,
    /// Where a page came a second time: the server ignores `startAt`.
    Repeated,
    /// Too many pages failed.
    Failed,
}

impl Pass {
    /// The pass brought every row, given how many different ones it brought.
    pub fn is_complete(&self, distinct: u64) -> bool {
        let whole = self.failures.is_empty() && self.joined && self.end == PassEnd::Total;
        let exact = self.declared.is_none_or(|total| total == distinct);
        // Undisturbed, every position was read: rows may then still be the same user twice.
        let undisturbed = !self.disturbed && self.declared.is_none_or(|total| total == self.received);
        whole && (exact || undisturbed)
    }

    /// Why it is not complete.
    pub fn shortfall(&self, distinct: u64) -> String {
        if let Some(failure) = self.failures.first() {
            return failure.to_string();
        }
        match self.end {
            PassEnd::Repeated => "a page came a second time: the site ignores startAt".to_owned(),
            _ => format!(
                "{distinct} different rows of {} declared, the list kept changing while it was read",
                self.declared.map_or("an unknown number".to_owned(), |total| total.to_string()),
            ),
        }
    }
}

struct Tail {
    rows: VecDeque<u64>,
}

impl Tail {
    fn of(page: &Page, identity: &impl Fn(&[u8]) -> u64) -> Self {
        let from = page.rows.len().saturating_sub(SEAM);
        Self { rows: (from..page.rows.len()).map(|index| identity(page.rows.get(index))).collect() }
    }
}

/// Reads a listing with `fetch(start, size)`, up to `concurrency` windows ahead. `identity` recognises a row whatever
/// else changed in it. `on_page` gets each page in order with the index of its first new row.
///
/// Fails when the first page does, or when the credentials or the account are refused.
pub async fn read_listing<F, Fut>(
    fetch: F,
    first: Option<Page>,
    page_size: u64,
    concurrency: usize,
    identity: impl Fn(&[u8]) -> u64,
    mut on_page: impl FnMut(Page, usize),
) -> Result<Pass, RequestError>
where
    F: Fn(u64, u64) -> Fut,
    Fut: Future<Output = Result<Page, RequestError>>,
{
    let fetch = &fetch;
    let window = |start, size| async move { (start, fetch(start, size).await) };
    let mut pass = Pass { joined: true, ..Pass::default() };
    let mut ahead = FuturesOrdered::new();
    let mut planned = 0; // the next window to ask for
    let mut reached = 0; // one behind the last row received
    let mut size = page_size; // rows asked for: fewer once more did not come in time
    let mut stride = page_size; // rows the server gives in a page
    let mut tail: Option<Tail> = None;
    let mut heads = HashSet::new();
    let mut again = 0; // pages that came before
    let mut current = match first {
        Some(page) => (0, Ok(page)),
        None => window(0, size).await,
    };
    loop {
        let (start, answer) = current;
        match answer {
            Ok(page) => {
                let rows = page.rows.len() as u64;
                size = page.asked.map_or(size, |asked| asked.clamp(1, size));
                pass.pages += 1;
                pass.disturbed |= pass.declared.is_some() && page.total.is_some() && pass.declared != page.total;
                pass.declared = page.total.or(pass.declared);
                if rows == 0 {
                    // Behind a promise of more there should have been the shared rows at least.
                    pass.joined &= start == 0 || (pass.declared.is_none() && page.more.is_none());
                    if pass.declared.is_some_and(|total| reached < total) || page.more == Some(true) {
                        pass.end = PassEnd::Short;
                    }
                    break;
                }
                let head: Vec<u64> = (0..page.rows.len().min(SEAM)).map(|row| identity(page.rows.get(row))).collect();
                if page.start.is_some_and(|told| told != start) {
                    pass.end = PassEnd::Repeated;
                    break;
                }
                let fresh = match &tail {
                    Some(tail) => join(&mut pass, tail, &head, reached.saturating_sub(start) as usize),
                    None => {
                        pass.joined &= start == 0;
                        0
                    }
                };
                let (seam, more) = (Tail::of(&page, &identity), page.more);
                on_page(page, fresh);
                pass.received += rows.saturating_sub(fresh as u64);
                if !heads.insert(head) {
                    pass.disturbed = true;
                    again += 1;
                }
                if again >= REPEATED_PAGES {
                    pass.end = PassEnd::Repeated;
                    break;
                }
                let end = start + rows;
                if more == Some(false) || pass.declared.is_some_and(|total| end.max(reached) >= total) {
                    break;
                }
                if end <= reached && more == Some(true) {
                    // A page shorter than what it shares with the one before: share less.
                    stride = rows;
                } else if end <= reached {
                    // Nothing new: the end, where the site declares no total.
                    if pass.declared.is_some() {
                        pass.end = PassEnd::Short;
                    }
                    break;
                } else {
                    reached = end;
                    stride = rows;
                    tail = Some(seam);
                }
            }
            Err(error) if start == 0 || error.trouble.is_refusal() || error.trouble.is_block() => return Err(error),
            Err(error) => {
                let hopeless = error.trouble.is_end();
                if matches!(error.trouble, Trouble::TimedOut(_)) {
                    size = (size / 2).max(1);
                }
                pass.failures.push(error);
                if hopeless || pass.failures.len() >= FAILED_PAGES {
                    pass.end = PassEnd::Failed;
                    break;
                }
                reached = start + stride;
                tail = None;
                if pass.declared.is_none_or(|total| reached >= total) {
                    break;
                }
            }
        }
        // The window that continues here; what was asked ahead by another plan is dropped.
        let overlap = OVERLAP.min(stride / 2);
        pass.disturbed |= overlap == 0;
        let wanted = reached - overlap;
        current = loop {
            if ahead.is_empty() {
                ahead.push_back(window(wanted, size));
                planned = wanted + stride - overlap;
            }
            while ahead.len() < concurrency && pass.declared.is_some_and(|total| planned + overlap < total) {
                ahead.push_back(window(planned, size));
                planned += stride - overlap;
            }
            match ahead.next().await {
                Some(window) if window.0 == wanted => break window,
                _ => ahead = FuturesOrdered::new(),
            }
        };
    }
    Ok(pass)
}

/// Whether a window continues the one before; the index of its first new row.
fn join(pass: &mut Pass, tail: &Tail, head: &[u64], overlap: usize) -> usize {
    let expected = tail.rows.len().saturating_sub(overlap);
    if overlap > 0 && head.len() >= overlap && tail.rows.iter().skip(expected).eq(head.iter().take(overlap)) {
        return overlap;
    }
    if overlap == 0 {
        return 0; // windows of one row: nothing joins them, `disturbed` says so
    }
    pass.disturbed = true;
    let known: HashSet<u64> = tail.rows.iter().copied().collect();
    match head.iter().rposition(|row| known.contains(row)) {
        Some(last) if head.iter().take(overlap).any(|row| known.contains(row)) => {
            pass.repeated += (last + 1).saturating_sub(overlap) as u64;
            last + 1
        }
        _ => {
            pass.joined = false;
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use bytes::Bytes;

    use super::*;

    fn number(row: &[u8]) -> u64 {
        let text = std::str::from_utf8(row).unwrap();
        text.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap()
    }

    fn page(rows: &[u64], start: u64, size: u64) -> Page {
        let end = (start + size).min(rows.len() as u64);
        let part: Vec<String> =
            rows[start.min(end) as usize..end as usize].iter().map(|n| format!("{{\"name\":\"{n}\"}}")).collect();
        Page::of_users(Bytes::from(format!("{{\"total\":{},\"users\":[{}]}}", rows.len(), part.join(",")))).unwrap()
    }

    /// Reads a list of numbers capped at `cap` a page; `between` may change it before each request.
    async fn read(rows: u64, cap: u64, mut between: impl FnMut(u64, &mut Vec<u64>)) -> (Pass, Vec<u64>) {
        let list = RefCell::new((0..rows).map(|n| n * 10).collect::<Vec<u64>>());
        let request = Cell::new(0);
        let between = RefCell::new(&mut between);
        let mut seen = Vec::new();
        let fetch = |start, size: u64| {
            request.set(request.get() + 1);
            (between.borrow_mut())(request.get(), &mut list.borrow_mut());
            let answer = page(&list.borrow(), start, size.min(cap));
            async move { Ok(answer) }
        };
        let pass = read_listing(fetch, None, 1000, 2, number, |page, fresh| {
            seen.extend(page.rows.iter().skip(fresh).map(number));
        })
        .await
        .unwrap();
        (pass, seen)
    }

    #[tokio::test]
    async fn a_quiet_list_is_read_once_whatever_the_cap() {
        for cap in [1, 2, 3, 7, 50, 1000] {
            for rows in [0, 1, 2, 6, 7, 8, 49, 50, 51, 120] {
                let (pass, seen) = read(rows, cap, |_, _| {}).await;
                assert_eq!(seen, (0..rows).map(|n| n * 10).collect::<Vec<_>>(), "{rows} rows, cap {cap}");
                assert!(pass.is_complete(rows), "{rows} rows, cap {cap}: {pass:?}");
                assert!(!pass.disturbed || cap == 1, "{rows} rows, cap {cap}: {pass:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_standing_row_is_never_missed_by_a_complete_pass() {
        for cap in [1, 2, 3, 7, 20, 50] {
            for at in 1..=40 {
                for (remove, insert) in [(Some(0), None), (Some(3), None), (None, Some(5)), (Some(0), Some(1195))] {
                    let (pass, seen) = read(120, cap, |request, list| {
                        if request == at {
                            remove.map(|index| list.remove(index));
                            if let Some(number) = insert {
                                let place = list.partition_point(|&n| n < number);
                                list.insert(place, number);
                            }
                        }
                    })
                    .await;
                    let distinct: HashSet<u64> = seen.iter().copied().collect();
                    let standing =
                        (0..120).map(|n| n * 10).filter(|n| remove.is_none_or(|index| *n != index as u64 * 10));
                    let missed = standing.filter(|n| !distinct.contains(n)).count();
                    let proven = pass.is_complete(distinct.len() as u64) && !(cap == 1 && pass.disturbed);
                    assert!(missed == 0 || !proven, "cap {cap}, request {at}, {remove:?} {insert:?}: {pass:?}");
                }
            }
        }
    }

    /// The same for a list that declares no total but tells whether more rows follow, as `more(end, rows)` has it.
    async fn read_export(list: &[u64], cap: u64, more: impl Fn(u64, u64) -> Option<bool>) -> (Pass, Vec<u64>) {
        let mut seen = Vec::new();
        let fetch = |start: u64, size: u64| {
            let mut answer = page(list, start, size.min(cap));
            answer.total = None;
            answer.more = more(start + answer.rows.len() as u64, list.len() as u64);
            async move { Ok(answer) }
        };
        let pass = read_listing(fetch, None, 1000, 2, number, |page, fresh| {
            seen.extend(page.rows.iter().skip(fresh).map(number));
        })
        .await
        .unwrap();
        (pass, seen)
    }

    #[tokio::test]
    async fn what_came_only_in_smaller_pages_is_asked_for_in_smaller_pages() {
        let list: Vec<u64> = (0..2000).collect();
        let sizes = RefCell::new(Vec::new());
        // From row 500 on the site cannot give more than 100 rows in time.
        let fetch = |start: u64, size: u64| {
            sizes.borrow_mut().push((start, size));
            let asked = if start + size > 500 { size.min(100) } else { size };
            let answer = Page { asked: Some(asked), ..page(&list, start, asked) };
            async move { Ok(answer) }
        };
        let mut seen = Vec::new();
        let on_page = |page: Page, fresh| seen.extend(page.rows.iter().skip(fresh).map(number));
        let pass = read_listing(fetch, None, 400, 1, number, on_page).await.unwrap();
        assert_eq!(seen, list);
        assert!(pass.is_complete(2000) && !pass.disturbed, "{pass:?}");
        let sizes = sizes.into_inner();
        assert_eq!(sizes[..2], [(0, 400), (395, 400)]);
        assert!(sizes[2..].iter().all(|(_, size)| *size == 100), "{sizes:?}");
    }

    #[tokio::test]
    async fn a_list_without_a_total_ends_where_it_says() {
        for cap in [2, 3, 7, 50, 1000] {
            for rows in [0, 1, 6, 49, 50, 51, 120] {
                let list: Vec<u64> = (0..rows).collect();
                let (pass, seen) = read_export(&list, cap, |end, rows| Some(end < rows)).await;
                assert_eq!(seen, list, "{rows} rows, cap {cap}");
                assert!(pass.is_complete(rows) && !pass.disturbed, "{rows} rows, cap {cap}: {pass:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_promise_of_more_is_not_forgotten() {
        let list: Vec<u64> = (0..95).collect();
        // It promises more for ever: no page of it proves that all rows came.
        let (pass, seen) = read_export(&list, 20, |_, _| Some(true)).await;
        assert_eq!(seen, list);
        assert!(!pass.is_complete(95), "{pass:?}");
        // It says too early that nothing follows: believed.
        let (pass, seen) = read_export(&list, 20, |_, _| Some(false)).await;
        assert_eq!((seen.len(), pass.end), (20, PassEnd::Total));
        let (pass, _) = read_export(&[], 20, |_, _| Some(true)).await;
        assert_eq!(pass.end, PassEnd::Short);
    }

    #[tokio::test]
    async fn a_short_page_is_not_the_last_one() {
        let list: Vec<u64> = (0..60).collect();
        let mut seen = Vec::new();
        let fetch = |start: u64, _| {
            // One page is shorter than the overlap.
            let mut answer = page(&list, start, if (10..20).contains(&start) { 3 } else { 20 });
            answer.total = None;
            answer.more = Some(start + (answer.rows.len() as u64) < 60);
            async move { Ok(answer) }
        };
        let on_page = |page: Page, fresh| seen.extend(page.rows.iter().skip(fresh).map(number));
        let pass = read_listing(fetch, None, 20, 2, number, on_page).await.unwrap();
        assert_eq!(seen, list, "{pass:?}");
        assert!(pass.is_complete(60), "{pass:?}");
    }

    #[tokio::test]
    async fn a_server_that_ignores_where_to_start_is_found_out() {
        let list: Vec<u64> = (0..500).collect();
        let fetch = |_, _| {
            let answer = page(&list, 0, 100);
            async move { Ok(answer) }
        };
        let pass = read_listing(fetch, None, 1000, 4, number, |_, _| {}).await.unwrap();
        assert_eq!(pass.end, PassEnd::Repeated);
        assert!(!pass.is_complete(500));
        assert!(pass.pages < 10);
    }

    #[tokio::test]
    async fn a_total_that_lies_ends_and_proves_nothing() {
        for total in [55u64, 500] {
            let list: Vec<u64> = (0..100).collect();
            let fetch = |start, size: u64| {
                let mut answer = page(&list, start, size.min(20));
                answer.total = Some(total);
                async move { Ok(answer) }
            };
            let mut seen = HashSet::new();
            let pass = read_listing(fetch, None, 1000, 4, number, |page, _| seen.extend(page.rows.iter().map(number)))
                .await
                .unwrap();
            assert!(!pass.is_complete(seen.len() as u64), "{total}: {pass:?}");
        }
    }
}
