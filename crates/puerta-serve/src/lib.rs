//! `puerta serve`: a folder to any browser.
//!
//! A pure core decides what a request's head asks for and what to answer; a store finds files below one folder; drivers move
//! bytes.

#![forbid(unsafe_code)]

pub mod audit;
pub mod core;
pub mod event;
pub mod explain;
pub mod gate;
pub mod http1;
pub mod log;
pub mod problem;
pub mod sandbox;
pub mod server;
pub mod store;
pub mod tls;
mod words;
