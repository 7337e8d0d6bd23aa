//! A file that appears under its name only when it is complete.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::RecordError;

/// A file being written under a temporary name beside its place. Dropped before [`commit`](Self::commit), it is
/// removed and an older file of that name stays as it was.
pub(crate) struct OutputFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl OutputFile {
    pub(crate) fn create(path: &Path) -> Result<OutputFile, RecordError> {
        // Renaming would replace a device such as /dev/null, and a symbolic link instead of what it points to.
        let path = match fs::metadata(path) {
            Ok(metadata) if !metadata.is_file() => return Err(RecordError::NotAFile { path: path.into() }),
            Ok(_) => path.canonicalize().map_err(|source| write_error(path, source))?,
            Err(_) => path.to_owned(),
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let Some(name) = path.file_name() else {
            return Err(RecordError::NotAFile { path });
        };
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(name);
        let file = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".part")
            // As any file that a program creates: the umask applies.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .map_err(|source| write_error(&path, source))?;
        Ok(OutputFile { file, path })
    }

    /// Moves the complete file to its place. What the system put off, such as a full disk behind a network, shows
    /// here and not as a damaged trace later.
    pub(crate) fn commit(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist(&self.path)?;
        Ok(())
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_file_mut().flush()
    }
}

pub(crate) fn write_error(path: &Path, source: io::Error) -> RecordError {
    RecordError::Write { path: path.into(), source }
}
