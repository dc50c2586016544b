//! The open family.

use std::os::unix::fs::MetadataExt;

use expect_test::{Expect, expect};
use tiercel_agent::capture::observation::{Act, Entry, Open};

use crate::harness::{Observed, call_name, observe};

/// One line for an open: call, outcome, path as given, directory it started from, file that was opened.
fn line(observed: &Observed, open: &Open) -> String {
    let mut line = format!("{} {}", call_name(open.syscall), observed.short(&open.given));
    if !open.directory.is_empty() {
        line += &format!(" from {}", observed.short(&open.directory));
    }
    match &open.file {
        Some(file) => line += &format!(" -> {}", observed.short(&file.path)),
        None => line += &format!(" = {}", open.result),
    }
    if open.created {
        line += &format!(" created {:o}", open.mode);
    }
    if open.file.as_ref().is_some_and(|file| file.deleted) {
        line += " deleted";
    }
    if open.resolve != 0 {
        line += &format!(" resolve {}", open.resolve);
    }
    line
}

fn lines(observed: &Observed) -> Vec<String> {
    observed.opens().map(|(_, open)| line(observed, open)).filter(|line| line.contains("$D")).collect()
}

#[track_caller]
fn check(observed: &Observed, expected: Expect) {
    let mut text = lines(observed).join("\n");
    text.push('\n');
    expected.assert_eq(&text.replace(&format!("/proc/{}/", observed.pid), "/proc/$PID/"));
}

#[test]
fn opens_carry_the_path_as_given_and_as_resolved() {
    let Some(observed) = observe("open") else { return };
    check(
        &observed,
        expect![[r#"
        openat $D/secret -> $D/secret created 666
        openat $D/symlink -> $D/secret
        openat $D/hardlink -> $D/hardlink
        openat /proc/self/root$D/sub/../secret -> $D/secret
        openat $D/new -> $D/new created 640
        openat $D/absent = -2
        openat $D/sub -> $D/sub
        openat ../secret from $D/sub -> $D/secret
        openat2 $D/symlink = -40 resolve 4
        open $D/secret -> $D/secret
        creat $D/created -> $D/created created 600
        open_by_handle_at  -> $D/created
        openat $D/gone -> $D/gone created 666
        openat /proc/self/fd/50 -> $D/gone deleted
        openat $D/d0/d1/d2/d3/d4/d5/d6/d7/d8/d9/d10/d11/d12/d13/d14/d15/d16/d17/d18/d19/d20/d21/d22/d23/d24/d25/d26/d27/d28/d29/d30/d31/d32/d33/d34/d35/d36/d37/d38/d39/d40/d41/d42/d43/d44/d45/d46/d47/d48/d49/d50/d51/d52/d53/d54/d55/d56/d57/d58/d59/d60/d61/d62/d63/d64/d65/d66/d67/d68/d69/deep-file -> <cut>/d7/d8/d9/d10/d11/d12/d13/d14/d15/d16/d17/d18/d19/d20/d21/d22/d23/d24/d25/d26/d27/d28/d29/d30/d31/d32/d33/d34/d35/d36/d37/d38/d39/d40/d41/d42/d43/d44/d45/d46/d47/d48/d49/d50/d51/d52/d53/d54/d55/d56/d57/d58/d59/d60/d61/d62/d63/d64/d65/d66/d67/d68/d69/deep-file created 666
    "#]],
    );
    let secret = observed.path("secret").metadata().unwrap();
    let aliases = ["symlink", "hardlink", "/sub/../secret"];
    for (_, open) in observed.opens().filter(|(_, open)| aliases.iter().any(|alias| open.given.ends_with(alias))) {
        let Some(file) = &open.file else { continue };
        assert_eq!((file.device, file.inode, file.links), (secret.dev(), secret.ino(), 2), "{}", open.given);
        assert_eq!(file.mode, secret.mode());
    }
}

#[test]
fn a_path_that_is_too_deep_is_marked() {
    let Some(observed) = observe("open") else { return };
    let (_, open) = observed.opens().find(|(_, open)| open.given.ends_with("/deep-file")).unwrap();
    let file = open.file.as_ref().unwrap();
    assert!(file.truncated);
    assert!(
        file.path.starts_with("<cut>/") && file.path.ends_with("/d69/deep-file"),
        "the head is missing, and it shows"
    );
}

#[test]
fn paths_cross_mounts_and_the_inode_tells_what_was_bound() {
    let Some(observed) = observe("open in a private mount namespace") else { return };
    check(
        &observed,
        expect![[r#"
        openat $D/secret -> $D/secret created 666
        openat $D/bound -> $D/bound created 666
        openat $D/bound -> $D/bound
        openat $D/secret -> $D/secret
        openat $D/mounted/inside -> $D/mounted/inside created 666
    "#]],
    );
    let file = |name: &str| {
        let open = observed.opens().map(|(_, open)| open).filter(|open| open.given.ends_with(name)).last();
        open.and_then(|open| open.file.clone()).unwrap()
    };
    assert_eq!(file("/bound").inode, file("/secret").inode);
    assert_eq!(file("/inside").filesystem_magic, 0x0102_1994, "tmpfs");
}

#[cfg(target_arch = "x86_64")]
#[test]
fn calls_of_the_32_bit_table_are_translated() {
    let Some(observed) = observe("open through int 0x80") else { return };
    let compat: Vec<_> = observed.observations.iter().filter(|one| one.entry == Entry::Compat).collect();
    assert_eq!(compat.len(), 2);
    let (_, open) = observed.opens().find(|(one, _)| one.entry == Entry::Compat).unwrap();
    assert_eq!(line(&observed, open), "open $D/secret -> $D/secret");
    let Act::Network(socket) = &compat[1].act else {
        panic!("socketcall was not unfolded");
    };
    assert_eq!((call_name(socket.syscall), socket.arguments[0]), ("socket", 1));
    assert_eq!(socket.socket.as_ref().map(|socket| (socket.family, socket.kind)), Some((1, 2)));
}
