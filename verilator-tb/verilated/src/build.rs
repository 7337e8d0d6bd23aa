//! The build-script half: Verilog through Verilator and the C++ compiler into a static library and a Rust binding.

use crate::port::{Direction, Port};
use std::collections::hash_map::DefaultHasher;
use std::fmt::Write;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
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

/// What the C++ compiler gets, by optimisation level: lists of generated files, lists of files of Verilator's runtime.
const GROUPS: [(&str, [&str; 2], &str); 3] = [
    // What runs in every cycle.
    ("3", ["VM_CLASSES_FAST", "VM_SUPPORT_FAST"], ""),
    // What is called from it.
    ("2", ["", ""], "VM_GLOBAL_FAST"),
    // What runs once.
    ("1", ["VM_CLASSES_SLOW", "VM_SUPPORT_SLOW"], "VM_GLOBAL_SLOW"),
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
        if read(&stamp).ok().as_ref() != Some(&fingerprint) {
            // From here on until the end, nothing is up to date.
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

    /// Options of Verilator. What has no value gets a random one that the model's seed decides (`unique`): measured, this
    /// is as fast as leaving it to Verilator. Width and style are the business of the writer's lint.
    fn options(&self) -> Vec<String> {
        let fixed = "--cc -O3 --threads 1 --noassert --x-assign unique --x-initial unique --language 1364-2005 \
                     -Wno-fatal -Wno-lint -Wno-style";
        let mut options: Vec<String> = fixed.split_whitespace().map(String::from).collect();
        options.extend(["--prefix".into(), self.class(), "--top-module".into(), self.top.clone()]);
        if self.trace {
            options.push("--trace".into());
        }
        if coverage() {
            options.push("--coverage-line".into());
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
        (version.stdout, self.options(), SHIM, HANDLERS, include_str!("build.rs")).hash(&mut hash);
        for variable in ["CXX", "CXXFLAGS", COVERAGE] {
            println!("cargo:rerun-if-env-changed={variable}");
            env::var_os(variable).hash(&mut hash);
        }
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

    /// The ports, from the header that Verilator wrote.
    fn ports(&self, objects: &Path) -> Result<Vec<Port>, BuildError> {
        let path = objects.join(format!("{}.h", self.class()));
        parse_ports(&read(&path)?).map_err(|what| BuildError::Unexpected { path, what })
    }

    /// One static library of the generated classes, the shim and Verilator's runtime.
    fn compile(&self, objects: &Path, ports: &[Port]) -> Result<(), BuildError> {
        let addresses: Vec<String> = ports.iter().map(|p| format!("        &model.{},", p.name)).collect();
        let shim = SHIM.replace("@TOP@", &self.class()).replace("@NAME@", &self.name);
        write(&objects.join("shim.cpp"), &shim.replace("@ADDRESSES@", &addresses.join("\n")))?;
        write(&objects.join("handlers.cpp"), HANDLERS)?;

        let lists = parse_lists(&read(&objects.join(format!("{}_classes.mk", self.class())))?);
        let include = include_dir()?;
        let files = |list: &str, folder: &Path| -> Vec<PathBuf> {
            let of_list = lists.iter().filter(|(name, _)| name == list);
            of_list.map(|(_, file)| folder.join(format!("{file}.cpp"))).collect()
        };
        let mut library = cc::Build::new();
        for (level, generated, runtime) in GROUPS {
            let mut build = self.compiler(&include, objects);
            build.opt_level_str(level).files(files(runtime, &include));
            build.files(generated.iter().flat_map(|list| files(list, objects)));
            if level == "3" {
                build.files(["shim.cpp", "handlers.cpp"].map(|name| objects.join(name)));
            }
            library.objects(build.try_compile_intermediates()?);
        }
        Ok(library.cpp(true).cargo_metadata(false).try_compile(&self.name)?)
    }

    fn compiler(&self, include: &Path, objects: &Path) -> cc::Build {
        let mut build = cc::Build::new();
        build.cpp(true).std("c++17").warnings(false).debug(false).cargo_metadata(false);
        build.include(include).include(include.join("vltstd")).include(objects);
        for name in ["VM_TRACE", "VM_TRACE_VCD"] {
            build.define(name, if self.trace { "1" } else { "0" });
        }
        build.define("VM_COVERAGE", if coverage() { "1" } else { "0" });
        for name in ["VM_SC", "VM_TRACE_FST"] {
            build.define(name, "0");
        }
        for name in ["VL_USER_FINISH", "VL_USER_STOP", "VL_USER_FATAL"] {
            build.define(name, None);
        }
        build
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

/// Compiles every design for line coverage if it is set, for `cargo xtask coverage`: each instance then writes its counts
/// into the folder `TIDELINE_COVERAGE_DIR` when it is dropped.
const COVERAGE: &str = "TIDELINE_COVERAGE";

fn coverage() -> bool {
    env::var_os(COVERAGE).is_some()
}

/// How a build script ends: an error is told by cargo, line by line, instead of a panic's backtrace.
pub fn exit(result: Result<(), impl std::fmt::Display>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            format!("{error:#}").lines().for_each(|line| println!("cargo::error={line}"));
            ExitCode::FAILURE
        }
    }
}

/// Ports in a generated header: `VL_IN8(&clk,0,0);`, `VL_OUTW(&data,511,0,16);`.
fn parse_ports(header: &str) -> Result<Vec<Port>, String> {
    let mut ports = Vec::new();
    for line in header.lines().map(str::trim).filter(|line| line.starts_with("VL_")) {
        let direction = match line {
            _ if line.starts_with("VL_INOUT") => return Err(format!("an inout port: {line}")),
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
        ports.push(port.ok_or_else(|| format!("not a port: {line}"))?);
    }
    Ok(ports)
}

/// Pairs of list and file in a generated makefile: `LIST += \`, then one name per line, then an empty line.
fn parse_lists(makefile: &str) -> Vec<(String, String)> {
    let (mut list, mut files) = (String::new(), Vec::new());
    for line in makefile.lines() {
        match line.trim_end_matches('\\').split_whitespace().collect::<Vec<_>>()[..] {
            [name, "+=" | "="] => list = name.to_owned(),
            [file] if !list.is_empty() => files.push((list.clone(), file.to_owned())),
            _ => list.clear(),
        }
    }
    files
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_a_header() {
        let header =
            "    // PORTS\n    VL_IN8(&clk,0,0);\n    VL_OUTW(&data,511,0,16);\n    CData/*0:0*/ x;\n";
        let port = |name: &'static str, direction, width| Port { name: name.into(), direction, width };
        let expected = vec![port("clk", Direction::In, 1), port("data", Direction::Out, 512)];
        assert_eq!(parse_ports(header), Ok(expected));
        assert!(parse_ports("VL_INOUT8(&pad,0,0);").is_err());
        assert!(parse_ports("VL_IN8(&odd);").is_err());
    }

    #[test]
    fn lists_of_a_makefile() {
        let makefile =
            "# comment\nVM_SC = 0\nVM_CLASSES_FAST += \\\n\tVa \\\n\tVb \\\n\nVM_GLOBAL_SLOW += \\\n\n";
        let pair = |file: &str| ("VM_CLASSES_FAST".to_owned(), file.to_owned());
        assert_eq!(parse_lists(makefile), [pair("Va"), pair("Vb")]);
    }
}
