//! A check: what was found, how it is judged, what to do.

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The site that it is about, by its id; `None` where it is about none.
    pub site: Option<String>,
    /// What was checked; the same in every release.
    pub name: &'static str,
    /// How it is judged.
    pub verdict: Verdict,
    /// What was found: never a secret, never a person.
    pub found: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// How what was found is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and somebody should know.
    Warning,
    /// It does not work.
    Failed(Fault),
    /// Not checked; the finding says why.
    Skipped,
}

impl Verdict {
    /// The spelling in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed(_) => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// What is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The configuration or the database cannot be used.
    Unusable,
    /// The credentials or the permission are refused.
    Refused,
    /// The site does not answer, or not with what is needed.
    Unreachable,
    /// Anything else.
    Other,
}

impl Check {
    fn new(name: &'static str, verdict: Verdict, found: impl Into<String>, remedy: Option<String>) -> Self {
        Self { site: None, name, verdict, found: found.into(), remedy }
    }

    /// It is as it should be.
    pub fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, Verdict::Ok, found, None)
    }

    /// It works, but.
    pub fn warning(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(name, Verdict::Warning, found, Some(remedy.into()))
    }

    /// It does not work.
    pub fn failed(name: &'static str, fault: Fault, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(name, Verdict::Failed(fault), found, Some(remedy.into()))
    }

    /// It was not checked.
    pub fn skipped(name: &'static str, why: impl Into<String>) -> Self {
        Self::new(name, Verdict::Skipped, why, None)
    }
}
