//! The guest's first file system, as a cpio archive in the kernel's "newc" format.
//! Source: Documentation/driver-api/early-userspace/buffer-format.rst of Linux.

/// Kinds and permissions of files, as in `stat`.
const FOLDER: u32 = 0o040755;
const PROGRAM: u32 = 0o100755;

/// An archive that grows.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    files: u32,
}

impl Archive {
    /// An empty folder.
    pub fn folder(self, name: &str) -> Self {
        self.entry(name, FOLDER, &[])
    }

    /// A file that can be run.
    pub fn file(self, name: &str, contents: &[u8]) -> Self {
        self.entry(name, PROGRAM, contents)
    }

    /// The whole archive.
    pub fn finish(self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]).bytes
    }

    fn entry(mut self, name: &str, mode: u32, contents: &[u8]) -> Self {
        self.files += 1;
        let (size, name_size) = (contents.len() as u32, name.len() as u32 + 1);
        // Inode, mode, user, group, links, time, size, device, device of a device file (two numbers each), name, checksum.
        let fields = [self.files, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(name.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(contents);
        self.pad();
        self
    }

    /// Names and contents end at a multiple of four.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[test]
fn an_archive_has_the_kernels_form() {
    let archive = Archive::default().folder("dev").file("init", b"hello").finish();
    assert_eq!(archive.len() % 4, 0);
    let text = String::from_utf8_lossy(&archive);
    // Size 5, name of 5 bytes with its zero; header and name take 115 bytes, the contents begin at 116.
    let init = text.find("init\0").expect("its name is there");
    let header = &text[init - 110..init];
    assert!(header.starts_with("070701") && header[54..62] == *"00000005" && header[94..102] == *"00000005");
    assert_eq!(&text[init - 110 + 116..][..8], "hello\0\0\0");
    assert!(text.contains("TRAILER!!!"));
}
