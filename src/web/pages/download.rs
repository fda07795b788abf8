//! A report as a file: what `rollbook report` writes, byte for byte. It is written whole, to a file without a name, and
//! sent from there: neither a client that reads slowly nor one that is gone keeps the database waiting.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;

use super::report_form::Question;
use crate::model::Timestamp;
use crate::render::{self, Format, Style};
use crate::report::{self, Report, ReportError, Request, Settings};
use crate::web::asked::Asked;
use crate::web::connection::{Line, Work};
use crate::web::mirror::{Lane, MirrorError, Reader};
use crate::web::refusal::Refusal;
use crate::web::routes::Shared;

/// How long a report may take for a file.
const WRITTEN_WITHIN: Duration = Duration::from_secs(600);

/// So many bytes are read at one time.
const PIECE: usize = 256 << 10;

/// The report, written.
struct Written {
    file: File,
    length: u64,
    as_of: Timestamp,
}

/// The report as a file of this format.
pub(super) async fn file(
    shared: Shared,
    report: Report,
    format: Format,
    asked: Asked,
    line: Line,
) -> Result<Response, Refusal> {
    let question = Question::of(asked, &report);
    let request = question.request(shared.clock.now()).map_err(Refusal::bad)?;
    let settings = Settings::of(&shared.pulse.beat().config, None);
    let name = report.name.clone();
    let write = async move |mut reader: Reader| write(&mut reader, &report, &request, &settings, format).await;
    let written: Result<Written, Failure> = shared.mirror.ask(Lane::File, WRITTEN_WITHIN, write).await;
    let Written { file, length, as_of } = written.map_err(Refusal::from)?;
    let named = format!("attachment; filename=\"{name}-{}.{}\"", &as_of.to_sql()[..10], format.as_str());
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(format.media_type())),
        (header::CONTENT_LENGTH, length.into()),
        // The name of a report is of letters, digits and -_. alone.
        (header::CONTENT_DISPOSITION, HeaderValue::try_from(named).map_err(|error| Refusal::failed(&error))?),
    ];
    Ok((headers, Body::from_stream(pieces(file, line))).into_response())
}

enum Failure {
    Mirror(MirrorError),
    Report(ReportError),
}

impl From<MirrorError> for Failure {
    fn from(error: MirrorError) -> Self {
        Self::Mirror(error)
    }
}

impl<E: Into<ReportError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Report(error.into())
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Mirror(error) => error.into(),
            Failure::Report(error) => error.into(),
        }
    }
}

async fn write(
    reader: &mut Reader,
    report: &Report,
    request: &Request,
    settings: &Settings,
    format: Format,
) -> Result<Written, Failure> {
    let mut out = BufWriter::new(tempfile::tempfile()?);
    report::run(reader, report, request, settings, |frame, columns| {
        render::open(format, Style::default(), Some(frame), columns, &mut out)
    })
    .await?;
    let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    let length = file.metadata()?.len();
    file.rewind()?;
    Ok(Written { file, length, as_of: request.as_of })
}

/// The file, a piece at a time. The client is not waited for while one is read, and has its time for each.
fn pieces(file: File, line: Line) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    // From now on, until the first piece is there.
    let work = line.work();
    stream::try_unfold((file, line, Some(work)), |(file, line, first): (File, Line, Option<Work>)| async move {
        let _work = first.unwrap_or_else(|| line.work());
        let read = tokio::task::spawn_blocking(move || read(file)).await.map_err(io::Error::other)??;
        Ok(read.map(|(piece, file)| (piece, (file, line, None))))
    })
}

/// The next piece, if there is one.
fn read(mut file: File) -> io::Result<Option<(Bytes, File)>> {
    let mut piece = Vec::with_capacity(PIECE);
    file.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
    Ok((!piece.is_empty()).then(|| (piece.into(), file)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use futures_util::TryStreamExt;

    use super::*;

    #[tokio::test]
    async fn a_file_is_sent_whole() {
        for length in [0, 1, PIECE, PIECE + 1, 3 * PIECE] {
            let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            file.rewind().unwrap();
            let sent: Vec<Bytes> = pieces(file, Line::default()).try_collect().await.unwrap();
            assert_eq!(sent.concat(), bytes);
        }
    }
}
