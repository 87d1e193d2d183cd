//! Why a request is answered as it is: told by the very code that answers, to who asks for it.

use super::conditions::{Rule, Weighed};
use super::encoding::Coding;
use super::found::Failure;
use super::range::Ranges;
use super::response::Form;

/// Hears what happens on the way to an answer. `()` hears nothing: for it, nothing of this is compiled.
pub trait Hear<E> {
    /// `event` is called by who listens.
    fn hear(&mut self, event: impl FnOnce() -> E);
}

impl<E> Hear<E> for () {
    #[inline(always)]
    fn hear(&mut self, _: impl FnOnce() -> E) {}
}

impl<E> Hear<E> for Vec<E> {
    fn hear(&mut self, event: impl FnOnce() -> E) {
        self.push(event());
    }
}

/// A step from what was found to a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// There is a file, in a coding that will do.
    File {
        /// Its coding.
        coding: Coding,
        /// Bytes, as they are sent.
        size: u64,
    },
    /// There is a file, and no coding of it that will do: 406.
    NotAcceptable,
    /// There is a folder, and the address has no slash at its end: 301.
    Slash,
    /// There is a folder to be listed, and slashes follow each other in its address: 301.
    Slashes,
    /// There is a folder, which is listed in this form.
    Listed(Form),
    /// There is a folder, and folders are not listed: 404.
    NotListed,
    /// There is nothing that may be served: 404.
    Missing,
    /// It could not be had: 403, 500, 503.
    Failed(Failure),
    /// What the preconditions say, in the order in which they are weighed; behind the first that decides none is.
    Conditions([(Rule, Weighed); 4]),
    /// What is asked for of so many bytes.
    Ranges {
        /// Which parts.
        ranges: Ranges,
        /// Bytes in all.
        size: u64,
        /// How many ranges are asked for.
        asked: usize,
    },
}
