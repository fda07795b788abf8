use std::cell::{Cell, RefCell};

use bytes::Bytes;

use super::*;
use crate::confluence::page::List;

fn number(row: &[u8]) -> u64 {
    let text = std::str::from_utf8(row).unwrap();
    text.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

fn page(rows: &[u64], start: u64, size: u64) -> Page {
    let end = (start + size).min(rows.len() as u64);
    let part: Vec<String> =
        rows[start.min(end) as usize..end as usize].iter().map(|n| format!("{{\"name\":\"{n}\"}}")).collect();
    let body = format!("{{\"total\":{},\"users\":[{}]}}", rows.len(), part.join(","));
    Page::of(Bytes::from(body), List::Users).unwrap()
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
async fn a_list_without_a_total_is_complete_in_pages_of_one_row_too() {
    for (rows, cap) in [(1, 1), (4, 1), (5, 2), (12, 7), (14, 7)] {
        let list: Vec<u64> = (0..rows).collect();
        let fetch = |start, size: u64| {
            let page = page(&list, start, size.min(cap));
            // As Cloud says it: an empty page is certainly the last.
            let more = page.rows.is_empty().then_some(false);
            async move { Ok(Page { total: None, more, ..page }) }
        };
        let mut seen = HashSet::new();
        let pass = read_listing(fetch, None, 200, 2, number, |page, fresh| {
            seen.extend(page.rows.iter().skip(fresh).map(number));
        });
        let pass = pass.await.unwrap();
        assert!(pass.is_complete(rows) && seen.len() as u64 == rows, "{rows} rows, cap {cap}: {pass:?}");
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
                let standing = (0..120).map(|n| n * 10).filter(|n| remove.is_none_or(|index| *n != index as u64 * 10));
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
