//! Answers of a live machine, kept for a replay, and the world that gives them again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use tiercel_detection::event::Text;

use super::container::ContainerNews;
use super::world::{AccountTables, ContainerCandidate, HostChange, NamedFile, RuntimeContainer, ScannedProcess, World};

/// What the machine answered to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// To [`World::process`].
    Process(u32, Option<Box<ScannedProcess>>),
    /// To [`World::accounts_of`].
    Accounts(u32, Option<AccountTables>),
    /// To [`World::container`].
    Container(ContainerCandidate, Option<RuntimeContainer>),
    /// To [`World::named_files`].
    NamedFiles(Vec<NamedFile>),
    /// To [`World::host_change`].
    HostChange(Option<HostChange>),
    /// To [`World::ask_container`].
    ContainerAsked(Text, bool),
    /// To [`World::container_news`].
    ContainerNews(Vec<ContainerNews>),
}

/// A world that notes what another one answers.
#[derive(Debug)]
pub struct Journal {
    world: Box<dyn World>,
    answers: Notes,
}

/// The answers that a [`Journal`] has noted.
#[derive(Debug, Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<Answer>>>);

impl Journal {
    /// Wraps a world; the notes are read while an enricher holds the journal.
    pub fn new(world: Box<dyn World>) -> (Self, Notes) {
        let answers = Notes::default();
        (Self { world, answers: answers.clone() }, answers)
    }
}

impl Notes {
    /// Takes what was answered since the last call, in order.
    pub fn take(&self) -> Vec<Answer> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, answer: Answer) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
    }
}

impl World for Journal {
    fn process(&mut self, pid: u32) -> Option<ScannedProcess> {
        let found = self.world.process(pid);
        self.answers.add(Answer::Process(pid, found.clone().map(Box::new)));
        found
    }

    fn accounts_of(&mut self, pid: u32) -> Option<AccountTables> {
        let found = self.world.accounts_of(pid);
        self.answers.add(Answer::Accounts(pid, found.clone()));
        found
    }

    fn container(&mut self, candidate: &ContainerCandidate) -> Option<RuntimeContainer> {
        let found = self.world.container(candidate);
        self.answers.add(Answer::Container(candidate.clone(), found.clone()));
        found
    }

    fn ask_container(&mut self, id: &Text, engine: &Text) -> bool {
        let asked = self.world.ask_container(id, engine);
        self.answers.add(Answer::ContainerAsked(id.clone(), asked));
        asked
    }

    fn container_news(&mut self) -> Vec<ContainerNews> {
        let news = self.world.container_news();
        self.answers.add(Answer::ContainerNews(news.clone()));
        news
    }

    fn named_files(&mut self, paths: &[Text]) -> Vec<NamedFile> {
        let found = self.world.named_files(paths);
        self.answers.add(Answer::NamedFiles(found.clone()));
        found
    }

    fn host_change(&mut self) -> Option<HostChange> {
        let found = self.world.host_change();
        self.answers.add(Answer::HostChange(found.clone()));
        found
    }
}

/// A world that gives recorded answers again: the first time a question is asked the first answer to it, and so on.
/// What was never asked has no answer.
#[derive(Debug, Default)]
pub struct Answers {
    processes: FxHashMap<u32, VecDeque<Option<Box<ScannedProcess>>>>,
    accounts: FxHashMap<u32, VecDeque<Option<AccountTables>>>,
    containers: FxHashMap<ContainerCandidate, VecDeque<Option<RuntimeContainer>>>,
    named_files: VecDeque<Vec<NamedFile>>,
    host_changes: VecDeque<Option<HostChange>>,
    containers_asked: FxHashMap<Text, VecDeque<bool>>,
    container_news: VecDeque<Vec<ContainerNews>>,
}

impl Answers {
    /// Adds the next answer.
    pub fn add(&mut self, answer: Answer) {
        match answer {
            Answer::Process(pid, found) => self.processes.entry(pid).or_default().push_back(found),
            Answer::Accounts(pid, found) => self.accounts.entry(pid).or_default().push_back(found),
            Answer::Container(candidate, found) => self.containers.entry(candidate).or_default().push_back(found),
            Answer::NamedFiles(found) => self.named_files.push_back(found),
            Answer::HostChange(found) => self.host_changes.push_back(found),
            Answer::ContainerAsked(id, asked) => self.containers_asked.entry(id).or_default().push_back(asked),
            Answer::ContainerNews(news) => self.container_news.push_back(news),
        }
    }
}

impl World for Answers {
    fn process(&mut self, pid: u32) -> Option<ScannedProcess> {
        self.processes.get_mut(&pid)?.pop_front()?.map(|found| *found)
    }

    fn accounts_of(&mut self, pid: u32) -> Option<AccountTables> {
        self.accounts.get_mut(&pid)?.pop_front()?
    }

    fn container(&mut self, candidate: &ContainerCandidate) -> Option<RuntimeContainer> {
        self.containers.get_mut(candidate)?.pop_front()?
    }

    fn ask_container(&mut self, id: &Text, _engine: &Text) -> bool {
        self.containers_asked.get_mut(id).and_then(VecDeque::pop_front).unwrap_or(false)
    }

    fn container_news(&mut self) -> Vec<ContainerNews> {
        self.container_news.pop_front().unwrap_or_default()
    }

    fn named_files(&mut self, _paths: &[Text]) -> Vec<NamedFile> {
        self.named_files.pop_front().unwrap_or_default()
    }

    fn host_change(&mut self) -> Option<HostChange> {
        self.host_changes.pop_front()?
    }
}
