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
        words: &["openraft", "actix", "aya", "tiercel_aggregator", "tiercel_agent", "detection::engine", "detection::rule"],
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
        words: &["openraft"],
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
        places: &["detection/src", "proto/src", "aggregator/src", "certs/src", "ctl/src", "node-agent/src", "loadtest/src"],
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
            files_read += 1;
            for (number, line) in code_lines(&fs::read_to_string(&file).expect("source files are readable text")) {
                for word in absence.words.iter().filter(|word| line.contains(**word)) {
                    let shown = file.strip_prefix(root).expect("files lie below the root").display();
                    writeln!(faults, "{shown}:{number}: `{word}` breaks: {}", absence.invariant).expect("writing to a string");
                }
            }
        }
    }
    assert!(files_read > 50, "read only {files_read} files: the list of places no longer fits the tree");
    assert!(faults.is_empty(), "\n{faults}");
}

/// Lines of code with their numbers: comments, and everything from the first test module on, left out.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.trim_start().starts_with("#[cfg(test)]"))
        .map(|(index, line)| (index + 1, line.split_once("//").map_or(line, |(code, _)| code)))
        .filter(|(_, line)| !line.trim_start().starts_with("description ="))
}

fn files_below(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![place.to_path_buf()];
    }
    let mut files = Vec::new();
    let mut folders = vec![place.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("failed to list {}: {error}", folder.display()));
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
