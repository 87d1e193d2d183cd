//! Endpoints and what moves bytes between them.
#![forbid(unsafe_code)]

mod endpoint;

pub use endpoint::{Endpoint, Layer};
