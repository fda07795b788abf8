//! Why a request is not answered as it was asked: a status and a sentence. Which form that takes is up to the part of the
//! server that was asked: a page, JSON, or a line.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::asked::AS_OF;
use super::mirror::MirrorError;
use super::ops::line;
use crate::report::ReportError;
use crate::report::history::HistoryError;
use crate::store::StoreError;
use crate::store::sandbox::SandboxError;

/// When whoever found the database busy may try again, seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// What HTTP says.
    pub status: StatusCode,
    /// What happened, and what to do: a sentence without a full stop.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// It was not asked as it can be.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// There is no such thing.
    pub fn absent(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// Another time, perhaps.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// It failed for a reason that is nothing to the asker; the log has it.
    pub fn failed(error: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        let error = causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"));
        tracing::error!("a request could not be answered: {error}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "it could not be answered: the log of rollbook says why")
    }
}

impl IntoResponse for Refusal {
    /// A line; the layers of pages and of interfaces make of it what their readers expect.
    fn into_response(self) -> Response {
        let mut response = line(self.status, &self.message);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<MirrorError> for Refusal {
    fn from(error: MirrorError) -> Self {
        match error {
            MirrorError::Late(_) | MirrorError::Migrating { .. } => Self::busy(error.to_string()),
            MirrorError::Sql(error) | MirrorError::Store(StoreError::Sql { error, .. }) => error.into(),
            error => Self::failed(&error),
        }
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
        match code.map(|code| code & 0xff) {
            // SQLITE_INTERRUPT: the deadline. SQLITE_BUSY, SQLITE_LOCKED.
            Some(9) => Self::busy("it takes too long to be answered here"),
            Some(5 | 6) => Self::busy("the database is busy"),
            _ => Self::failed(&error),
        }
    }
}

impl From<HistoryError> for Refusal {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Database(error) => error.into(),
            error => Self::failed(&error),
        }
    }
}

impl From<ReportError> for Refusal {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Usage(why) => Self::bad(why),
            ReportError::Pruned { as_of, boundary } => {
                let (asked, since) = (as_of.to_rfc3339(), boundary.cutoff.to_rfc3339());
                Self::new(
                    StatusCode::GONE,
                    format!(
                        "as of {asked} the mirror does not know any more how things were: {boundary}; ask {AS_OF}={since} or later"
                    ),
                )
            }
            ReportError::Sandbox(SandboxError::Timeout(_)) => {
                Self::busy("it took longer than an answer here may take: `rollbook report` has no limit")
            }
            ReportError::Declaration { .. } => Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            ReportError::Database(error) => error.into(),
            error => Self::failed(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_may_pass_is_told_so() {
        let response = Refusal::from(MirrorError::Late(Duration::from_secs(5))).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "5");
    }

    #[test]
    fn what_is_nothing_to_the_asker_is_not_told() {
        let secret = sqlx::Error::Protocol("the value of somebody".into());
        let refusal = Refusal::from(secret);
        assert_eq!(refusal.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!refusal.message.contains("somebody"));
    }
}
