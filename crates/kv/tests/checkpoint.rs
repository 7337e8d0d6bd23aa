//! Rows of checkpoints: what belongs together restores, what does not is refused by name.

use std::fs;
use std::path::Path;
use tideline_driver::{Device, Frame, Gather, Offset, PageIndex, PageRange};
use tideline_kv::checkpoint::{CheckpointError, Checkpoints, image};
use tideline_model::ModelCarrier;

/// Three checkpoints of eight pages.
fn saved(folder: &Path, text: &str) -> Result<PageRange, CheckpointError> {
    let mut device = Device::open(ModelCarrier::new())?;
    let pages = PageRange::new(PageIndex(2), 8)?;
    device.map(pages, Frame(0))?;
    let tracker = device.track_start(&[pages])?;
    let mut row = Checkpoints::begin(folder, pages)?;
    for n in 0..3 {
        device.window().write(Offset(0x3000 + 100 * n), text.as_bytes())?;
        let report = device.track_report(&tracker, Gather::Recall)?;
        row.save(&mut device, &report)?;
    }
    Ok(pages)
}

fn refusal(folder: &Path, pages: PageRange) -> String {
    match image(folder, pages) {
        Ok((files, _)) => panic!("{files} files restored"),
        Err(error) => error.to_string().replace(&format!("{}/", folder.display()), ""),
    }
}

#[test]
fn a_row_is_restored_as_a_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let pages = saved(folder, "one").unwrap();
    let (files, bytes) = image(folder, pages).unwrap();
    assert_eq!((files, bytes.len()), (3, 8 * 4096));
    assert_eq!(&bytes[0x1000 + 200..][..3], b"one");
    assert_eq!(bytes.iter().filter(|&&b| b != 0).count(), 9);
    assert!(fs::read_dir(folder).unwrap().count() == 3, "nothing else is left");

    let again = saved(folder, "two").unwrap_err().to_string();
    assert!(again.ends_with("there is a checkpoint already: remove it, or take another folder"), "{again}");
    let other = PageRange::new(PageIndex(2), 9).unwrap();
    assert_eq!(refusal(folder, other), "base.tlc: it is of 8 pages from page 2 on, not of pages 2 to 10");

    let whole = fs::read(folder.join("0001.tlc")).unwrap();
    for byte in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[byte] ^= 4;
        fs::write(folder.join("0001.tlc"), damaged).unwrap();
        assert!(refusal(folder, pages).starts_with("0001.tlc: "), "byte {byte}");
    }
    for len in [0, 63, 64, whole.len() - 1] {
        fs::write(folder.join("0001.tlc"), &whole[..len]).unwrap();
        assert!(refusal(folder, pages).starts_with("0001.tlc: "), "{len} bytes");
    }
    let elsewhere = tempfile::tempdir().unwrap();
    saved(elsewhere.path(), "two").unwrap();
    fs::copy(elsewhere.path().join("0001.tlc"), folder.join("0001.tlc")).unwrap();
    assert_eq!(refusal(folder, pages), "0001.tlc: it does not belong to the file before it");
    fs::rename(folder.join("0002.tlc"), folder.join("0001.tlc")).unwrap();
    assert_eq!(refusal(folder, pages), "0001.tlc: it does not belong to the file before it");
    fs::remove_file(folder.join("base.tlc")).unwrap();
    assert!(refusal(folder, pages).starts_with("base.tlc: No such file"));
}

#[test]
fn a_folder_that_cannot_be_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let inside = file.path().join("folder");
    let refused = Checkpoints::begin(&inside, PageRange::new(PageIndex(0), 1).unwrap());
    assert!(matches!(refused, Err(CheckpointError::File { path, .. }) if path == inside));
}
