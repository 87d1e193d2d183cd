//! Text from outside made visible.
