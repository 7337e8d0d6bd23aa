//! The example application: a key-value store in tracked memory, saved as dirty lines, restored to other memory.

use crate::Outcome;
use crate::world::pages;
use std::fs;
use tideline_driver::{Carrier, Device, Frame};
use tideline_kv::checkpoint::image;
use tideline_kv::session::{Session, SessionError, Settings, restore_and_compare};

/// After each batch the files hold the memory byte for byte, though they are made of dirty lines only; in the end another
/// driver restores them to other frames of the device.
pub fn kv_checkpoint_restores<C: Carrier>(device: Device<C>) -> Outcome {
    match checkpoint_restores(device) {
        Err(SessionError::Driver(error)) => Err(error),
        Err(error) => panic!("{error}"),
        Ok(()) => Ok(()),
    }
}

fn checkpoint_restores<C: Carrier>(mut device: Device<C>) -> Result<(), SessionError> {
    // A guest may boot without the folder for temporary files.
    fs::create_dir_all(std::env::temp_dir())?;
    let folder = tempfile::tempdir()?;
    let settings = Settings { pages: pages(256, 24), writes: 30, keys: 120, ..Settings::default() };
    let folder = folder.path();
    let mut told = Vec::new();
    let mut session = Session::start(&mut device, folder, settings)?;
    for number in 0..4 {
        let batch = session.batch(&mut device, &mut told)?;
        assert_eq!(batch.report.loss(), None);
        assert!(batch.report.line_count() > 0);
        assert!(batch.file_bytes < batch.report.pages().len() as u64 * 4096 + 1024, "lines, not pages");
        let (files, bytes) = image(folder, settings.pages)?;
        assert_eq!(files, number + 1);
        let contents = session.contents(&mut device)?;
        let differs = bytes.iter().zip(&contents.image).position(|(a, b)| a != b);
        assert_eq!(differs, None, "batch {number}: the files lack a byte that was written");
    }
    let contents = session.contents(&mut device)?;
    session.finish(&mut device)?;
    let mut device = Device::open(device.close()?)?;
    let elsewhere = Settings { frame: Frame(4000), ..settings };
    restore_and_compare(&mut device, folder, elsewhere, &contents, &mut told)?;
    print!("{}", String::from_utf8_lossy(&told));
    Ok(())
}
