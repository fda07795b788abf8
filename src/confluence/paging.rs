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
use super::memory::ENDS;
use super::page::Page;

/// Rows two windows share.
const OVERLAP: u64 = 5;
/// How far around a seam rows are recognised: shifts up to three overlaps are understood.
const SEAM: usize = 4 * OVERLAP as usize;
const _: () = assert!(SEAM <= ENDS, "a page that is remembered has its seams at hand");
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
                    // Behind a promise of more there should have been the shared rows at least, where windows share
                    // any: those of one row do not.
                    let unshared = page.more.is_none() || start >= reached;
                    pass.joined &= start == 0 || (pass.declared.is_none() && unshared);
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
mod tests;
