//! What became of users whom no listing shows: each is looked up, within the site's budget of single look-ups.
//!
//! | answer | finding |
//! |---|---|
//! | a record with the user's key | it is there: renamed, without access, returned |
//! | the alias of a deleted account, also by the key as a name | deleted |
//! | 404 by the name, and User Export's whole list lacks it | deleted |
//! | 404 by the name alone, or another account | nothing is proven: missing |
//! | no answer, an error | no evidence: it stays as it was |

use futures_util::stream::{self, StreamExt};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use std::sync::atomic::{AtomicU32, Ordering};

use super::people::name_hash;
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
    Missing {
        /// Nobody has its name.
        not_found: bool,
    },
    /// The site did not answer, or with an error: no evidence at all. What it said.
    Unanswered(String),
    /// The budget did not reach it.
    NotAsked,
}

/// How evidence tells that a user is not in User Export's list.
pub const LACKED: &str = "and not in the whole list of User Export";

/// Requests that tell an error from a 404.
const PROBES: u32 = 2;
/// A name that nobody has.
const NOBODY: &str = "rollbook-asks-for-nobody";

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

impl LookedUp {
    /// The record that the look-up of a user without a key brought.
    pub fn told_record(&self) -> Option<&SeenUser> {
        match &self.finding {
            Finding::Found(record) if self.known.account.key.is_none() => Some(record),
            _ => None,
        }
    }
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

/// Which users a 404 by name proves deleted: User Export's whole list lacks them.
pub type Lacked<'a> = &'a (dyn Fn(&AccountRow) -> bool + Sync);

/// Looks users up by name, and by key where the name does not lead to them. Spends at most `budget` requests, in the
/// order given (a request that is sent again counts once), and lowers it by those spent. `listed` is the name of a user
/// whom the lists show. Fails only when the credentials or the account are refused.
pub async fn look_up_all(
    extender: Extender<'_>,
    users: Vec<AccountRow>,
    budget: &mut u32,
    lacked: Lacked<'_>,
    listed: Option<&str>,
) -> Result<Vec<LookedUp>, RequestError> {
    let concurrency = extender.client().limits().concurrency;
    let site = Asked { extender, left: AtomicU32::new(*budget), listed, nobody: Mutex::new(None) };
    let mut answers = stream::iter(users).map(|user| look_up(&site, user, lacked)).buffered(concurrency);
    let mut found = Vec::new();
    while let Some(answer) = answers.next().await {
        found.push(answer?);
    }
    drop(answers);
    *budget = site.left.into_inner();
    Ok(found)
}

/// A site that is asked about single users.
struct Asked<'a> {
    extender: Extender<'a>,
    left: AtomicU32,
    /// The name of a user whom its lists show.
    listed: Option<&'a str>,
    /// The status it answers about a name that nobody has, where that is another than 404; once it is known.
    nobody: Mutex<Option<Option<u16>>>,
}

impl Asked<'_> {
    fn take(&self, requests: u32) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(requests)).is_ok()
    }

    /// Whether the site answers with `status` when nobody has the name: releases that say 400 or 500 there were seen.
    /// It does when a name that nobody has gets it, and a user who is listed does not. Asked once, within the budget.
    async fn says_so_of_nobody(&self, status: u16) -> Result<bool, RequestError> {
        let Some(listed) = self.listed.filter(|_| matches!(status, 400 | 500)) else { return Ok(false) };
        let mut nobody = self.nobody.lock().await;
        if let Some(nobody) = *nobody {
            return Ok(nobody == Some(status));
        }
        if !self.take(PROBES) {
            return Ok(false); // not known yet
        }
        let told = match (self.extender.look_up(NOBODY).await, self.extender.look_up(listed).await) {
            (Err(RequestError { trouble: Trouble::Status(status), .. }), Ok(LookUp::Found(_))) => Some(status),
            (Err(error), _) | (_, Err(error)) if error.trouble.is_refusal() || error.trouble.is_block() => {
                return Err(error);
            }
            _ => None,
        };
        *nobody = Some(told);
        Ok(told == Some(status))
    }
}

async fn look_up(site: &Asked<'_>, known: AccountRow, lacked: Lacked<'_>) -> Result<LookedUp, RequestError> {
    let key = known.account.key.clone();
    let lacked = lacked(&known);
    // Without a key there is but the name.
    let wanted = if key.is_none() { 1 } else { NEEDED };
    let needed = wanted.min(site.extender.client().limits().lookups_per_walk).max(1);
    // All its look-ups or none: half of them, call after call, would never prove a deletion.
    if !site.take(needed) {
        return Ok(LookedUp { known, finding: Finding::NotAsked, evidence: None });
    }
    let mut reserved = needed;
    let name = known.account.profile.name.clone();
    let mut evidence = Vec::new();
    let mut finding = None;
    let mut not_found = false;
    for (by, value) in [("name", Some(&name)), ("key", key.as_ref().filter(|key| **key != name))] {
        let Some(value) = value else { continue };
        if !is_addressable(value) {
            evidence.push(format!("by {by}: cannot be asked"));
            continue;
        }
        if reserved == 0 {
            break;
        }
        reserved -= 1;
        match site.extender.look_up(value).await {
            Ok(LookUp::Found(record)) if is_about(&record, key.as_deref(), &name) => {
                let deleted = is_deleted(&record);
                evidence.push(format!("by {by}: {}", if deleted { "the alias of a deleted account" } else { "found" }));
                finding = Some(if deleted { Finding::Deleted } else { Finding::Found(record) });
                break;
            }
            Ok(LookUp::Found(_)) => evidence.push(format!("by {by}: another account")),
            Ok(LookUp::NotFound) if by == "name" && lacked => {
                evidence.push(format!("by name: 404, {LACKED}"));
                finding = Some(Finding::Deleted);
                break;
            }
            Ok(LookUp::NotFound) => {
                not_found |= by == "name";
                evidence.push(format!("by {by}: 404"));
            }
            Err(error) if error.trouble.is_refusal() || error.trouble.is_block() => return Err(error),
            Err(RequestError { trouble: Trouble::Status(status), .. }) if site.says_so_of_nobody(status).await? => {
                evidence.push(format!("by {by}: {status}, as of a name that nobody has"));
            }
            Err(error) => {
                finding = Some(Finding::Unanswered(error.to_string()));
                break;
            }
        }
    }
    site.left.fetch_add(reserved, Ordering::Relaxed);
    let finding = finding.unwrap_or(Finding::Missing { not_found });
    let answered = !matches!(finding, Finding::Unanswered(_));
    let told = (!evidence.is_empty() && answered).then(|| evidence.join(", "));
    Ok(LookedUp { known, finding, evidence: told })
}

/// Whether a record is that of the user of this key; of a user without one, who has this name.
fn is_about(record: &SeenUser, key: Option<&str>, name: &str) -> bool {
    match key {
        Some(key) => record.key == key,
        None => name_hash(&record.name) == name_hash(name),
    }
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
