//! Puts the default rules into the binary, in the order of their names.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../detection/rules");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .expect("the workspace holds detection/rules")
        .map(|entry| entry.expect("detection/rules is readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    paths.sort();
    let mut code = String::from("&[\n");
    for path in paths {
        let name = path.file_name().expect("entries have names").to_string_lossy();
        let path = path.canonicalize().expect("the file was just listed");
        writeln!(code, "    (\"{name}\", include_str!({path:?})),").expect("writing to a string");
    }
    code.push_str("]\n");
    let out = Path::new(&env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("builtin_rules.rs");
    fs::write(out, code).expect("OUT_DIR is writable");
}
