//! Endpoints and what moves bytes between them.
#![forbid(unsafe_code)]
