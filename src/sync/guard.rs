//! What a walk may not do unseen. Pure.

/// A user list that is empty where users were known is an error of the site, never a hundred thousand leavers.
pub fn is_emptied(known: usize, listed: u64) -> bool {
    known > 0 && listed == 0
}
