//! Shared memory by name: made, reserved, unlinked, and swept up after a crash. Cold.
//!
//! A segment needs its name only until both sides have it mapped. A process that is killed before
//! it could unlink leaves a file in `/dev/shm`; the next start sweeps it up.

extern crate std;

use alloc::format;
use alloc::string::String;
use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::os::fd::OwnedFd;
use std::process;
use std::sync::OnceLock;

use rustix::fs::{FallocateFlags, FlockOperation, Mode, fallocate, flock};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, test_kill_process};
use rustix::shm::{OFlags, open, unlink};

use crate::{SegmentError, SharedRegion};

/// What every name begins with, after the slash.
const PREFIX: &str = "tickhawk-";

/// Where Linux keeps shared memory by name.
const FOLDER: &str = "/dev/shm";

/// A new segment that still has its name, so that another process can open it. Dropping it removes
/// the name; the words stay as long as someone has them mapped.
#[derive(Debug)]
pub struct Segment {
    name: String,
    region: SharedRegion,
    /// A lock on the segment's file, held as long as the name: whoever gets this lock knows that no
    /// one is using the name any more, be it even in another process namespace.
    lock: OwnedFd,
}

impl Segment {
    /// A segment of `len_words` zeros (1 or more), readable and writable by this user alone, with
    /// every page reserved: a full `/dev/shm` is [`SegmentError::NoSpace`] here and never a fault
    /// at a later touch.
    pub fn create(len_words: usize) -> Result<Self, SegmentError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let counter = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("/{PREFIX}{}-{:016x}-{counter}", process::id(), process_token());
        let needed_bytes = (len_words as u64).saturating_mul(size_of::<u64>() as u64);
        let failed = |doing: &'static str, source: Errno| match source {
            Errno::NOSPC => {
                SegmentError::NoSpace { needed_bytes, available_bytes: available_bytes() }
            }
            source => SegmentError::System { doing, name: name.clone(), needed_bytes, source },
        };
        let region = SharedRegion::create(&name, len_words).map_err(|e| failed("create", e))?;
        let locked = lock(&name).inspect_err(|_| {
            let _ = unlink(name.as_str());
        });
        let lock = locked.map_err(|error| failed("lock", error))?;
        // From here on dropping it removes the name.
        let segment = Self { name: name.clone(), region, lock };
        let reserve = || fallocate(&segment.lock, FallocateFlags::empty(), 0, needed_bytes);
        retry_on_intr(reserve).map_err(|error| failed("reserve", error))?;
        Ok(segment)
    }

    /// Its name, for [`SharedRegion::open`] in the other process.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A handle on its words.
    pub fn region(&self) -> SharedRegion {
        self.region.clone()
    }

    /// Removes the name, once the other side has opened it: nothing is left behind from here on,
    /// however either process ends.
    pub fn unlink(self) -> SharedRegion {
        self.region.clone()
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // It cannot fail but for a name that someone else removed.
        let _ = unlink(self.name.as_str());
    }
}

/// Removes the names that killed processes left behind: those of a process that is gone, or of an
/// earlier one with this process's number, and that no one holds locked. Says how many.
///
/// Segments of other users are not touched. A leftover whose process number is in use again stays
/// until a sweep after that process's end.
pub fn sweep() -> usize {
    let Ok(entries) = fs::read_dir(FOLDER) else { return 0 };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.map(|name| format!("/{name}")).filter(|name| remove_if_leftover(name)).count()
}

fn remove_if_leftover(name: &str) -> bool {
    let Some((pid, token)) = parse_name(name) else { return false };
    if token == process_token() {
        return false;
    }
    if pid != process::id() && is_alive(pid) {
        return false;
    }
    // The lock is let go after the name is gone.
    let Ok(_lock) = lock(name) else { return false };
    unlink(name).is_ok()
}

/// Whether this is a name that [`Segment::create`] makes, whoever's.
pub(crate) fn is_segment_name(name: &str) -> bool {
    parse_name(name).is_some()
}

/// The process number and the process token in a name.
fn parse_name(name: &str) -> Option<(u32, u64)> {
    let mut parts = name.strip_prefix('/')?.strip_prefix(PREFIX)?.split('-');
    let (pid, token, counter) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || !digits(pid) || !digits(counter) || token.len() != 16 {
        return None;
    }
    Some((pid.parse().ok()?, u64::from_str_radix(token, 16).ok()?))
}

/// A number that tells this process from others that had its process number before.
fn process_token() -> u64 {
    static TOKEN: OnceLock<u64> = OnceLock::new();
    *TOKEN.get_or_init(|| RandomState::new().build_hasher().finish())
}

fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // A process of another user cannot be signalled, and lives.
    pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

/// Opens the segment's file and locks it, or fails at once if someone else has it locked.
fn lock(name: &str) -> Result<OwnedFd, Errno> {
    let file = open(name, OFlags::RDWR, Mode::empty())?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// What can still be reserved in [`FOLDER`]; 0 if that cannot be known.
fn available_bytes() -> u64 {
    rustix::fs::statvfs(FOLDER).map_or(0, |found| found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use crate::Storage;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;
    use std::process::Command;
    use std::string::ToString;

    fn path_of(name: &str) -> PathBuf {
        PathBuf::from(format!("{FOLDER}{name}"))
    }

    #[test]
    fn a_segment_is_the_users_alone_and_outlives_its_name() {
        let segment = Segment::create(100).unwrap();
        let path = path_of(segment.name());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let other = SharedRegion::open(segment.name(), 100).unwrap();
        let region = segment.unlink();
        assert!(!path.exists());
        region.store(99, 7, Ordering::Relaxed);
        drop(region);
        assert_eq!(other.load(99, Ordering::Relaxed), 7);

        let segment = Segment::create(1).unwrap();
        let path = path_of(segment.name());
        assert!(path.exists());
        drop(segment);
        assert!(!path.exists(), "dropping removes the name, too");

        let segment = Segment::create(1).unwrap();
        let other = SharedRegion::take(segment.name(), 1).unwrap();
        assert!(!path_of(segment.name()).exists());
        segment.unlink().store(0, 9, Ordering::Relaxed);
        assert_eq!(other.load(0, Ordering::Relaxed), 9);
    }

    #[test]
    fn what_has_no_room_is_refused_before_it_is_touched() {
        let shm = rustix::fs::statvfs(FOLDER).unwrap();
        let len_words = (shm.f_blocks * shm.f_frsize / 8 + 1) as usize;
        if shm.f_blocks == 0 {
            return; // Without a bound there is nothing to run into.
        }
        let needed = len_words as u64 * 8;
        match Segment::create(len_words) {
            Err(error @ SegmentError::NoSpace { needed_bytes, .. }) => {
                assert_eq!(needed_bytes, needed);
                let text = error.to_string();
                for part in ["/dev/shm", &needed.to_string(), "--shm-size"] {
                    assert!(text.contains(part), "{text}");
                }
            }
            other => panic!("{other:?}"),
        }
        let error = Segment::create(usize::MAX).unwrap_err();
        assert!(matches!(error, SegmentError::System { source: Errno::FBIG, .. }), "{error:?}");
        let own = format!("{PREFIX}{}-{:016x}-", process::id(), process_token());
        let names = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names = names.map(|name| name.into_string().unwrap());
        let left = names.find(|name| {
            name.starts_with(&own)
                && fs::metadata(path_of(&format!("/{name}"))).is_ok_and(|file| file.len() > 10_000)
        });
        assert_eq!(left, None);
    }

    #[test]
    fn only_leftovers_are_swept() {
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let (own, gone) = (process::id(), child.id());
        let token = process_token();
        let earlier = token ^ 1;
        let cases = [
            (format!("/{PREFIX}{gone}-{earlier:016x}-0"), true),
            (format!("/{PREFIX}{own}-{earlier:016x}-0"), true),
            (format!("/{PREFIX}{own}-{token:016x}-999999"), false),
            // Process 1 lives.
            (format!("/{PREFIX}1-{earlier:016x}-0"), false),
            (format!("/{PREFIX}{gone}-{earlier:016x}"), false),
            (format!("/{PREFIX}{gone}-notes-0"), false),
        ];
        for (name, _) in &cases[1..] {
            fs::write(path_of(name), [0; 8]).unwrap();
        }
        // Locked before it has its name: other processes sweep, too.
        let unnamed = format!("/{PREFIX}{own}-test");
        fs::write(path_of(&unnamed), [0; 8]).unwrap();
        let held = lock(&unnamed).unwrap();
        fs::rename(path_of(&unnamed), path_of(&cases[0].0)).unwrap();
        sweep();
        assert!(path_of(&cases[0].0).exists(), "someone uses it");
        drop(held);
        sweep();
        for (name, swept) in &cases {
            assert_eq!(!path_of(name).exists(), *swept, "{name}");
            let _ = fs::remove_file(path_of(name));
        }
    }

    #[test]
    fn only_segments_of_ours_that_are_large_enough_are_opened() {
        let segment = Segment::create(512).unwrap();
        let name = segment.name();
        let error = SharedRegion::open(name, 513).unwrap_err();
        let expected =
            SegmentError::TooSmall { name: name.into(), needed_words: 513, found_words: 512 };
        assert_eq!(error, expected);
        for name in ["", "/", "/other", "/tickhawk-1-2-3", "/tickhawk-1-0000000000000000-../x"] {
            let error = SharedRegion::open(name, 1).unwrap_err();
            assert_eq!(error, SegmentError::Name { name: name.into() });
        }
        let name = "/tickhawk-1-0000000000000000-0";
        let error = SharedRegion::open(name, 1).unwrap_err();
        assert!(matches!(error, SegmentError::System { source: Errno::NOENT, .. }), "{error:?}");
    }

    #[test]
    fn parts_stay_inside() {
        let region = Segment::create(512).unwrap().unlink();
        let part = region.part(16, 32).unwrap();
        part.store_words(30, &[5, 6]);
        assert_eq!((region.load(46, Ordering::Relaxed), part.len_words()), (5, 32));
        let mut words = [0; 3];
        region.load_words(45, &mut words);
        assert_eq!(words, [0, 5, 6]);
        assert!(part.part(30, 2).is_some());
        for (first_index, len_words) in
            [(0, 33), (31, 2), (33, 0), (usize::MAX, 1), (1, usize::MAX)]
        {
            assert!(part.part(first_index, len_words).is_none(), "{first_index} {len_words}");
        }
    }

    #[test]
    #[should_panic(expected = "index out of bounds")]
    fn a_word_past_a_part_is_a_mistake() {
        let region = Segment::create(512).unwrap().unlink();
        region.part(16, 32).unwrap().load(32, Ordering::Relaxed);
    }
}
