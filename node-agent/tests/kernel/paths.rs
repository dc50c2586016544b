//! Calls that take paths.

use expect_test::{Expect, expect};
use tiercel_agent::capture::observation::{GivenPath, PathCall};

use crate::harness::{Observed, call_name, observe};

/// What a kernel answers to a call that it does not know.
const UNKNOWN_CALL: i64 = -(libc::ENOSYS as i64);

fn given(observed: &Observed, path: &GivenPath) -> String {
    if path.directory.is_empty() {
        return observed.short(&path.given);
    }
    format!("{}+{}", observed.short(&path.directory), path.given)
}

/// One line for a call: name, result, paths (directory+given when relative), file, text.
fn line(observed: &Observed, call: &PathCall) -> String {
    let outcome = match call.result {
        1.. => "fd".to_owned(),
        // Came with Linux 6.6; an older kernel refuses it, which is recorded like any other failure.
        _ if call.result == UNKNOWN_CALL && call_name(call.syscall) == "fchmodat2" => "0".to_owned(),
        result => result.to_string(),
    };
    let mut line = format!("{} = {outcome}: {}", call_name(call.syscall), given(observed, &call.first));
    if let Some(second) = &call.second {
        line += &format!(", {}", given(observed, second));
    }
    if let Some(file) = &call.file {
        line += &format!(" file {}", observed.short(&file.path));
    }
    if !call.text.is_empty() {
        line += &format!(" text {}", call.text);
    }
    line
}

#[track_caller]
fn check(observed: &Observed, expected: Expect) {
    let lines =
        observed.paths().map(|call| line(observed, call)).filter(|line| line.contains("$D") || line.contains(':'));
    expected.assert_eq(&lines.map(|line| line + "\n").collect::<String>());
}

#[test]
fn every_call_gives_its_paths_and_where_they_start() {
    let Some(observed) = observe("paths") else { return };
    check(
        &observed,
        expect![[r#"
            chdir = 0: $D file $D
            mkdir = 0: $D+a
            mkdirat = 0: $D+b
            rmdir = 0: $D+a
            rmdir = -2: $D+a
            rename = 0: $D+b, $D+a
            renameat = 0: $D+a, $D+b
            renameat2 = 0: $D+b, $D+a
            mknod = 0: $D+c
            link = 0: $D+c, $D+d
            unlink = 0: $D+d
            linkat = 0: $D+c, $D+d
            unlinkat = 0: $D+d
            symlink = 0: /absent/target, $D+d
            symlinkat = 0: ../up, $D+b
            mknodat = 0: $D+fifo
            chmod = 0: $D+c
            fchmod = 0:  file $D
            fchmodat = 0: $D+c
            fchmodat2 = 0: $D+c
            chown = 0: $D+c
            fchown = 0:  file $D
            lchown = 0: $D+d
            fchownat = 0: $D+c
            truncate = -22: $D+c
            ftruncate = -22:  file $D
            unlink = -14: $D+
        "#]],
    );
    let chmod = observed.paths().find(|call| call_name(call.syscall) == "chmod").unwrap();
    assert_eq!(chmod.arguments[1], 0o4755);
}

#[test]
fn mounts_carry_source_target_and_type() {
    let Some(observed) = observe("mounts") else { return };
    check(
        &observed,
        expect![[r#"
            mkdir = 0: $D/mounted
            mount = 0: , /
            mount = 0: none, $D/mounted text tmpfs
            open_tree = fd: $D/mounted
            umount2 = 0: $D/mounted
            move_mount = 0: $D/mounted+, $D/mounted
            pivot_root = -2: /absent, $D/mounted
            umount2 = -2: /absent
        "#]],
    );
}

#[test]
fn a_change_of_directory_carries_where_it_led() {
    let Some(observed) = observe("directories") else { return };
    check(
        &observed,
        expect![[r#"
        mkdir = 0: $D/real
        symlink = 0: real, $D/link
        chdir = 0: $D/link file $D/real
        chdir = -2: $D/real+absent file $D/real
        fchdir = 0:  file $D
        chroot = 0: $D+real file $D/real
    "#]],
    );
    let jailed = observed.opens().map(|(_, open)| open).find(|open| &*open.given == "/in-jail").unwrap();
    assert_eq!(observed.short(&jailed.file.as_ref().unwrap().path), "$D/real/in-jail");
}
