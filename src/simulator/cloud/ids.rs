//! What Cloud calls accounts and groups.

use xxhash_rust::xxh3::xxh3_128;

use crate::simulator::population::Population;

/// The site's part of an account id, the same for most accounts of a real one.
const PREFIX: &str = "712020:";

/// The account id of the user with this key: the key spelled as a UUID behind a number, as Atlassian's are.
pub fn account_id(key: &str) -> String {
    format!("{PREFIX}{}", uuid(key).unwrap_or_else(|| key.to_owned()))
}

/// The key of the user with this account id, if any has it.
pub(in crate::simulator) fn key_of(account_id: &str) -> Option<String> {
    let key: String = account_id.strip_prefix(PREFIX)?.split('-').collect();
    (self::account_id(&key) == account_id).then_some(key)
}

/// An id that follows from a text, spelled as a UUID.
pub(in crate::simulator) fn made_id(text: &str) -> String {
    let digits = format!("{:032x}", xxh3_128(text.as_bytes()));
    uuid(&digits).unwrap_or(digits)
}

/// 32 digits spelled as a UUID.
fn uuid(digits: &str) -> Option<String> {
    let whole = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then(|| {
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        parts.join("-")
    })
}

impl Population {
    /// The id that the group of this name has on Cloud, or would have: it follows from the name the group was made with.
    pub fn group_id(&self, name: &str) -> String {
        self.group_ids.get(name).cloned().unwrap_or_else(|| made_id(name))
    }

    /// Renames a group, as Cloud can: its id stays. No group may have the new name yet.
    pub fn rename_group(&mut self, old: &str, new: &str) {
        if let Some(keys) = self.groups.remove(old) {
            let id = self.group_id(old);
            self.groups.insert(new.to_owned(), keys);
            // Whoever takes the old name is another group, with an id that nobody had.
            self.renames += 1;
            self.group_ids.insert(old.to_owned(), made_id(&format!("{id} {}", self.renames)));
            self.group_ids.insert(new.to_owned(), id);
        }
    }

    /// The name of the group with this id.
    pub(in crate::simulator) fn group_called(&self, id: &str) -> Option<&str> {
        self.groups.keys().map(String::as_str).find(|name| self.group_id(name) == id)
    }
}
