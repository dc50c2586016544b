//! Names of users and groups, as the processes that ask see them.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

use rustc_hash::FxHashMap;
use tiercel_detection::event::{Text, User};

use super::world::{Account, AccountTables, World};

/// Account databases of containers that are remembered; the oldest goes first. More than a node runs, and few enough
/// for all of them to be as large as is read.
const CONTAINERS_MAX: usize = 512;

/// Falco's word for an id without an entry.
static NOT_AVAILABLE: LazyLock<Text> = LazyLock::new(|| "<NA>".into());

/// The database to look in.
#[derive(Debug, Clone)]
pub(super) enum AccountScope {
    /// That of the host.
    Host,
    /// That of a container, read through a process of it when it is not known yet.
    Container {
        /// Whole container id.
        id: Text,
        /// A process that has the container's root; `None` when none is known to have it already.
        through_pid: Option<u32>,
    },
}

/// The account databases that are known.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    host: Database,
    containers: FxHashMap<Text, Database>,
    arrivals: VecDeque<Text>,
}

#[derive(Debug, Default)]
struct Database {
    users: FxHashMap<u32, Arc<User>>,
    groups: FxHashMap<u32, Arc<User>>,
}

impl Accounts {
    /// Starts with the host's database.
    pub(super) fn new(host: &AccountTables) -> Self {
        Self { host: Database::from(host), ..Self::default() }
    }

    /// The host's database changed.
    pub(super) fn replace_host(&mut self, tables: &AccountTables) {
        self.host = Database::from(tables);
    }

    /// Reads the database of a container that is not known yet, if there is a process to read it through.
    pub(super) fn make_known(&mut self, scope: &AccountScope, world: &mut dyn World) {
        if let AccountScope::Container { id, through_pid: Some(pid) } = scope
            && !self.containers.contains_key(id)
            && let Some(tables) = world.accounts_of(*pid)
        {
            self.remember(id, &tables);
        }
    }

    /// The user with that id.
    pub(super) fn user(&self, scope: &AccountScope, id: u32) -> Arc<User> {
        let known = self.database(scope).users.get(&id).cloned();
        known.unwrap_or_else(|| Arc::new(without_entry(id, "/root")))
    }

    /// The group with that id.
    pub(super) fn group(&self, scope: &AccountScope, id: u32) -> Arc<User> {
        let known = self.database(scope).groups.get(&id).cloned();
        known.unwrap_or_else(|| Arc::new(without_entry(id, "")))
    }

    fn database(&self, scope: &AccountScope) -> &Database {
        match scope {
            AccountScope::Host => &self.host,
            AccountScope::Container { id, .. } => self.containers.get(id).unwrap_or(&self.host),
        }
    }

    fn remember(&mut self, id: &Text, tables: &AccountTables) {
        if self.containers.len() >= CONTAINERS_MAX
            && let Some(oldest) = self.arrivals.pop_front()
        {
            self.containers.remove(&oldest);
        }
        self.containers.insert(id.clone(), Database::from(tables));
        self.arrivals.push_back(id.clone());
    }
}

impl From<&AccountTables> for Database {
    fn from(tables: &AccountTables) -> Self {
        Self { users: by_id(&tables.users), groups: by_id(&tables.groups) }
    }
}

/// The first line of an id is the one that counts, as for `getpwuid`.
fn by_id(accounts: &[Account]) -> FxHashMap<u32, Arc<User>> {
    let mut entries = FxHashMap::default();
    for account in accounts {
        entries.entry(account.id).or_insert_with(|| {
            Arc::new(User {
                id: account.id,
                name: account.name.clone(),
                home: account.home.clone(),
                shell: account.shell.clone(),
            })
        });
    }
    entries
}

/// Id 0 is `root` even where no database says so.
fn without_entry(id: u32, root_home: &str) -> User {
    match id {
        0 => User { id, name: "root".into(), home: root_home.into(), shell: NOT_AVAILABLE.clone() },
        _ => User { id, name: NOT_AVAILABLE.clone(), home: "".into(), shell: "".into() },
    }
}

/// Reads the text of /etc/passwd.
pub(super) fn parse_passwd(text: &str) -> Vec<Account> {
    lines(text)
        .filter_map(|fields| match fields.as_slice() {
            [name, _, id, _, _, home, shell, ..] => Some(Account {
                id: id.parse().ok()?,
                name: (*name).into(),
                home: (*home).into(),
                shell: (*shell).into(),
            }),
            _ => None,
        })
        .collect()
}

/// Reads the text of /etc/group.
pub(super) fn parse_group(text: &str) -> Vec<Account> {
    lines(text)
        .filter_map(|fields| match fields.as_slice() {
            [name, _, id, ..] => Some(Account { id: id.parse().ok()?, name: (*name).into(), ..Account::default() }),
            _ => None,
        })
        .collect()
}

/// Lines that begin with `+` or `-` steer NSS and name nobody.
fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter(|line| !line.starts_with(['+', '-', '#'])).map(|line| line.split(':').collect())
}
