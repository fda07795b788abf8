//! What became of users whom no listing shows: each is looked up, within the site's budget of single look-ups.

use futures_util::stream::{self, StreamExt};
use sha2::{Digest, Sha256};

use std::sync::atomic::{AtomicU32, Ordering};

use crate::confluence::{Extender, LookUp, RequestError, Trouble, is_addressable};
use crate::model::{SeenUser, Told};
use crate::store::AccountRow;

/// What the look-ups of a user prove.
#[derive(Clone, Debug)]
pub enum Finding {
    /// It exists: this is its record.
    Found(Box<SeenUser>),
    /// Its name has become its key: the alias of a deleted account.
    Deleted,
    /// Nothing proves anything.
    Missing,
    /// The site did not answer: no evidence at all.
    Unanswered,
    /// The budget did not reach it.
    NotAsked,
}

/// Look-ups that a user may take: by name, then by key. Where a walk may make but one, by name alone.
const NEEDED: u32 = 2;

/// A user who was looked up.
#[derive(Clone, Debug)]
pub struct LookedUp {
    /// What is known of it.
    pub known: AccountRow,
    /// What the look-ups prove.
    pub finding: Finding,
    /// What was asked and answered, for the record; `None` when nothing was asked.
    pub evidence: Option<String>,
}

/// The full name of a deleted account: `user-` and the first five hex digits of SHA-256 of its key.
pub fn deleted_alias(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    let digits: String = digest.iter().take(3).map(|byte| format!("{byte:02x}")).collect();
    format!("user-{}", &digits[..5])
}

/// Whether a record is that of a deleted account: its name is its key, its full name the alias.
pub fn is_deleted(record: &SeenUser) -> bool {
    record.name == record.key && record.full_name == Told::Told(Some(deleted_alias(&record.key)))
}

/// Looks users up by name, and by key where the name does not lead to them. Spends at most `budget` requests, in the
/// order given, and lowers it by those spent. Fails only when the credentials or the account are refused.
pub async fn look_up_all(
    extender: Extender<'_>,
    users: Vec<AccountRow>,
    budget: &mut u32,
) -> Result<Vec<LookedUp>, RequestError> {
    let left = AtomicU32::new(*budget);
    let concurrency = extender.client().limits().concurrency;
    let left_ref = &left;
    let needed = NEEDED.min(extender.client().limits().lookups_per_walk).max(1);
    let mut answers = stream::iter(users).map(|user| look_up(extender, user, left_ref, needed)).buffered(concurrency);
    let mut found = Vec::new();
    while let Some(answer) = answers.next().await {
        found.push(answer?);
    }
    drop(answers);
    *budget = left.into_inner();
    Ok(found)
}

async fn look_up(
    extender: Extender<'_>,
    known: AccountRow,
    left: &AtomicU32,
    needed: u32,
) -> Result<LookedUp, RequestError> {
    let Some(key) = known.account.key.clone() else {
        return Ok(LookedUp { known, finding: Finding::Unanswered, evidence: None });
    };
    // Both look-ups or none: half of them, call after call, would never prove a deletion.
    if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(needed)).is_err() {
        return Ok(LookedUp { known, finding: Finding::NotAsked, evidence: None });
    }
    let mut reserved = needed;
    let name = known.account.profile.name.clone();
    let mut evidence = Vec::new();
    let mut finding = None;
    for (by, value) in [("name", &name), ("key", &key)] {
        if by == "key" && name == key {
            continue;
        }
        if !is_addressable(value) {
            evidence.push(format!("by {by}: cannot be asked"));
            continue;
        }
        if reserved == 0 {
            break;
        }
        reserved -= 1;
        match extender.look_up(value).await {
            Ok(LookUp::Found(record)) if record.key == key => {
                let deleted = is_deleted(&record);
                evidence.push(format!("by {by}: {}", if deleted { "the alias of a deleted account" } else { "found" }));
                finding = Some(if deleted { Finding::Deleted } else { Finding::Found(record) });
                break;
            }
            Ok(LookUp::Found(_)) => evidence.push(format!("by {by}: another account")),
            Ok(LookUp::NotFound) => evidence.push(format!("by {by}: 404")),
            Err(error) if error.trouble.is_refusal() || error.trouble.is_block() => return Err(error),
            // A site that answers 500 for an unknown user says nothing about the user, but it is there.
            Err(RequestError { trouble: Trouble::Status(status), .. }) => evidence.push(format!("by {by}: {status}")),
            Err(RequestError { trouble: Trouble::Forbidden, .. }) => evidence.push(format!("by {by}: 403")),
            Err(_) => {
                finding = Some(Finding::Unanswered);
                break;
            }
        }
    }
    left.fetch_add(reserved, Ordering::Relaxed);
    let finding = finding.unwrap_or(Finding::Missing);
    let told = (!evidence.is_empty() && !matches!(finding, Finding::Unanswered)).then(|| evidence.join(", "));
    Ok(LookedUp { known, finding, evidence: told })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alias_of_a_deleted_account() {
        // printf '2c9b8082813df28e01813dfb03010000' | sha256sum
        let key = "2c9b8082813df28e01813dfb03010000";
        assert_eq!(deleted_alias(key), "user-e3227");
        let record = SeenUser {
            key: key.to_owned(),
            name: key.to_owned(),
            full_name: Told::Told(Some(deleted_alias(key))),
            ..SeenUser::default()
        };
        assert!(is_deleted(&record));
        assert!(!is_deleted(&SeenUser { name: "admin".to_owned(), ..record.clone() }));
        assert!(!is_deleted(&SeenUser { full_name: Told::Told(Some("user-00000".to_owned())), ..record }));
    }
}
