//! The build-script half: Verilog through Verilator and the C++ compiler into a static library and a Rust binding.

use crate::port::{Direction, Port};
use std::collections::hash_map::DefaultHasher;
use std::fmt::Write;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// A design on its way into a Rust program.
#[derive(Debug)]
pub struct Verilation {
    /// Name of the library and of the binding, and prefix of all symbols; unique in the program.
    pub name: String,
    /// Name of the top module.
    pub top: String,
    /// The Verilog files.
    pub sources: Vec<PathBuf>,
    /// Compile for waveforms: slower even while none are written.
    pub trace: bool,
    /// Where everything goes, usually `OUT_DIR`.
    pub out: PathBuf,
}

/// What stops a build.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No Verilator.
    #[error("cannot run `verilator`: {0}. Install it (Debian: apt-get install verilator; at least 5.006)")]
    NoVerilator(io::Error),
    /// Verilator refused the design; it has said why.
    #[error("verilator refused {top}:\n{log}")]
    Refused {
        /// The top module.
        top: String,
        /// Its messages.
        log: String,
    },
    /// A generated file is not as expected.
    #[error("{path}: {what}")]
    Unexpected {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The C++ compiler failed.
    #[error("compiling the model: {0}")]
    Compile(#[from] cc::Error),
}

const SHIM: &str = include_str!("shim.cpp");
const HANDLERS: &str = include_str!("handlers.cpp");

/// The lists of C++ files in `*_classes.mk`, with the optimisation that each deserves: what runs in every cycle, what
/// runs once, Verilator's runtime.
const FILE_LISTS: [(&str, &str); 6] = [
    ("VM_CLASSES_FAST", "3"),
    ("VM_SUPPORT_FAST", "3"),
    ("VM_CLASSES_SLOW", "1"),
    ("VM_SUPPORT_SLOW", "1"),
    ("VM_GLOBAL_FAST", "2"),
    ("VM_GLOBAL_SLOW", "1"),
];

impl Verilation {
    /// Compiles the design, tells cargo to link it, writes the binding `NAME.rs`, and returns the ports.
    ///
    /// Nothing is compiled again as long as Verilog, options and tools stay the same.
    ///
    /// # Errors
    /// If a tool is missing or refuses its input.
    pub fn run(&self) -> Result<Vec<Port>, BuildError> {
        let stamp = self.out.join(format!("{}.stamp", self.name));
        let fingerprint = self.fingerprint()?;
        let objects = self.out.join(&self.name);
        if read(&stamp).ok() != Some(fingerprint.clone()) {
            let _ = fs::remove_file(&stamp);
            self.verilate(&objects)?;
            let ports = self.ports(&objects)?;
            self.compile(&objects, &ports)?;
            write(&stamp, &fingerprint)?;
        }
        println!("cargo:rustc-link-search=native={}", self.out.display());
        println!("cargo:rustc-link-lib=static={}", self.name);
        println!("cargo:rustc-link-lib=stdc++");
        let ports = self.ports(&objects)?;
        write(&self.out.join(format!("{}.rs", self.name)), &self.binding(&ports))?;
        Ok(ports)
    }

    /// Options of Verilator. Explicit X become random constants (`--x-assign unique`), which the model's seed decides;
    /// width and style are the business of the writer's lint, not of this build.
    fn options(&self) -> Vec<String> {
        let mut options: Vec<String> = [
            "--cc", "-O3", "--threads", "1", "--x-assign", "unique", "--x-initial", "unique", "--noassert",
            "--language", "1364-2005", "-Wno-fatal", "-Wno-lint", "-Wno-style",
        ]
        .map(String::from)
        .into();
        options.extend(["--prefix".into(), self.class(), "--top-module".into(), self.top.clone()]);
        if self.trace {
            options.push("--trace".into());
        }
        options
    }

    fn class(&self) -> String {
        format!("V{}", self.name)
    }

    /// Everything that decides about the result, as text.
    fn fingerprint(&self) -> Result<String, BuildError> {
        let version = Command::new("verilator").arg("--version").output().map_err(BuildError::NoVerilator)?;
        let mut hash = DefaultHasher::new();
        (version.stdout, self.options(), SHIM, HANDLERS, env!("CARGO_PKG_VERSION"), include_str!("build.rs")).hash(&mut hash);
        for source in &self.sources {
            (source.file_name(), read(source)?).hash(&mut hash);
        }
        Ok(format!("{:016x}\n", hash.finish()))
    }

    fn verilate(&self, objects: &Path) -> Result<(), BuildError> {
        let _ = fs::remove_dir_all(objects);
        let output = Command::new("verilator")
            .args(self.options())
            .arg("--Mdir")
            .arg(objects)
            .args(&self.sources)
            .output()
            .map_err(BuildError::NoVerilator)?;
        if output.status.success() {
            return Ok(());
        }
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(BuildError::Refused { top: self.top.clone(), log })
    }

    /// The ports, from the header that Verilator wrote: `VL_IN8(&clk,0,0);`, `VL_OUTW(&data,511,0,16);`.
    fn ports(&self, objects: &Path) -> Result<Vec<Port>, BuildError> {
        let path = objects.join(format!("{}.h", self.class()));
        let mut ports = Vec::new();
        for line in read(&path)?.lines() {
            let line = line.trim();
            let direction = match line {
                _ if line.starts_with("VL_INOUT") => {
                    return Err(BuildError::Unexpected { path, what: format!("an inout port: {line}") });
                }
                _ if line.starts_with("VL_IN") => Direction::In,
                _ if line.starts_with("VL_OUT") => Direction::Out,
                _ => continue,
            };
            let port = line.split_once("(&").and_then(|(_, rest)| {
                let mut words = rest.split([',', ')']);
                let name = words.next()?.to_owned().into();
                let msb: u32 = words.next()?.parse().ok()?;
                let lsb: u32 = words.next()?.parse().ok()?;
                Some(Port { name, direction, width: msb - lsb + 1 })
            });
            let malformed = || BuildError::Unexpected { path: path.clone(), what: format!("not a port: {line}") };
            ports.push(port.ok_or_else(malformed)?);
        }
        Ok(ports)
    }

    /// One static library of the generated classes, the shim and Verilator's runtime.
    fn compile(&self, objects: &Path, ports: &[Port]) -> Result<(), BuildError> {
        let shim = objects.join("shim.cpp");
        let addresses: Vec<String> = ports.iter().map(|p| format!("        &model.{},", p.name)).collect();
        let text = SHIM.replace("@TOP@", &self.class()).replace("@NAME@", &self.name);
        write(&shim, &text.replace("@ADDRESSES@", &addresses.join("\n")))?;
        let handlers = objects.join("handlers.cpp");
        write(&handlers, HANDLERS)?;

        let include = include_dir()?;
        let lists = self.file_lists(objects)?;
        let mut library = cc::Build::new();
        for (level, mut files) in [("3", vec![shim]), ("2", vec![]), ("1", vec![handlers])] {
            for (list, _) in FILE_LISTS.iter().filter(|(_, l)| *l == level) {
                let folder = if list.starts_with("VM_GLOBAL") { &include } else { objects };
                let names = lists.iter().filter(|(of, _)| of == list);
                files.extend(names.map(|(_, name)| folder.join(format!("{name}.cpp"))));
            }
            let mut build = cc::Build::new();
            build.cpp(true).std("c++17").warnings(false).debug(false).opt_level_str(level).files(files);
            build.include(&include).include(include.join("vltstd")).include(objects);
            for (name, value) in [("VM_TRACE", self.trace), ("VM_TRACE_VCD", self.trace)] {
                build.define(name, if value { "1" } else { "0" });
            }
            for name in ["VM_COVERAGE", "VM_SC", "VM_TRACE_FST"] {
                build.define(name, "0");
            }
            for name in ["VL_USER_FINISH", "VL_USER_STOP", "VL_USER_FATAL"] {
                build.define(name, None);
            }
            library.objects(build.cargo_metadata(false).try_compile_intermediates()?);
        }
        Ok(library.cpp(true).cargo_metadata(false).try_compile(&self.name)?)
    }

    /// The pairs (list, file) of `*_classes.mk`: `LIST += \`, then one name per line, then an empty line.
    fn file_lists(&self, objects: &Path) -> Result<Vec<(String, String)>, BuildError> {
        let makefile = read(&objects.join(format!("{}_classes.mk", self.class())))?;
        let (mut list, mut files) = (String::new(), Vec::new());
        for line in makefile.lines() {
            let words: Vec<&str> = line.trim_end_matches('\\').split_whitespace().collect();
            match words[..] {
                [name, "+=" | "="] => list = name.into(),
                [file] if !list.is_empty() => files.push((list.clone(), file.into())),
                _ => list.clear(),
            }
        }
        Ok(files)
    }

    /// The Rust side: `pub static DESIGN`.
    fn binding(&self, ports: &[Port]) -> String {
        let name = &self.name;
        let mut text = format!(
            "/// The design `{}`.\n\
             pub static DESIGN: tideline_verilated::Design = tideline_verilated::Design {{\n    ports: &[\n",
            self.top
        );
        for Port { name, direction, width } in ports {
            let _ = writeln!(
                text,
                "        tideline_verilated::Port {{ name: std::borrow::Cow::Borrowed({name:?}), \
                 direction: tideline_verilated::Direction::{direction:?}, width: {width} }},"
            );
        }
        let _ = writeln!(text, "    ],\n    traced: {},\n    shim: tideline_verilated::Shim {{", self.trace);
        for function in ["make", "free", "eval", "address", "trace_open", "trace_dump"] {
            let _ = writeln!(text, "        {function}: {name}_{function},");
        }
        let _ = writeln!(
            text,
            "    }},\n}};\n\
             use std::ffi::{{c_char, c_void}};\n\
             unsafe extern \"C\" {{\n\
             \x20   fn {name}_make(random: bool, seed: u32) -> *mut c_void;\n\
             \x20   fn {name}_free(instance: *mut c_void);\n\
             \x20   fn {name}_eval(instance: *mut c_void);\n\
             \x20   fn {name}_address(instance: *mut c_void, port: u32) -> *mut c_void;\n\
             \x20   fn {name}_trace_open(instance: *mut c_void, path: *const c_char) -> bool;\n\
             \x20   fn {name}_trace_dump(instance: *mut c_void, time: u64);\n\
             }}"
        );
        text
    }
}

/// Where Verilator keeps the sources of its runtime.
fn include_dir() -> Result<PathBuf, BuildError> {
    let output = Command::new("verilator")
        .args(["--getenv", "VERILATOR_ROOT"])
        .output()
        .map_err(BuildError::NoVerilator)?;
    Ok(Path::new(String::from_utf8_lossy(&output.stdout).trim()).join("include"))
}

fn read(path: &Path) -> Result<String, BuildError> {
    fs::read_to_string(path).map_err(|error| BuildError::File { path: path.into(), error })
}

fn write(path: &Path, text: &str) -> Result<(), BuildError> {
    fs::write(path, text).map_err(|error| BuildError::File { path: path.into(), error })
}
