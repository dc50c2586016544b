//! The one vocabulary of failures that crosses the wire.

use std::error::Error;
use std::fmt;

use tonic::{Code, Status};

/// What kind of failure; the caller decides by it, people read the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The caller did not show who it is.
    Unauthenticated,
    /// The caller is known and may not do this.
    Forbidden,
    /// The request can never succeed as it is.
    InvalidRequest,
    /// The thing named does not exist.
    NotFound,
    /// The thing exists already, or changed meanwhile.
    Conflict,
    /// Only the leader can do this, and this node is not it.
    NotLeader,
    /// A bound is reached; later is fine.
    Overloaded,
    /// The node cannot serve now: no quorum, starting, stopping, connection lost.
    Unavailable,
    /// Nobody knows whether it happened.
    Timeout,
    /// A defect.
    Internal,
}

impl ErrorCode {
    /// All codes.
    pub const ALL: [Self; 10] = [
        Self::Unauthenticated,
        Self::Forbidden,
        Self::InvalidRequest,
        Self::NotFound,
        Self::Conflict,
        Self::NotLeader,
        Self::Overloaded,
        Self::Unavailable,
        Self::Timeout,
        Self::Internal,
    ];

    /// The name for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::InvalidRequest => "invalid_request",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::NotLeader => "not_leader",
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Internal => "internal",
        }
    }
}

impl From<ErrorCode> for Code {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::Unauthenticated => Self::Unauthenticated,
            ErrorCode::Forbidden => Self::PermissionDenied,
            ErrorCode::InvalidRequest => Self::InvalidArgument,
            ErrorCode::NotFound => Self::NotFound,
            ErrorCode::Conflict => Self::Aborted,
            ErrorCode::NotLeader => Self::FailedPrecondition,
            ErrorCode::Overloaded => Self::ResourceExhausted,
            ErrorCode::Unavailable => Self::Unavailable,
            ErrorCode::Timeout => Self::DeadlineExceeded,
            ErrorCode::Internal => Self::Internal,
        }
    }
}

impl From<Code> for ErrorCode {
    fn from(code: Code) -> Self {
        match code {
            Code::Unauthenticated => Self::Unauthenticated,
            Code::PermissionDenied => Self::Forbidden,
            Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => Self::InvalidRequest,
            Code::NotFound => Self::NotFound,
            Code::Aborted | Code::AlreadyExists => Self::Conflict,
            Code::FailedPrecondition => Self::NotLeader,
            Code::ResourceExhausted => Self::Overloaded,
            // The transport reports a broken connection as `Unknown` or `Cancelled`.
            Code::Unavailable | Code::Unknown | Code::Cancelled => Self::Unavailable,
            Code::DeadlineExceeded => Self::Timeout,
            Code::Internal | Code::DataLoss | Code::Ok => Self::Internal,
        }
    }
}

/// A failure with its code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({})", code.name())]
pub struct WireError {
    /// What kind.
    pub code: ErrorCode,
    /// The operation and what went wrong, for people.
    pub message: String,
}

impl WireError {
    /// Makes a failure.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<WireError> for Status {
    fn from(error: WireError) -> Self {
        Self::new(error.code.into(), error.message)
    }
}

impl From<&Status> for WireError {
    /// Keeps the message, and the causes below it that only the transport knows (`connection refused` ...).
    fn from(status: &Status) -> Self {
        let message = match status.source() {
            Some(source) => format!("{}: {}", status.message(), Chain(source)),
            None => status.message().to_owned(),
        };
        Self { code: status.code().into(), message }
    }
}

/// Prints an error and its causes in one line, each cause once.
#[derive(Debug)]
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printed = self.0.to_string();
        formatter.write_str(&printed)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Wrappers that print their cause as their own text would say it twice.
            if !printed.ends_with(&text) {
                write!(formatter, ": {text}")?;
            }
            printed = text;
            source = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_the_wire() {
        for code in ErrorCode::ALL {
            let error = WireError::new(code, "failed to propose batch");
            assert_eq!(WireError::from(&Status::from(error.clone())), error);
        }
    }

    #[test]
    fn chain_says_each_cause_once() {
        let inner = std::io::Error::other("no route to host");
        let outer = std::io::Error::other(WireError::new(ErrorCode::Unavailable, "failed to connect"));
        assert_eq!(Chain(&inner).to_string(), "no route to host");
        assert_eq!(Chain(&outer).to_string(), "failed to connect (unavailable)");
    }
}
