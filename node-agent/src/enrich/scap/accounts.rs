//! Users and groups of a capture: those of the host and those that its events announce for containers.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use tiercel_detection::event::{Text, User};

use crate::capture::scap::Metadata;

/// Name of what has none.
const UNKNOWN: &str = "<NA>";

/// Accounts by container (empty for the host) and id.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    users: FxHashMap<(Text, u32), Arc<User>>,
    groups: FxHashMap<(Text, u32), Arc<User>>,
}

impl Accounts {
    /// The accounts of the host.
    pub(super) fn new(metadata: &Metadata) -> Self {
        let mut accounts = Self::default();
        for user in &metadata.users {
            accounts.add_user("", user.uid, &user.name, &user.home, &user.shell);
        }
        for group in &metadata.groups {
            accounts.add_group("", group.gid, &group.name);
        }
        accounts
    }

    pub(super) fn add_user(&mut self, container: &str, id: u32, name: &str, home: &str, shell: &str) {
        let user = User { id, name: name.into(), home: home.into(), shell: shell.into() };
        self.users.insert((container.into(), id), Arc::new(user));
    }

    pub(super) fn add_group(&mut self, container: &str, id: u32, name: &str) {
        let group = User { id, name: name.into(), ..User::default() };
        self.groups.insert((container.into(), id), Arc::new(group));
    }

    pub(super) fn remove_user(&mut self, container: &str, id: u32) {
        self.users.remove(&(container.into(), id));
    }

    pub(super) fn remove_group(&mut self, container: &str, id: u32) {
        self.groups.remove(&(container.into(), id));
    }

    /// The name of a user, if it is in a table.
    pub(super) fn user_name(&self, container: &str, id: u32) -> Option<Text> {
        self.users.get(&(container.into(), id)).map(|user| user.name.clone())
    }

    /// The name of a group, if it is in a table.
    pub(super) fn group_name(&self, container: &str, id: u32) -> Option<Text> {
        self.groups.get(&(container.into(), id)).map(|group| group.name.clone())
    }

    /// The user of an id; root is known everywhere.
    pub(super) fn user(&self, container: &str, id: u32) -> Arc<User> {
        self.users.get(&(container.into(), id)).cloned().unwrap_or_else(|| {
            Arc::new(match id {
                0 => User { id, name: "root".into(), home: "/root".into(), shell: UNKNOWN.into() },
                _ => User { id, name: UNKNOWN.into(), home: UNKNOWN.into(), shell: UNKNOWN.into() },
            })
        })
    }

    /// The group of an id.
    pub(super) fn group(&self, container: &str, id: u32) -> Arc<User> {
        self.groups.get(&(container.into(), id)).cloned().unwrap_or_else(|| {
            let name = if id == 0 { "root" } else { UNKNOWN };
            Arc::new(User { id, name: name.into(), ..User::default() })
        })
    }
}
