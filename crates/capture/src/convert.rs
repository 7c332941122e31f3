//! Any recording as a Tickhawk one.

use crate::error::CaptureError;
use crate::session::Session;
use crate::writer::Writer;
use std::io::Write;

/// Records between two calls of a conversion's `progress`.
pub(crate) const PROGRESS_EVERY: u64 = 4096;

/// Copies what is left of a session into a recording and returns the number of records. Times,
/// connections and payloads are kept exactly; call [`Writer::finish`] after.
///
/// `progress` is given [`Session::bytes_read`] now and then.
pub fn convert_to_tickhawk<W: Write>(
    session: &mut Session,
    writer: &mut Writer<W>,
    mut progress: impl FnMut(u64),
) -> Result<u64, CaptureError> {
    let mut records = 0;
    while let Some(record) = session.next_record()? {
        writer.record(&record)?;
        records += 1;
        if records % PROGRESS_EVERY == 0 {
            progress(session.bytes_read());
        }
    }
    Ok(records)
}
