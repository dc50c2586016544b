//! A condition by itself, without a rule, lists and macros around it.

use std::sync::Arc;

use super::{
    CompileError, Compiler, Link, Memo, Plan, Program, compile, parse, required_kinds, suspicions, with_deep_stack,
};
use crate::event::KindSet;
use crate::field::Fields;

/// A condition by itself: for tools that have an expression and an event but no rule file. Rules go through
/// [`crate::RuleSet`], which lets them share what they have in common.
#[derive(Debug)]
pub struct Condition {
    program: Program,
    root: Link,
    memo: Memo,
    kinds: KindSet,
    warnings: Vec<String>,
}

impl Condition {
    /// Compiles a condition whose groups nest at most `depth_max` deep. Falco's limit is [`super::DEPTH_MAX`] for the
    /// conditions of rules and 100 elsewhere.
    pub fn compile(text: &str, depth_max: usize) -> Result<Self, CompileError> {
        with_deep_stack(|| Self::compile_here(text, depth_max))
    }

    fn compile_here(text: &str, depth_max: usize) -> Result<Self, CompileError> {
        let expression = parse(text, depth_max)?;
        let warnings = suspicions(&expression).into_iter().map(|suspicion| suspicion.message).collect();
        let kinds = required_kinds(&expression)?;
        let mut plan = Plan::default();
        let root = compile(&expression, &mut plan)?;
        let mut compiler = Compiler::new(Arc::new(plan), true);
        compiler.begin(None);
        let root = compiler.add(root);
        Ok(Self { program: compiler.finish(), root, memo: Memo::default(), kinds, warnings })
    }

    /// Whether it holds for an event.
    pub fn holds<F: Fields>(&mut self, fields: &F) -> bool {
        self.memo.begin(&self.program);
        self.program.holds(self.root, fields, &mut self.memo)
    }

    /// The kinds of events for which it can hold.
    pub fn kinds(&self) -> KindSet {
        self.kinds
    }

    /// What in it looks like a mistake.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
