//! Who may import whom. Each failure names the invariant that a line breaks.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Words that must not stand in the code of some files, and why.
struct Absence {
    invariant: &'static str,
    /// Files or folders below the root.
    places: &'static [&'static str],
    /// Files or folders below `places` in which the words are at home.
    except: &'static [&'static str],
    words: &'static [&'static str],
}

const ABSENCES: &[Absence] = &[
    Absence {
        invariant: "detection and triage do no IO and read no clock: time and randomness are arguments",
        places: &["detection/src", "aggregator/src/triage"],
        except: &[],
        words: &[
            "SystemTime::now",
            "Instant::now",
            "Timestamp::now",
            "Zoned::now",
            "std::fs",
            "std::net::Tcp",
            "std::net::Udp",
            "std::env",
            "std::process",
            "std::thread",
            "tokio::",
            "actix",
            "rand::",
            "Uuid::new_v4",
        ],
    },
    Absence {
        invariant: "detection knows no runtime, no kernel, no wire",
        places: &["detection/Cargo.toml"],
        except: &[],
        words: &["tokio", "actix", "aya", "tonic", "prost", "openraft", "tiercel-"],
    },
    Absence {
        invariant: "proto knows no rules engine internals, no consensus library, no actors",
        places: &["proto/src", "proto/Cargo.toml"],
        except: &[],
        words: &[
            "openraft",
            "actix",
            "aya",
            "tiercel_aggregator",
            "tiercel_agent",
            "detection::engine",
            "detection::rule",
        ],
    },
    Absence {
        invariant: "the agent knows neither the consensus library nor the receivers",
        places: &["node-agent/src", "node-agent/Cargo.toml"],
        except: &[],
        words: &["openraft", "redb", "tiercel_aggregator", "tiercel-aggregator"],
    },
    Absence {
        invariant: "the aggregator knows nothing of kernels",
        places: &["aggregator/src", "aggregator/Cargo.toml"],
        except: &[],
        words: &["aya", "tiercel_ebpf", "tiercel-ebpf", "tiercel_agent", "tiercel-agent"],
    },
    Absence {
        invariant: "raft is the only room that knows openraft",
        places: &["aggregator/src"],
        except: &["aggregator/src/raft"],
        words: &["openraft::", "use openraft"],
    },
    Absence {
        invariant: "capture is the only room that knows aya",
        places: &["node-agent/src"],
        except: &["node-agent/src/capture"],
        words: &["aya::"],
    },
    Absence {
        invariant: "only proto::mtls configures TLS; there is no plaintext mode",
        places: &["proto/src", "node-agent/src", "aggregator/src", "ctl/src", "loadtest/src"],
        except: &["proto/src/mtls"],
        words: &["ServerConfig::builder", "ClientConfig::builder", "dangerous()", "danger_accept_invalid"],
    },
    Absence {
        invariant: "unsafe lives in ebpf and capture",
        places: &[
            "detection/src",
            "proto/src",
            "aggregator/src",
            "certs/src",
            "ctl/src",
            "node-agent/src",
            "loadtest/src",
        ],
        except: &["node-agent/src/capture"],
        words: &["unsafe {", "unsafe fn", "unsafe impl"],
    },
    Absence {
        invariant: "every queue has a bound: do_send and unbounded channels have none",
        places: &["node-agent/src", "aggregator/src"],
        except: &[],
        words: &[".do_send(", "unbounded_channel", "mpsc::channel()"],
    },
    Absence {
        invariant: "the operator's command speaks the public interface only",
        places: &["ctl/Cargo.toml"],
        except: &[],
        words: &["tiercel-aggregator", "tiercel-agent", "tiercel-detection", "openraft"],
    },
];

#[test]
fn nobody_imports_what_the_architecture_keeps_from_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace");
    let mut faults = String::new();
    let mut files_read = 0_usize;
    for absence in ABSENCES {
        for file in absence.places.iter().flat_map(|place| files_below(&root.join(place))) {
            if absence.except.iter().any(|home| file.starts_with(root.join(home))) {
                continue;
            }
            if is_test(&file) {
                continue;
            }
            files_read += 1;
            for (number, line) in code_lines(&fs::read_to_string(&file).expect("source files are readable text")) {
                for word in absence.words.iter().filter(|word| names(line, word)) {
                    let shown = file.strip_prefix(root).expect("files lie below the root").display();
                    writeln!(faults, "{shown}:{number}: `{word}` breaks: {}", absence.invariant)
                        .expect("writing to a string");
                }
            }
        }
    }
    assert!(files_read > 50, "read only {files_read} files: the list of places no longer fits the tree");
    assert!(faults.is_empty(), "\n{faults}");
}

/// The line names it: the word stands there, and is not the end of a longer one.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_'))
}

/// A file of tests: in a folder of tests, or a module that only tests have.
fn is_test(file: &Path) -> bool {
    let name = file.file_stem().expect("files have names").to_string_lossy();
    let declared = format!("#[cfg(test)]\nmod {name};");
    let folder = file.parent().expect("files lie in folders");
    file.iter().any(|part| part == "tests" || part == "tests.rs")
        || ["mod.rs", "lib.rs", "main.rs"]
            .iter()
            .filter_map(|parent| fs::read_to_string(folder.join(parent)).ok())
            .any(|parent| parent.contains(&declared))
}

/// Lines of code with their numbers: comments, texts for people and everything from a test module in the file on are
/// left out.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut lines = text.lines().enumerate().peekable();
    std::iter::from_fn(move || {
        let (index, line) = lines.next()?;
        let ends = line.trim_start().starts_with("#[cfg(test)]")
            && lines.peek().is_some_and(|(_, next)| next.trim_end().ends_with('{'));
        (!ends).then_some((index + 1, line))
    })
    .map(|(number, line)| (number, line.split_once("//").map_or(line, |(code, _)| code)))
    .filter(|(_, line)| !["description =", "name ="].iter().any(|key| line.trim_start().starts_with(key)))
}

fn files_below(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![place.to_path_buf()];
    }
    let mut files = Vec::new();
    let mut folders = vec![place.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("failed to list {}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("folders are readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
