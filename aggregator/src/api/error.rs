//! Errors of the API: one shape, a code for programs, a message and a hint for people.

use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use tiercel_proto::error::Chain;

use crate::history::HistoryError;

/// What went wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// A parameter is not usable.
    #[error("{message}")]
    InvalidParameter {
        /// Which one, and why.
        message: String,
        /// What would be right.
        hint: String,
    },
    /// Nobody said who is asking, or not well enough.
    #[error("{message}")]
    Unauthorized {
        /// What is missing or wrong.
        message: &'static str,
    },
    /// No such thing.
    #[error("{message}")]
    NotFound {
        /// What was asked for.
        message: String,
        /// Where to look.
        hint: &'static str,
    },
    /// There is such a thing, and not for that method.
    #[error("method {method} is not allowed here")]
    MethodNotAllowed {
        /// The method.
        method: String,
    },
    /// Our own trouble; the log has the details.
    #[error("{message}")]
    Internal {
        /// What did not work.
        message: &'static str,
    },
}

impl ApiError {
    /// A parameter that is not usable.
    pub(super) fn parameter(name: &str, reason: impl std::fmt::Display, hint: impl Into<String>) -> Self {
        Self::InvalidParameter { message: format!("parameter {name}: {reason}"), hint: hint.into() }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::InvalidParameter { .. } => "invalid_parameter",
            Self::Unauthorized { .. } => "unauthorized",
            Self::NotFound { .. } => "not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::Internal { .. } => "internal",
        }
    }

    fn hint(&self) -> &str {
        match self {
            Self::InvalidParameter { hint, .. } => hint,
            Self::Unauthorized { .. } => {
                "present a client certificate of role client, or send `Authorization: Bearer TOKEN` with the token of api.token_file"
            }
            Self::NotFound { hint, .. } => hint,
            Self::MethodNotAllowed { .. } => "the API is read-only: use GET",
            Self::Internal { .. } => "see the log of this node",
        }
    }
}

impl From<HistoryError> for ApiError {
    fn from(error: HistoryError) -> Self {
        tracing::error!(error = %Chain(&error), "failed to answer from history");
        Self::Internal { message: "failed to read the history" }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::InvalidParameter { .. } => StatusCode::BAD_REQUEST,
            Self::Unauthorized { .. } => StatusCode::UNAUTHORIZED,
            Self::NotFound { .. } => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let document = serde_json::json!({
            "error": {"code": self.code(), "message": self.to_string(), "hint": self.hint()},
        });
        let mut response = HttpResponseBuilder::new(self.status_code());
        if matches!(self, Self::Unauthorized { .. }) {
            response.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"tiercel\""));
        }
        response.content_type(ContentType::json()).body(document.to_string())
    }
}
