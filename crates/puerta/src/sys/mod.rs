//! The only unsafe code: one function for each system call, on libc.
#![allow(unsafe_code)]

pub(crate) mod ancillary;
pub(crate) mod call;
pub(crate) mod descriptor;
pub(crate) mod interfaces;
pub(crate) mod names;
pub(crate) mod option;
pub(crate) mod pipe;
#[cfg(feature = "tokio")]
pub(crate) mod readiness;
pub(crate) mod sockaddr;
pub(crate) mod socket;
pub(crate) mod symbols;
pub(crate) mod transfer;
