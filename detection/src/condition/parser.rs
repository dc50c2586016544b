//! Text to condition.

use super::ParseError;
use super::ast::{
    Argument, Check, Expression, FieldName, Function, Literal, Modifier, Operand, Operator, Right, Test, Transformer,
};
use super::scanner::{Scanner, is_blank};

/// Symbols, longer ones first.
const SYMBOLS: [(&str, Operator); 7] = [
    ("<=", Operator::LessEqual),
    (">=", Operator::GreaterEqual),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("=", Operator::Equal),
];

/// Words that a blank must follow.
const WORDS: [(&str, Operator); 9] = [
    ("glob", Operator::Glob),
    ("iglob", Operator::IgnoreCaseGlob),
    ("contains", Operator::Contains),
    ("icontains", Operator::IgnoreCaseContains),
    ("bcontains", Operator::BytesContain),
    ("startswith", Operator::StartsWith),
    ("bstartswith", Operator::BytesStartWith),
    ("endswith", Operator::EndsWith),
    ("regex", Operator::Regex),
];

/// Words that a list follows, with or without a blank.
const LIST_WORDS: [(&str, Operator); 3] =
    [("intersects", Operator::Intersects), ("in", Operator::In), ("pmatch", Operator::PathMatch)];

/// How deep transformers may nest: Falco's limit for everything but the conditions of rules. Unlike groups they are
/// parsed, compiled and evaluated by recursion.
const TRANSFORMERS_MAX: usize = 100;

/// Parses a whole condition whose parts nest at most `depth_max` deep.
pub fn parse(text: &str, depth_max: usize) -> Result<Expression, ParseError> {
    let mut parser = Parser::new(text, depth_max);
    let expression = parser.expression()?;
    match parser.scanner.at_end() {
        true => Ok(expression),
        false => Err(parser.scanner.error(format!(
            "unexpected token after '{}', expecting 'or', 'and'",
            last_token(&text[..parser.scanner.offset()])
        ))),
    }
}

/// The word or sign that a text ends with.
fn last_token(text: &str) -> &str {
    let text = text.trim_end();
    let start = text.rfind(|c: char| c.is_whitespace() || "=<>!(),".contains(c)).map_or(0, |at| at + 1);
    if start < text.len() { &text[start..] } else { text.char_indices().next_back().map_or("", |(at, _)| &text[at..]) }
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    /// Groups around the place.
    groups: usize,
    groups_max: usize,
    /// Transformers around the place.
    transformers: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Connective {
    And,
    Or,
}

/// A group that is not closed yet, or the whole condition.
#[derive(Default)]
struct Group {
    /// Alternatives that are complete.
    alternatives: Vec<Expression>,
    /// Parts of the alternative that is not complete.
    parts: Vec<Expression>,
    /// The group as a whole is negated.
    negated: bool,
    /// The group stands right behind an `or`: no `and` may follow it.
    is_alternative: bool,
}

impl Group {
    /// Takes in a part; `false` when no `and` may follow it.
    fn push(&mut self, part: Expression, is_alternative: bool) -> bool {
        if is_alternative {
            self.alternatives.push(part)
        } else {
            self.parts.push(part)
        }
        !is_alternative
    }

    /// No further part of the alternative follows.
    fn end_alternative(&mut self) {
        match self.parts.len() {
            0 => {}
            1 => self.alternatives.append(&mut self.parts),
            _ => self.alternatives.push(Expression::And(std::mem::take(&mut self.parts))),
        }
    }

    fn close(mut self) -> Expression {
        let only = if self.alternatives.len() == 1 { self.alternatives.pop() } else { None };
        negate(only.unwrap_or(Expression::Or(self.alternatives)), self.negated)
    }
}

/// What stands where a part is expected.
enum Opening {
    /// A complete part.
    Part(Expression),
    /// A parenthesis; whether the group behind it is negated.
    Group { negated: bool },
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, groups_max: usize) -> Self {
        Self { scanner: Scanner::new(text), groups: 0, groups_max, transformers: 0 }
    }

    /// Groups are kept on a stack of its own, so that how deep they nest does not depend on the stack of the thread.
    fn expression(&mut self) -> Result<Expression, ParseError> {
        let mut outer: Vec<Group> = Vec::new();
        let mut group = Group::default();
        'part: loop {
            let mut part = match self.opening()? {
                Opening::Part(part) => part,
                Opening::Group { negated } => {
                    outer.push(std::mem::replace(&mut group, self.open(negated, false)?));
                    continue;
                }
            };
            let mut is_alternative = false;
            loop {
                let and_may_follow = group.push(part, is_alternative);
                let connective = self.connective(and_may_follow);
                if connective != Some(Connective::And) {
                    group.end_alternative();
                }
                if let Some(connective) = connective {
                    if self.tail()? {
                        let inner = self.open(false, connective == Connective::Or)?;
                        outer.push(std::mem::replace(&mut group, inner));
                    }
                    continue 'part;
                }
                let Some(around) = outer.pop() else { return Ok(group.close()) };
                if !self.scanner.token(")") {
                    return Err(self.scanner.error("expected a ')' token"));
                }
                self.groups -= 1;
                is_alternative = group.is_alternative;
                part = std::mem::replace(&mut group, around).close();
            }
        }
    }

    fn connective(&mut self, and_may_follow: bool) -> Option<Connective> {
        self.scanner.blank();
        if and_may_follow && self.scanner.token("and") {
            return Some(Connective::And);
        }
        self.scanner.token("or").then_some(Connective::Or)
    }

    /// What follows a connective: a blank (false), or at once an opening parenthesis, which is taken (true).
    fn tail(&mut self) -> Result<bool, ParseError> {
        if self.scanner.blank() {
            return Ok(false);
        }
        match self.scanner.token("(") {
            true => Ok(true),
            false => Err(self.scanner.error("expected a blank or '(' after 'and', 'or'")),
        }
    }

    /// A part, or the parenthesis that opens a group, with the negations before it.
    fn opening(&mut self) -> Result<Opening, ParseError> {
        let mut negated = false;
        loop {
            self.scanner.blank();
            let start = self.scanner.offset();
            if !self.scanner.token("not") {
                break;
            }
            if self.scanner.token("(") {
                return Ok(Opening::Group { negated: !negated });
            }
            if !self.scanner.blank() {
                // A macro whose name begins with the word.
                self.scanner.rewind(start);
                break;
            }
            negated = !negated;
        }
        if self.scanner.token("(") {
            return Ok(Opening::Group { negated });
        }
        self.check().map(|check| Opening::Part(negate(check, negated)))
    }

    /// The group whose opening parenthesis was taken.
    fn open(&mut self, negated: bool, is_alternative: bool) -> Result<Group, ParseError> {
        self.groups += 1;
        match self.groups > self.groups_max {
            true => Err(self.scanner.error(format!("exceeded max depth limit of {}", self.groups_max))),
            false => Ok(Group { negated, is_alternative, ..Group::default() }),
        }
    }

    fn check(&mut self) -> Result<Expression, ParseError> {
        let offset = self.scanner.offset();
        let left = match self.field()? {
            Some(field) => Some(Operand::Field(field)),
            None => self.transformer()?.map(Operand::Transformer),
        };
        if let Some(left) = left {
            return Ok(Expression::Check(Box::new(Check { offset, left, test: self.condition()? })));
        }
        match self.scanner.identifier() {
            Some(name) => Ok(Expression::Macro(name.to_owned(), offset)),
            None => Err(self.scanner.error("expected a field, a transformer, a macro or '('")),
        }
    }

    fn condition(&mut self) -> Result<Test, ParseError> {
        self.scanner.blank();
        if self.scanner.token("exists") {
            return Ok(Test::Exists);
        }
        for (symbol, operator) in SYMBOLS {
            if self.scanner.token(symbol) {
                let blank = self.scanner.blank();
                return if operator.orders() { self.number_test(operator) } else { self.text_test(operator, blank) };
            }
        }
        for (word, operator) in LIST_WORDS {
            if self.scanner.token(word) {
                self.scanner.blank();
                return self.list_test(operator);
            }
        }
        for (word, operator) in WORDS {
            let start = self.scanner.offset();
            if self.scanner.token(word) {
                if self.scanner.blank() {
                    return self.text_test(operator, true);
                }
                self.scanner.rewind(start);
            }
        }
        Err(self.scanner.error("expected an operator: = != < <= > >= contains startswith endswith glob in exists ..."))
    }

    fn number_test(&mut self, operator: Operator) -> Result<Test, ParseError> {
        let offset = self.scanner.offset();
        let right = match self.right_operand()? {
            Some(right) => right,
            None => match self.scanner.number() {
                Some(number) => Right::Literal(Literal { offset, bytes: number.into() }),
                None => return Err(self.scanner.error("expected a number")),
            },
        };
        Ok(Test::Compare { operator, modifier: None, right })
    }

    fn text_test(&mut self, operator: Operator, blank_before: bool) -> Result<Test, ParseError> {
        if blank_before && let Some(modifier) = self.modifier() {
            let right = self.list()?;
            return Ok(Test::Compare { operator, modifier: Some(modifier), right });
        }
        let right = match self.right_operand()? {
            Some(right) => right,
            None => Right::Literal(self.literal()?),
        };
        Ok(Test::Compare { operator, modifier: None, right })
    }

    fn list_test(&mut self, operator: Operator) -> Result<Test, ParseError> {
        let right = match self.right_operand()? {
            Some(right) => right,
            None => self.list()?,
        };
        Ok(Test::Compare { operator, modifier: None, right })
    }

    /// A modifier counts only before a list; elsewhere the word is a value.
    fn modifier(&mut self) -> Option<Modifier> {
        let start = self.scanner.offset();
        for modifier in Modifier::ALL {
            if self.scanner.token(modifier.name()) && self.scanner.blank() && self.list_follows() {
                return Some(modifier);
            }
            self.scanner.rewind(start);
        }
        None
    }

    fn list_follows(&mut self) -> bool {
        let start = self.scanner.offset();
        let name = self.scanner.identifier();
        self.scanner.rewind(start);
        self.scanner.peek() == Some('(') || name.is_some_and(|name| !matches!(name, "and" | "or"))
    }

    fn list(&mut self) -> Result<Right, ParseError> {
        let offset = self.scanner.offset();
        if let Some(name) = self.scanner.identifier() {
            return Ok(Right::List(vec![Literal { offset, bytes: name.into() }]));
        }
        if !self.scanner.token("(") {
            return Err(self.scanner.error("expected a list: '(' value, ... ')'"));
        }
        self.scanner.blank();
        let mut items = Vec::new();
        if self.scanner.token(")") {
            return Ok(Right::List(items));
        }
        loop {
            self.scanner.blank();
            items.push(self.literal()?);
            self.scanner.blank();
            if self.scanner.token(")") {
                return Ok(Right::List(items));
            }
            if !self.scanner.token(",") {
                return Err(self.scanner.error("expected ',' or ')' in a list"));
            }
        }
    }

    fn literal(&mut self) -> Result<Literal, ParseError> {
        let offset = self.scanner.offset();
        if let Some(bytes) = self.scanner.quoted()? {
            return Ok(Literal { offset, bytes });
        }
        match self.scanner.bare() {
            Some(text) => Ok(Literal { offset, bytes: text.into() }),
            None => Err(self.scanner.error("expected a value: a quoted string or a bare string")),
        }
    }

    /// `val(field)` or a transformer on the right side.
    fn right_operand(&mut self) -> Result<Option<Right>, ParseError> {
        if !self.scanner.token("val(") {
            return Ok(self.transformer()?.map(Right::Transformer));
        }
        self.scanner.blank();
        let Some(field) = self.field()? else {
            return Err(self.scanner.error("expected a field in 'val'"));
        };
        self.scanner.blank();
        if !self.scanner.token(")") {
            return Err(self.scanner.error("expected a ')' token"));
        }
        if self.scanner.peek() == Some('[') {
            return Err(self.scanner.error("filter error: transformer 'val' does not support field arguments"));
        }
        Ok(Some(Right::Field(field)))
    }

    fn field(&mut self) -> Result<Option<FieldName>, ParseError> {
        let offset = self.scanner.offset();
        let Some(name) = self.scanner.field_name() else { return Ok(None) };
        let argument = self.bracketed()?;
        Ok(Some(FieldName { offset, name: name.to_owned(), argument }))
    }

    fn bracketed(&mut self) -> Result<Option<String>, ParseError> {
        if !self.scanner.token("[") {
            return Ok(None);
        }
        let argument = match self.scanner.quoted()? {
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            None => match self.scanner.bare_argument() {
                Some(text) => text.to_owned(),
                None => {
                    return Err(self
                        .scanner
                        .error("expected a valid field argument: a quoted string or a bare string"));
                }
            },
        };
        match self.scanner.token("]") {
            true => Ok(Some(argument)),
            false => Err(self.scanner.error("expected a ']' token")),
        }
    }

    fn transformer(&mut self) -> Result<Option<Transformer>, ParseError> {
        let offset = self.scanner.offset();
        let name = self.scanner.identifier();
        let function = Function::ALL.into_iter().find(|function| name == Some(function.name()));
        let Some(function) = function.filter(|_| self.scanner.token("(")) else {
            self.scanner.rewind(offset);
            return Ok(None);
        };
        self.transformers += 1;
        if self.transformers > TRANSFORMERS_MAX {
            return Err(self.scanner.error(format!("exceeded max depth limit of {TRANSFORMERS_MAX}")));
        }
        let arguments = self.arguments()?;
        self.transformers -= 1;
        let selector = self.selector(function)?;
        Ok(Some(Transformer { offset, function, arguments, selector }))
    }

    fn selector(&mut self, function: Function) -> Result<Option<String>, ParseError> {
        if self.scanner.peek() == Some('[') && function != Function::GetOption {
            let name = function.name();
            return Err(self
                .scanner
                .error(format!("filter error: transformer '{name}' does not support field arguments")));
        }
        self.bracketed()
    }

    /// Arguments up to the closing parenthesis.
    fn arguments(&mut self) -> Result<Vec<Argument>, ParseError> {
        let mut arguments = Vec::new();
        loop {
            self.scanner.blank();
            let argument = match self.scanner.token("(") {
                true => Argument::List(self.items()?),
                false => self.item()?,
            };
            arguments.push(argument);
            self.scanner.blank();
            if self.scanner.token(")") {
                return Ok(arguments);
            }
            if !self.scanner.token(",") {
                return Err(self.scanner.error("expected ',' or ')' in the arguments of a transformer"));
            }
        }
    }

    /// Items of a list argument up to the closing parenthesis.
    fn items(&mut self) -> Result<Vec<Argument>, ParseError> {
        let mut items = Vec::new();
        self.scanner.blank();
        if self.scanner.token(")") {
            return Ok(items);
        }
        loop {
            self.scanner.blank();
            items.push(self.item()?);
            self.scanner.blank();
            if self.scanner.token(")") {
                return Ok(items);
            }
            if !self.scanner.token(",") {
                return Err(self.scanner.error("expected ',' or ')' in a list argument"));
            }
        }
    }

    fn item(&mut self) -> Result<Argument, ParseError> {
        if let Some(field) = self.field()? {
            return Ok(Argument::Field(field));
        }
        if let Some(transformer) = self.transformer()? {
            return Ok(Argument::Transformer(transformer));
        }
        let offset = self.scanner.offset();
        if let Some(bytes) = self.scanner.quoted()? {
            return Ok(Argument::Literal(Literal { offset, bytes }));
        }
        match self.scanner.number_prefix() {
            Some(number) => Ok(Argument::Literal(Literal { offset, bytes: number.into() })),
            None => Err(self.scanner.error("expected a field, a transformer, a quoted string or a number")),
        }
    }
}

fn negate(expression: Expression, negated: bool) -> Expression {
    if negated { Expression::Not(Box::new(expression)) } else { expression }
}

/// Whether a text, as it would be written in a condition, is a macro name.
pub fn is_identifier(text: &str) -> bool {
    let mut scanner = Scanner::new(text);
    scanner.identifier().is_some() && scanner.at_end()
}

/// Parses a field with or without transformers around it, as exceptions and outputs have them.
pub fn parse_operand(text: &str) -> Option<(Operand, usize)> {
    let mut parser = Parser::new(text, TRANSFORMERS_MAX);
    let operand = match parser.field().ok()? {
        Some(field) => Operand::Field(field),
        None => Operand::Transformer(parser.transformer().ok()??),
    };
    Some((operand, parser.scanner.offset()))
}

/// Parses an operator, with a modifier when there is one.
pub fn parse_operator(text: &str) -> Option<(Operator, Option<Modifier>)> {
    let mut words = text.split(is_blank).filter(|word| !word.is_empty());
    let word = words.next()?;
    let all = SYMBOLS.iter().chain(&WORDS).chain(&LIST_WORDS);
    let operator = all.into_iter().find(|(symbol, _)| *symbol == word)?.1;
    let modifier = match words.next() {
        None => None,
        Some(name) => Some(Modifier::ALL.into_iter().find(|modifier| modifier.name() == name)?),
    };
    let plain = operator.takes_list() || operator.orders();
    (words.next().is_none() && !(modifier.is_some() && plain)).then_some((operator, modifier))
}
