//! Compiles the kernel programs to one BPF object.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

const SOURCE: &str = "src/bpf/sensor.bpf.c";
/// Newest first; 12 is the oldest that knows every relocation the programs use.
const CLANG_VERSIONS: [u32; 10] = [21, 20, 19, 18, 17, 16, 15, 14, 13, 12];
const PACKAGES: &str = "on Debian and Ubuntu: apt-get install clang llvm libbpf-dev linux-libc-dev";

fn main() -> anyhow::Result<()> {
    println!("cargo::rerun-if-changed=src/bpf");
    println!("cargo::rerun-if-env-changed=CLANG");
    println!("cargo::rerun-if-env-changed=LLVM_STRIP");
    let object = PathBuf::from(env::var("OUT_DIR").context("failed to read OUT_DIR")?).join("sensor.bpf.o");
    require_headers()?;
    compile(&find_clang()?, &object)?;
    strip(&object);
    Ok(())
}

fn require_headers() -> anyhow::Result<()> {
    if !Path::new("/usr/include/bpf/bpf_core_read.h").exists() {
        bail!("failed to find the libbpf headers (/usr/include/bpf/bpf_core_read.h); {PACKAGES}");
    }
    Ok(())
}

/// Finds a clang that has the BPF target: `$CLANG`, the newest versioned one, or the plain name.
fn find_clang() -> anyhow::Result<String> {
    if let Ok(clang) = env::var("CLANG") {
        return Ok(clang);
    }
    let preferred = ["clang-19".to_owned(), "clang".to_owned()];
    let others = CLANG_VERSIONS.iter().map(|version| format!("clang-{version}"));
    preferred
        .into_iter()
        .chain(others)
        .find(|name| knows_bpf(name))
        .with_context(|| format!("failed to find a clang that compiles for the BPF target; {PACKAGES}"))
}

fn knows_bpf(clang: &str) -> bool {
    Command::new(clang).arg("--print-targets").output().is_ok_and(|output| {
        output.status.success()
            && String::from_utf8_lossy(&output.stdout).lines().any(|line| line.trim().starts_with("bpf"))
    })
}

fn compile(clang: &str, object: &Path) -> anyhow::Result<()> {
    let arch = env::var("CARGO_CFG_TARGET_ARCH").context("failed to read the target architecture")?;
    let (define, multiarch) = match arch.as_str() {
        "x86_64" => ("-D__TARGET_ARCH_x86", "/usr/include/x86_64-linux-gnu"),
        "aarch64" => ("-D__TARGET_ARCH_arm64", "/usr/include/aarch64-linux-gnu"),
        other => {
            bail!("failed to compile the kernel programs: no register layout for {other} (x86_64 and aarch64 have one)")
        }
    };
    let output = Command::new(clang)
        .args(["-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"])
        .args([define, "-I", multiarch, "-c", SOURCE, "-o"])
        .arg(object)
        .output()
        .with_context(|| format!("failed to run {clang}; {PACKAGES}"))?;
    if !output.status.success() {
        bail!("failed to compile {SOURCE} with {clang}:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Drops the DWARF sections, which nobody reads at run time, and keeps BTF. Without llvm-strip the object is only larger.
fn strip(object: &Path) {
    let named = env::var("LLVM_STRIP").ok().into_iter();
    let versioned = CLANG_VERSIONS.iter().map(|version| format!("llvm-strip-{version}"));
    let stripped = named
        .chain(["llvm-strip-19".to_owned(), "llvm-strip".to_owned()])
        .chain(versioned)
        .any(|strip| Command::new(strip).arg("-g").arg(object).status().is_ok_and(|status| status.success()));
    if !stripped {
        println!("cargo::warning=llvm-strip not found, the embedded BPF object keeps its debug sections");
    }
}
