//! Passwords and tokens: never printed, given as they are or in a file.

use std::fmt;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A password or token. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret; nothing prints it.
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The secret itself, to be put into a sensitive header and nowhere else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Far above any token; below what a mistaken path, `/dev/zero` say, would fill the memory with.
const LARGEST: u64 = 64 * 1024;

/// Takes a secret that can be sent in a header. The error says what is wrong, without the secret.
pub(super) fn check(text: String) -> Result<Secret, String> {
    if text.is_empty() {
        return Err("is empty: a secret has at least one character".into());
    }
    if text.chars().any(char::is_control) {
        return Err("holds a control character (a line break or a tab, say), which no header can carry: \
                    the secret must be one line"
            .into());
    }
    Ok(Secret(text))
}

/// Reads a secret from its file, less the line breaks at its end. The error names the file and never its content.
pub(super) fn read_file(path: &Path) -> Result<Secret, String> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| {
        let remedy = if error.kind() == std::io::ErrorKind::NotFound {
            "write the secret into it, or correct the path"
        } else {
            "it must be a file that the user who runs rollbook may read"
        };
        format!("cannot read {shown} ({error}): {remedy}")
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("{shown} is larger than 64 KiB: name the file that holds the secret alone"));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| format!("{shown} is not UTF-8 text: write the secret into it as UTF-8, on one line"))?;
    check(text.trim_end_matches(['\n', '\r']).to_owned()).map_err(|why| format!("{shown} {why}"))
}

/// Whether any of the permission bits `mask` is set on a file; `false` when it cannot be told.
pub(super) fn has_mode(path: &Path, mask: u32) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & mask != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_printed() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "[redacted]");
    }

    #[test]
    fn a_file_is_read_less_its_last_line_breaks() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, " 1e5 \r\n\n").unwrap();
        assert_eq!(read_file(&path).unwrap().reveal(), " 1e5 ");
    }

    #[test]
    fn a_file_that_holds_no_secret_is_refused_without_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        let cases: [(&[u8], &str); 5] = [
            (b"", "is empty"),
            (b"\n\n", "is empty"),
            (b"hunter2\nhunter2", "control character"),
            (b"hunter2\xff", "not UTF-8"),
            (&[b'x'; 70_000], "64 KiB"),
        ];
        for (content, why) in cases {
            std::fs::write(&path, content).unwrap();
            let error = read_file(&path).unwrap_err();
            assert!(error.contains(why) && error.contains("secret") && !error.contains("hunter2"), "{error}");
        }
        assert!(read_file(&dir.path().join("none")).unwrap_err().contains("correct the path"));
        assert!(read_file(dir.path()).unwrap_err().contains("cannot read"));
    }
}
