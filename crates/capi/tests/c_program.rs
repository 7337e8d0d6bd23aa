//! Compiles the example for C and runs it: linked statically and dynamically, as C and its header as C++, with valgrind where
//! it is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;
use tideline_serve::{Background, CxlAttached};
use tideline_tb::ModelInMachine;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/dirty_lines.c");
const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tideline.pc.in");

const SHOWN: &str = "window of 256 MiB, device version 1.0
read: written across two lines of page 1, and read back
7 lines in 2 pages, exact 0, loss 0
  page 1 line 0
  page 1 line 1
  page 8 line 2
  page 8 line 3
  page 8 line 4
  page 8 line 5
  page 8 line 6
1 lines in 1 pages, exact 0, loss 0
  page 2 line 0
";

/// The folder of the libraries that this test belongs to. Cargo puts them beside the test only if it builds the package.
fn libraries() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.ancestors().nth(2).unwrap().to_owned();
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--locked", "--quiet", "--package", "tideline-capi", "--lib"]);
    if built.ends_with("release") {
        build.arg("--release");
    }
    done(build.current_dir(env!("CARGO_MANIFEST_DIR")));
    built
}

fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output
}

/// An installation: header, libraries and pkg-config file under one prefix.
fn install(built: &Path) -> TempDir {
    let prefix = tempfile::tempdir().unwrap();
    let (lib, include) = (prefix.path().join("lib"), prefix.path().join("include"));
    fs::create_dir_all(lib.join("pkgconfig")).unwrap();
    fs::create_dir(&include).unwrap();
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/include/tideline.h"), include.join("tideline.h")).unwrap();
    fs::copy(built.join("libtideline.a"), lib.join("libtideline.a")).unwrap();
    fs::copy(built.join("libtideline.so"), lib.join("libtideline.so.0")).unwrap();
    std::os::unix::fs::symlink("libtideline.so.0", lib.join("libtideline.so")).unwrap();
    let template = fs::read_to_string(TEMPLATE).unwrap();
    let filled = template.replace("@prefix@", prefix.path().to_str().unwrap());
    let filled = filled.replace("@version@", env!("CARGO_PKG_VERSION"));
    fs::write(lib.join("pkgconfig/tideline.pc"), filled).unwrap();
    prefix
}

/// What pkg-config says for our file, in words; what it should say where there is no pkg-config.
fn flags(prefix: &Path, options: &[&str], otherwise: &[String]) -> Vec<String> {
    let mut ask = Command::new("pkg-config");
    ask.args(options).arg("tideline").env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    match ask.output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
        }
        Err(_) => otherwise.to_vec(),
    }
}

#[test]
fn the_example_compiles_and_finds_its_lines() {
    let prefix = install(&libraries());
    let prefix = prefix.path();
    let (include, lib) = (format!("-I{}/include", prefix.display()), format!("-L{}/lib", prefix.display()));
    let cflags = flags(prefix, &["--cflags"], &[include]);
    let shared = flags(prefix, &["--libs"], &[lib.clone(), "-ltideline".to_owned()]);
    let private = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"].map(str::to_owned);
    let private =
        flags(prefix, &["--libs", "--static"], &[&[lib, "-ltideline".to_owned()], &private[..]].concat());
    let strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];
    let compile = |name: &str| {
        let mut cc = Command::new("cc");
        cc.arg("-std=c99").args(strict).args(&cflags).arg(SOURCE).arg("-o").arg(prefix.join(name));
        cc
    };
    done(compile("shared").args(&shared).arg(format!("-Wl,-rpath,{}/lib", prefix.display())));
    done(
        compile("static")
            .arg(prefix.join("lib/libtideline.a"))
            .args(private.iter().filter(|flag| *flag != "-ltideline")),
    );
    let mut cpp = Command::new("c++");
    done(
        cpp.args(strict)
            .args(&cflags)
            .args(["-fsyntax-only", "-x", "c++"])
            .arg(prefix.join("include/tideline.h")),
    );

    let socket = prefix.join("device.sock");
    let device = || CxlAttached::new(ModelInMachine::default(), 80_000);
    let server = Background::start(&socket, device, |line| println!("server: {line}")).unwrap();
    let target = format!("vfio-user:{}", socket.display());
    for program in ["shared", "static"] {
        let output = done(Command::new(prefix.join(program)).arg(&target));
        assert_eq!(String::from_utf8_lossy(&output.stdout), SHOWN, "{program}");
    }
    if Command::new("valgrind").arg("--version").output().is_ok() {
        let mut valgrind = Command::new("valgrind");
        valgrind.args([
            "--quiet",
            "--leak-check=full",
            "--errors-for-leak-kinds=definite",
            "--error-exitcode=9",
        ]);
        let output = done(valgrind.arg(prefix.join("shared")).arg(&target));
        assert_eq!(String::from_utf8_lossy(&output.stdout), SHOWN);
    }
    server.stop().unwrap();

    // No server, and no such target: the example says why, by the library's words.
    for (target, why) in [(target.as_str(), "no device: "), ("nonsense", "bad target: unknown target")] {
        let output = Command::new(prefix.join("shared")).arg(target).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.starts_with(why), "{said}");
    }
}
