#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[doc = include_str!("../classic-notes.md")]
pub mod classic_notes {}
#[doc = include_str!("../not-so.md")]
pub mod not_so {}
#[doc = include_str!("../first-client-and-server.md")]
pub mod first_client_and_server {}
#[doc = include_str!("../udp.md")]
pub mod udp {}
#[doc = include_str!("../unix.md")]
pub mod unix {}
#[doc = include_str!("../errors.md")]
pub mod errors {}
#[doc = include_str!("../addresses.md")]
pub mod addresses {}
#[doc = include_str!("../explain-and-trace.md")]
pub mod explain_and_trace {}
#[doc = include_str!("../recipes.md")]
pub mod recipes {}
#[doc = include_str!("../serve.md")]
pub mod serve {}
#[doc = include_str!("../serve-sharing.md")]
pub mod serve_sharing {}
#[doc = include_str!("../talk-plain.md")]
pub mod talk_plain {}
#[doc = include_str!("../es.md")]
pub mod es {}
#[doc = include_str!("../../../README.md")]
pub mod readme {}
