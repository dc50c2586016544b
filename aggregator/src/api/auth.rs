//! Who is asking: a client certificate, or a bearer token.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use actix_web::web;
use ring::{hmac, rand};
use tiercel_proto::mtls::{Identity, identity_of};

use super::door::Connection;
use super::{Api, ApiError};

/// Shorter tokens can be guessed: nothing limits how often somebody may try.
const TOKEN_BYTES_MIN: usize = 16;

/// Why a token file is not usable.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read.
    #[error("failed to read token file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The token is too short.
    #[error(
        "failed to use token file {}: the token has {length} bytes, expected at least {TOKEN_BYTES_MIN}; make one with: openssl rand -hex 32",
        path.display()
    )]
    TooShort {
        /// The file.
        path: PathBuf,
        /// Length of the token.
        length: usize,
    },
}

/// A bearer token that can be compared and not read back.
#[derive(Debug, Clone)]
pub struct Token {
    /// Random for each process: comparing tags of a keyed hash tells nothing about the token through time.
    key: hmac::Key,
    tag: hmac::Tag,
}

impl Token {
    /// Reads the token from its file; blanks around it do not belong to it.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| TokenError::Read { path: path.to_owned(), source })?;
        Self::new(text.trim()).map_err(|length| TokenError::TooShort { path: path.to_owned(), length })
    }

    /// Keeps a token; the error is the length of one that is too short.
    pub(super) fn new(token: &str) -> Result<Self, usize> {
        if token.len() < TOKEN_BYTES_MIN {
            return Err(token.len());
        }
        let random = rand::SystemRandom::new();
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &random).expect("the system has randomness");
        let tag = hmac::sign(&key, token.as_bytes());
        Ok(Self { key, tag })
    }

    fn matches(&self, presented: &str) -> bool {
        hmac::verify(&self.key, presented.as_bytes(), self.tag.as_ref()).is_ok()
    }
}

/// Remembers the certificate of a connection for its requests.
pub(super) fn remember_peer(connection: &Connection, data: &mut Extensions) {
    // The handshake has verified it, its role included.
    if let Some(identity) = identity_of(connection.get_ref().1.peer_certificates()) {
        data.insert(Arc::new(identity));
    }
}

/// Lets a request through if its connection showed a certificate or it carries the token.
pub(super) async fn require(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    if request.conn_data::<Arc<Identity>>().is_none() {
        check_token(&request)?;
    }
    next.call(request).await
}

fn check_token(request: &ServiceRequest) -> Result<(), ApiError> {
    let unauthorized = |message| Err(ApiError::Unauthorized { message });
    let api = request.app_data::<web::Data<Api>>().expect("the scope has the API as its data");
    let Some(header) = request.headers().get(AUTHORIZATION) else {
        return unauthorized("neither a client certificate nor a bearer token was presented");
    };
    let presented = header.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    match (presented, &api.token) {
        (None, _) => unauthorized("the authorization header is not `Bearer TOKEN`"),
        (Some(_), None) => unauthorized("this node takes no bearer token: api.token_file is not set"),
        (Some(presented), Some(token)) if token.matches(presented) => Ok(()),
        (Some(_), Some(_)) => {
            let peer = request.peer_addr().map(|peer| peer.to_string());
            tracing::warn!(peer, path = request.path(), "refused request with a wrong bearer token");
            unauthorized("the bearer token is wrong")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_matches() {
        let token = Token::new("0123456789abcdef").unwrap();
        assert!(token.matches("0123456789abcdef"));
        assert!(!token.matches("0123456789abcde"));
        assert!(!token.matches("0123456789abcdefg"));
        assert!(!token.matches(""));
    }

    #[test]
    fn short_tokens_are_refused_with_the_way_to_a_good_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "  secret\n").unwrap();
        let error = Token::read(&path).unwrap_err().to_string();
        assert!(error.contains("6 bytes") && error.contains("openssl rand") && !error.contains("secret"), "{error}");
    }
}
