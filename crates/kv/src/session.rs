//! The store at work: batches of writes, what each made dirty, a checkpoint of each; then the way back from the files.

use crate::checkpoint::{CheckpointError, Checkpoints, restore};
use crate::store::{Store, StoreError};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use tideline_abi::command::Status;
use tideline_driver::{Carrier, Device, Error, Frame, Gather, PageIndex, PageRange, Report, Span, Tracker};

/// What goes wrong in a session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The driver.
    #[error(transparent)]
    Driver(#[from] Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The checkpoints.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Where the session is told.
    #[error("cannot write the report: {0}")]
    Output(#[from] io::Error),
    /// What was restored is not what was saved.
    #[error("restored from {files} files, but not the same: {what}")]
    Different {
        /// Files of the checkpoint.
        files: u64,
        /// What differs.
        what: String,
    },
}

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Pages of the window that the store lives in.
    pub pages: PageRange,
    /// Where they are mapped to.
    pub frame: Frame,
    /// Writes of a batch.
    pub writes: u32,
    /// Different keys.
    pub keys: u64,
    /// Start of the random numbers.
    pub seed: u64,
}

/// What a batch did.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Lines that it made dirty.
    pub report: Report,
    /// Bytes of its checkpoint.
    pub file_bytes: u64,
}

/// What must come back from the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The bytes of the pages.
    pub image: Vec<u8>,
    /// Keys and values, as the application knows them itself.
    pub entries: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// A store that is written to and saved.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    store: Store,
    tracker: Tracker,
    checkpoints: Checkpoints,
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    numbers: u64,
    batches: u32,
}

impl Session {
    /// Maps the pages, tracks them, makes the store, and begins a row of checkpoints in a folder.
    ///
    /// # Errors
    /// What any of it says.
    pub fn start<C: Carrier>(
        device: &mut Device<C>,
        folder: &Path,
        settings: Settings,
    ) -> Result<Self, SessionError> {
        let checkpoints = Checkpoints::begin(folder, settings.pages)?;
        map_anew(device, settings.pages, settings.frame)?;
        device.window().fill(settings.pages.into(), 0)?;
        let tracker = device.track_start(&[settings.pages])?;
        let store = Store::create(&mut device.window(), settings.pages, settings.keys / 2)?;
        let (entries, numbers) = (BTreeMap::new(), settings.seed);
        Ok(Self { settings, store, tracker, checkpoints, entries, numbers, batches: 0 })
    }

    /// Writes a batch, reports the lines that it made dirty, saves them, and tells of it.
    ///
    /// # Errors
    /// What any of it says.
    pub fn batch<C: Carrier>(
        &mut self,
        device: &mut Device<C>,
        out: &mut dyn Write,
    ) -> Result<Batch, SessionError> {
        for _ in 0..self.settings.writes {
            self.change(device)?;
        }
        let report = device.track_report(&self.tracker, Gather::Recall)?;
        let file_bytes = self.checkpoints.save(device, &report)?;
        self.tell(&report, file_bytes, out)?;
        self.batches += 1;
        Ok(Batch { report, file_bytes })
    }

    /// One write: most of them set a key, a few forget one.
    fn change<C: Carrier>(&mut self, device: &mut Device<C>) -> Result<(), SessionError> {
        let key = format!("key {}", self.number(self.settings.keys)).into_bytes();
        let window = &mut device.window();
        if self.number(8) == 0 {
            let was_there = self.store.remove(window, &key)?;
            debug_assert_eq!(was_there, self.entries.contains_key(&key));
            self.entries.remove(&key);
        } else {
            let byte = b'a' + self.number(26) as u8;
            let value = vec![byte; self.number(180) as usize];
            self.store.put(window, &key, &value)?;
            self.entries.insert(key, value);
        }
        Ok(())
    }

    fn tell(&self, report: &Report, file_bytes: u64, out: &mut dyn Write) -> io::Result<()> {
        let (lines, pages) = (report.line_count(), report.pages().len());
        let name = if self.batches == 0 { "base".to_owned() } else { format!("{:04}", self.batches) };
        writeln!(
            out,
            "batch {}: {} writes made {lines} lines dirty, in {pages} pages; checkpoint {name}.tlc has {file_bytes} bytes, \
             whole pages would take {}",
            self.batches,
            self.settings.writes,
            pages * 4096,
        )?;
        for page in report.pages() {
            let map: String = (0..64).map(|n| if page.mask >> n & 1 == 1 { '#' } else { '.' }).collect();
            writeln!(out, "  page {:>5}  {map}", page.page.0)?;
        }
        Ok(())
    }

    /// What the store holds now.
    ///
    /// # Errors
    /// The driver's.
    pub fn contents<C: Carrier>(&self, device: &mut Device<C>) -> Result<Contents, SessionError> {
        Ok(Contents { image: read_pages(device, self.settings.pages)?, entries: self.entries.clone() })
    }

    /// Ends the tracking and gives the pages back.
    ///
    /// # Errors
    /// The driver's.
    pub fn finish<C: Carrier>(self, device: &mut Device<C>) -> Result<(), SessionError> {
        device.track_stop(self.tracker)?;
        Ok(device.unmap(self.settings.pages)?)
    }

    /// A number below `end` that looks random.
    fn number(&mut self, end: u64) -> u64 {
        self.numbers = self.numbers.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.numbers >> 33) % end.max(1)
    }
}

/// Restores the pages of a folder's checkpoints to memory that holds something else, and compares them byte for byte and
/// key for key.
///
/// # Errors
/// [`SessionError::Different`], or what restoring says.
pub fn restore_and_compare<C: Carrier>(
    device: &mut Device<C>,
    folder: &Path,
    settings: Settings,
    contents: &Contents,
    out: &mut dyn Write,
) -> Result<(), SessionError> {
    let pages = settings.pages;
    map_anew(device, pages, settings.frame)?;
    device.window().fill(pages.into(), 0xa5)?;
    let files = restore(device, folder, pages)?;
    let different = |what| SessionError::Different { files, what };
    let image = read_pages(device, pages)?;
    if let Some(at) = image.iter().zip(&contents.image).position(|(a, b)| a != b) {
        return Err(different(format!("byte {at} is {}, not {}", image[at], contents.image[at])));
    }
    let store = Store::open(&mut device.window(), pages)?;
    let entries: BTreeMap<_, _> = store.entries(&mut device.window())?.into_iter().collect();
    if entries != contents.entries {
        return Err(different(format!("{} keys, not {}", entries.len(), contents.entries.len())));
    }
    for (key, value) in &contents.entries {
        if store.get(&mut device.window(), key)?.as_ref() != Some(value) {
            return Err(different(format!("the value of {:?}", String::from_utf8_lossy(key))));
        }
    }
    writeln!(
        out,
        "restored from {files} files: {} bytes and {} keys, all the same",
        image.len(),
        entries.len()
    )?;
    Ok(device.unmap(pages)?)
}

/// Maps pages, also where somebody left them mapped.
fn map_anew<C: Carrier>(device: &mut Device<C>, pages: PageRange, frame: Frame) -> Result<(), Error> {
    for page in pages.pages() {
        match device.unmap(PageRange::new(page, 1)?) {
            Ok(()) | Err(Error::Command { status: Status::WrongState, .. }) => {}
            Err(error) => return Err(error),
        }
    }
    device.map(pages, frame)
}

fn read_pages<C: Carrier>(device: &mut Device<C>, pages: PageRange) -> Result<Vec<u8>, Error> {
    let Span { start, len } = pages.into();
    let mut image = vec![0; len as usize];
    device.window().read(start, &mut image)?;
    Ok(image)
}

impl Default for Settings {
    /// Half a MiB at page 256.
    fn default() -> Self {
        let pages = PageRange::new(PageIndex(256), 128).expect("128 pages are a range");
        Self { pages, frame: Frame(0), writes: 40, keys: 500, seed: 1 }
    }
}
