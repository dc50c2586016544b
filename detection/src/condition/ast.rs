//! The condition as it is written.

use std::sync::Arc;

/// Byte offset in the condition text.
pub type Offset = usize;

/// A condition or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// All parts hold.
    And(Vec<Expression>),
    /// At least one part holds.
    Or(Vec<Expression>),
    /// The part does not hold.
    Not(Box<Expression>),
    /// The name of a macro.
    Macro(String, Offset),
    /// A macro that was found, with its condition; offsets in it are offsets in the text of the macro.
    Expanded(Arc<str>, Arc<Expression>),
    /// A test of one value.
    Check(Box<Check>),
}

/// A test of one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Where it begins.
    pub offset: Offset,
    /// What is tested.
    pub left: Operand,
    /// How.
    pub test: Test,
}

/// A value of the event.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A field.
    Field(FieldName),
    /// Something computed from fields and constants.
    Transformer(Transformer),
}

/// A field as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldName {
    /// Where it begins.
    pub offset: Offset,
    /// Its name.
    pub name: String,
    /// What stood in brackets.
    pub argument: Option<String>,
}

/// A function of values.
#[derive(Debug, Clone, PartialEq)]
pub struct Transformer {
    /// Where it begins.
    pub offset: Offset,
    /// Which one.
    pub function: Function,
    /// What it is applied to.
    pub arguments: Vec<Argument>,
    /// What stood in brackets behind it (`getopt(...)[c]`).
    pub selector: Option<String>,
}

/// An argument of a transformer.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// A field.
    Field(FieldName),
    /// The result of another transformer.
    Transformer(Transformer),
    /// A constant.
    Literal(Literal),
    /// A list of the others.
    List(Vec<Argument>),
}

/// The transformers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// ASCII lower case.
    ToLower,
    /// ASCII upper case.
    ToUpper,
    /// Base64 decoding.
    Base64,
    /// What follows the last slash.
    BaseName,
    /// Bytes of a text, items of a list.
    Length,
    /// Items with a separator between them.
    Join,
    /// Texts behind each other.
    Concatenate,
    /// Options of a command line.
    GetOption,
}

impl Function {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ToLower,
        Self::ToUpper,
        Self::Base64,
        Self::BaseName,
        Self::Length,
        Self::Join,
        Self::Concatenate,
        Self::GetOption,
    ];

    /// Falco's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ToLower => "tolower",
            Self::ToUpper => "toupper",
            Self::Base64 => "b64",
            Self::BaseName => "basename",
            Self::Length => "len",
            Self::Join => "join",
            Self::Concatenate => "concat",
            Self::GetOption => "getopt",
        }
    }
}

/// How a value is tested.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// It can be extracted.
    Exists,
    /// It compares with the right side.
    Compare {
        /// How.
        operator: Operator,
        /// With how many values of the right side.
        modifier: Option<Modifier>,
        /// With what.
        right: Right,
    },
}

/// The right side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Right {
    /// One constant.
    Literal(Literal),
    /// Several constants.
    List(Vec<Literal>),
    /// `val(field)`.
    Field(FieldName),
    /// A transformer.
    Transformer(Transformer),
}

impl Right {
    /// Its constants.
    pub fn literals(&self) -> &[Literal] {
        match self {
            Self::Literal(literal) => std::slice::from_ref(literal),
            Self::List(items) => items,
            Self::Field(_) | Self::Transformer(_) => &[],
        }
    }
}

/// A constant. Bytes, since `\xHH` can write any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// Where it begins.
    pub offset: Offset,
    /// Its value, without quotes and escapes.
    pub bytes: Vec<u8>,
}

impl Literal {
    /// Its text.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// The comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each operator is documented by its text")]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Contains,
    IgnoreCaseContains,
    BytesContain,
    StartsWith,
    BytesStartWith,
    EndsWith,
    Glob,
    IgnoreCaseGlob,
    Regex,
    In,
    Intersects,
    PathMatch,
}

impl Operator {
    /// As outputs and messages write it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Contains => "contains",
            Self::IgnoreCaseContains => "icontains",
            Self::BytesContain => "bcontains",
            Self::StartsWith => "startswith",
            Self::BytesStartWith => "bstartswith",
            Self::EndsWith => "endswith",
            Self::Glob => "glob",
            Self::IgnoreCaseGlob => "iglob",
            Self::Regex => "regex",
            Self::In => "in",
            Self::Intersects => "intersects",
            Self::PathMatch => "pmatch",
        }
    }

    /// Whether its right side is a list.
    pub fn takes_list(self) -> bool {
        matches!(self, Self::In | Self::Intersects | Self::PathMatch)
    }

    /// Whether it orders numbers.
    pub fn orders(self) -> bool {
        matches!(self, Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual)
    }
}

/// With how many values of the right side a comparison must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Modifier {
    /// Exactly one.
    OneOf,
    /// At least one.
    AnyOf,
    /// Every one, and there is one.
    AllOf,
}

impl Modifier {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OneOf, Self::AnyOf, Self::AllOf];

    /// Falco's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneOf => "oneof",
            Self::AnyOf => "anyof",
            Self::AllOf => "allof",
        }
    }
}
