//! A page of every list fails once: it is asked for again, and nothing is missing.

use super::Kept::Nothing;
use super::{Export, Row, Site, survive};

macro_rules! everywhere {
    ($($what:literal)*) => {
        &[$(Row(
            "a page fails once",
            &[
                concat!($what, "@users:2"),
                concat!($what, "@groups:1"),
                concat!($what, "@members:4"),
                concat!($what, "@user:1"),
                concat!($what, "@export-search:2"),
            ],
            0,
            "applied",
            &[Nothing],
        )),*]
    };
}

const ONCE: &[Row<'_>] = everywhere! {
    "status=500"
    "status=502"
    "status=503;Retry-After=0"
    "status=503;Retry-After=1"
    "status=503;Retry-After=garbage"
    "status=503;Retry-After=-1"
    "status=429"
    "status=429;Retry-After=Thu, 01 Jan 1970 00:00:00 GMT"
    "status=429;Retry-After=garbage"
    "reset"
    "truncate"
    "truncate-chunked"
    "truncate-close"
    "invalid-json"
    "odd-status"
    "hang"
};

#[test]
fn with_user_export_off() {
    survive(Site::new(Export::Off).retrying(2), ONCE);
}

#[test]
fn with_user_export_on() {
    // An odd status is Extender's; User Export has none.
    let shared = ONCE.iter().filter(|row| !row.1[0].starts_with("odd") && !row.1[0].starts_with("hang"));
    survive(Site::new(Export::On).retrying(2), shared.step_by(2));
}
