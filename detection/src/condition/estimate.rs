//! What a test costs and how often it holds: rough numbers that decide in which order tests run, never what they say.

use super::ast::Modifier;
use super::compare::{Comparison, Relation, TextTest};
use super::probe::{Check, Probe};
use super::transform::Source;
use crate::field::{FieldId, FieldRef};

/// Cost in about nanoseconds and chance to hold of a condition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    pub(super) cost: f64,
    pub(super) chance: f64,
}

impl Estimate {
    /// Estimates a test.
    pub(super) fn of(probe: &Probe) -> Self {
        let (value_cost, is_coarse) = match &probe.source {
            Source::Field(field) => (field_cost(field), is_coarse(field)),
            Source::Constant(_) => (1.0, true),
            Source::List(_) | Source::Apply(_) => (60.0, false),
        };
        let (cost, chance) = match &probe.check {
            Check::Exists => (0.0, 0.9),
            Check::Single(quantified) => comparison(&quantified.comparison, is_coarse),
            Check::Each(modifier, list) => {
                let (costs, chances): (Vec<f64>, Vec<f64>) =
                    list.iter().map(|quantified| comparison(&quantified.comparison, is_coarse)).unzip();
                let chance = match modifier {
                    Modifier::AnyOf | Modifier::OneOf => chances.iter().sum::<f64>().min(0.9),
                    Modifier::AllOf => chances.iter().product(),
                };
                (costs.iter().sum::<f64>() + value_cost * list.len() as f64, chance)
            }
            Check::Values(_, _) => (40.0, 0.1),
        };
        Self { cost: value_cost + cost, chance }
    }

    pub(super) fn negated_if(self, negated: bool) -> Self {
        if negated { Self { chance: 1.0 - self.chance, ..self } } else { self }
    }

    /// What it costs to find out that the condition does not hold; in a conjunction the smallest comes first.
    pub(super) fn rank(self) -> f64 {
        self.cost / (1.0 - self.chance).max(0.001)
    }
}

/// Estimates the conjunction of conditions that are evaluated in this order.
pub(super) fn conjunction(parts: impl Iterator<Item = Estimate>) -> Estimate {
    parts.fold(Estimate { cost: 1.0, chance: 1.0 }, |all, part| Estimate {
        cost: all.cost + all.chance * part.cost,
        chance: all.chance * part.chance,
    })
}

/// Estimates that one of several tests of one field holds.
pub(super) fn alternatives(tests: impl Iterator<Item = Estimate>) -> Estimate {
    let sum = tests.fold(Estimate { cost: 1.0, chance: 0.0 }, |all, test| Estimate {
        // About half of what a test costs is taking the value out of the event.
        cost: all.cost + test.cost / 2.0,
        chance: all.chance + test.chance,
    });
    Estimate { chance: sum.chance.min(0.9), ..sum }
}

/// What it costs to take the value out of the event.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other fields are at hand in the event")]
fn field_cost(field: &FieldRef) -> f64 {
    match field.id {
        FieldId::EvtArgs | FieldId::EvtInfo => 150.0,
        FieldId::EvtArg => 15.0,
        FieldId::ThreadCapPermitted | FieldId::ThreadCapEffective | FieldId::ThreadCapInheritable => 60.0,
        FieldId::ProcExeline | FieldId::ProcEnv | FieldId::ContainerImage | FieldId::ContainerMounts => 60.0,
        FieldId::ProcSname | FieldId::ProcVpgidName | FieldId::ProcPgidName => 10.0,
        FieldId::ProcAname | FieldId::ProcAexe | FieldId::ProcAexepath | FieldId::ProcAcmdline => 15.0,
        _ => 3.0,
    }
}

/// Whether the field has only few different values, so that comparing it tells little.
fn is_coarse(field: &FieldRef) -> bool {
    matches!(
        field.id,
        FieldId::EvtType
            | FieldId::EvtDir
            | FieldId::EvtRes
            | FieldId::EvtCategory
            | FieldId::EvtSource
            | FieldId::SyscallType
            | FieldId::FdType
            | FieldId::FdTypechar
            | FieldId::FdL4proto
            | FieldId::FdSockfamily
            | FieldId::UserName
            | FieldId::UserLoginname
            | FieldId::GroupName
            | FieldId::ContainerId
            | FieldId::ContainerType
            | FieldId::ContainerName
    )
}

fn comparison(comparison: &Comparison, is_coarse: bool) -> (f64, f64) {
    match comparison {
        Comparison::Text(test) => text(test, is_coarse),
        Comparison::Signed(relation, _) | Comparison::Unsigned(relation, _) | Comparison::Float(relation, _) => {
            (1.0, relation_chance(*relation, 0.15))
        }
        Comparison::SignedIn(_) | Comparison::UnsignedIn(_) | Comparison::FloatIn(_) => (3.0, 0.2),
        Comparison::Bool(_) => (1.0, 0.3),
        Comparison::BoolIn(_) => (2.0, 0.5),
        Comparison::Address(_, wanted) | Comparison::Network(_, wanted) => (8.0, if *wanted { 0.1 } else { 0.9 }),
    }
}

fn text(test: &TextTest, is_coarse: bool) -> (f64, f64) {
    let one = if is_coarse { 0.4 } else { 0.01 };
    match test {
        TextTest::Order(relation, _) => (2.0, relation_chance(*relation, one)),
        TextTest::In(set) => (4.0, (one * set.len() as f64).min(if is_coarse { 0.7 } else { 0.25 })),
        TextTest::StartsWith(_) | TextTest::EndsWith(_) => (2.0, if is_coarse { 0.3 } else { 0.05 }),
        TextTest::Contains(_) => (15.0, 0.05),
        TextTest::IgnoreCaseContains(_) => (60.0, 0.05),
        TextTest::Glob(_) => (30.0, 0.05),
        TextTest::Regex(_) => (100.0, 0.05),
        TextTest::PathMatch(_) => (40.0, 0.1),
    }
}

fn relation_chance(relation: Relation, equal: f64) -> f64 {
    match relation {
        Relation::Equal => equal,
        Relation::NotEqual => 1.0 - equal,
        Relation::Less | Relation::LessEqual | Relation::Greater | Relation::GreaterEqual => 0.5,
    }
}
