//! Style kept by a test that only tightens: see `tests/tidy.rs`.
