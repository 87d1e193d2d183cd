//! What a connection takes.

use super::*;
use crate::http1::transport::Plain;

fn size_of_future<F>(_: impl FnOnce(Connection<Plain>) -> F) -> usize {
    size_of::<F>()
}

#[test]
fn an_idle_connection_is_less_than_a_kibibyte() {
    let size = size_of_future(Connection::run);
    assert!(size <= 1024, "{size} bytes");
}
