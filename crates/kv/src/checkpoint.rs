//! Checkpoints made of dirty lines only: a base, and an increment per epoch, each a file.
//!
//! A file is a header of 64 bytes, then 72 bytes per line: its number in the window and what it holds. The header names
//! the pages, the number of the file in its row, and the check of the file before it, so that a row which lacks a file, or
//! has one of another row, is refused. Numbers are little endian.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tideline_driver::{Carrier, Device, LineAddr, PageRange, Report, Span};
use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

const MAGIC: [u8; 8] = *b"TIDECKPT";

/// What goes wrong with checkpoints.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The driver.
    #[error(transparent)]
    Driver(#[from] tideline_driver::Error),
    /// A file or folder.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Not a checkpoint, or not the one that should be there.
    #[error("{}: {what}", path.display())]
    BadFile {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    first_page: U64,
    pages: U64,
    /// 0 = the base.
    number: U64,
    lines: U64,
    /// Check of the file before this one; 0 for the base.
    previous: U64,
    /// Check of everything behind the header, and of the header without this field.
    check: U64,
    reserved: U64,
}

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Record {
    line: U64,
    data: [u8; 64],
}

impl Header {
    fn checked(mut self, records: &[Record]) -> Self {
        self.check = 0.into();
        self.check = crate::store::hash(&[self.as_bytes(), records.as_bytes()].concat()).into();
        self
    }
}

/// A row of checkpoints in a folder.
#[derive(Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    pages: PageRange,
    next: u64,
    /// Check of the last file.
    last: U64,
}

impl Checkpoints {
    /// Begins a row in a folder, which is made if it is not there. The pages must hold zeros when the tracker starts
    /// whose reports are saved.
    ///
    /// # Errors
    /// [`CheckpointError::File`]; [`CheckpointError::BadFile`] if the folder has checkpoints already.
    pub fn begin(folder: &Path, pages: PageRange) -> Result<Self, CheckpointError> {
        fs::create_dir_all(folder).map_err(|error| file(folder, error))?;
        let path = path_of(folder, 0);
        if path.exists() {
            return Err(bad(&path, "there is a checkpoint already: remove it, or take another folder"));
        }
        Ok(Self { folder: folder.to_owned(), pages, next: 0, last: 0.into() })
    }

    /// Saves the lines of a report: the base if it is the first one. Gives the file's bytes back. A report of lines that
    /// are not of these pages keeps them out.
    ///
    /// # Errors
    /// The driver's, or [`CheckpointError::File`]: no file is left behind then. The lines are only in this report: save it
    /// again.
    pub fn save<C: Carrier>(
        &mut self,
        device: &mut Device<C>,
        report: &Report,
    ) -> Result<u64, CheckpointError> {
        let mut records = Vec::with_capacity(report.line_count() as usize);
        for line in report.lines().filter(|l| self.pages.contains(l.page())) {
            records.push(Record { line: line.0.into(), data: device.load(line)? });
        }
        let header = Header {
            magic: MAGIC,
            first_page: u64::from(self.pages.first().0).into(),
            pages: u64::from(self.pages.count()).into(),
            number: self.next.into(),
            lines: (records.len() as u64).into(),
            previous: self.last,
            check: 0.into(),
            reserved: 0.into(),
        }
        .checked(&records);
        let path = path_of(&self.folder, self.next);
        write_whole(&path, &[header.as_bytes(), records.as_bytes()]).map_err(|error| file(&path, error))?;
        self.next += 1;
        self.last = header.check;
        Ok((size_of::<Header>() + records.as_bytes().len()) as u64)
    }
}

/// Puts pages back as the last checkpoint of a folder has them. They must be mapped; what they hold is overwritten.
/// Returns the number of files.
///
/// # Errors
/// The driver's; as [`image`]: nothing is written then.
pub fn restore<C: Carrier>(
    device: &mut Device<C>,
    folder: &Path,
    pages: PageRange,
) -> Result<u64, CheckpointError> {
    let (files, image) = image(folder, pages)?;
    device.window().write(Span::from(pages).start, &image)?;
    Ok(files)
}

/// The bytes of the pages as the last checkpoint of a folder has them, and the number of files that they came from.
///
/// # Errors
/// [`CheckpointError::File`], [`CheckpointError::BadFile`].
pub fn image(folder: &Path, pages: PageRange) -> Result<(u64, Vec<u8>), CheckpointError> {
    let Span { start, len } = pages.into();
    let mut image = vec![0; len as usize];
    let (mut files, mut last) = (0, U64::new(0));
    loop {
        let path = path_of(folder, files);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && files > 0 => break,
            result => result.map_err(|error| file(&path, error))?,
        };
        last = check(&path, &bytes, files, last, pages)?;
        for record in records(&bytes) {
            let at = LineAddr(record.line.get()).offset() - start.0;
            image[at as usize..][..record.data.len()].copy_from_slice(&record.data);
        }
        files += 1;
    }
    Ok((files, image))
}

/// Checks a file: its check is the result.
fn check(
    path: &Path,
    bytes: &[u8],
    number: u64,
    previous: U64,
    pages: PageRange,
) -> Result<U64, CheckpointError> {
    let header = Header::read_from_prefix(bytes).map(|(header, _)| header);
    let header = header.map_err(|_| bad(path, format!("{} bytes are no checkpoint", bytes.len())))?;
    if header.magic != MAGIC {
        return Err(bad(path, "not a checkpoint"));
    }
    let records = records(bytes);
    let lines = header.lines.get().saturating_mul(size_of::<Record>() as u64);
    let expected = lines.saturating_add(size_of::<Header>() as u64);
    if bytes.len() as u64 != expected {
        return Err(bad(path, format!("{} bytes, {expected} are right", bytes.len())));
    }
    if header.checked(records).check != header.check {
        return Err(bad(path, "its check is wrong: the file is damaged"));
    }
    if header.number.get() != number || header.previous != previous {
        return Err(bad(path, "it does not belong to the file before it"));
    }
    let (first, count) = (header.first_page.get(), header.pages.get());
    if first != u64::from(pages.first().0) || count != u64::from(pages.count()) {
        return Err(bad(path, format!("it is of {count} pages from page {first} on, not of {pages}")));
    }
    let (start, end) = (pages.first().0, pages.end().0);
    let lines = u64::from(start) * 64..u64::from(end) * 64;
    if let Some(r) = records.iter().find(|r| !lines.contains(&r.line.get())) {
        return Err(bad(path, format!("line {} is outside of {pages}", r.line)));
    }
    Ok(header.check)
}

/// The lines of a file.
fn records(bytes: &[u8]) -> &[Record] {
    let records = bytes.get(size_of::<Header>()..).unwrap_or_default();
    let whole = records.len() / size_of::<Record>();
    <[Record]>::ref_from_prefix_with_elems(records, whole).map_or(&[], |(records, _)| records)
}

fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(if number == 0 { "base.tlc".to_owned() } else { format!("{number:04}.tlc") })
}

/// All of a file or none of it.
fn write_whole(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let unfinished = path.with_extension("part");
    let written = File::create(&unfinished).and_then(|mut file| {
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}

fn file(path: &Path, error: io::Error) -> CheckpointError {
    CheckpointError::File { path: path.to_owned(), error }
}

fn bad(path: &Path, what: impl Into<String>) -> CheckpointError {
    CheckpointError::BadFile { path: path.to_owned(), what: what.into() }
}
