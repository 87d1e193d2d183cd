//! Content codings (RFC 9110 section 8.4.1) and what a client takes of them (`Accept-Encoding`, section 12.5.3).

/// A content coding that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// The bytes as they are.
    Identity,
    /// RFC 1952; the neighbour ends in `.gz`.
    Gzip,
    /// RFC 8878; the neighbour ends in `.zst`.
    Zstd,
    /// RFC 7932; the neighbour ends in `.br`.
    Brotli,
}

/// Which codings a client takes, best first. Cheap to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Those it would rather have than identity, best first; `Identity` fills the rest.
    order: [Coding; 3],
    /// Whether the bytes as they are will do. They always do unless a client says `identity;q=0` or `*;q=0`.
    identity: bool,
}

impl Coding {
    /// Those that make content smaller, best first where a client does not care.
    pub const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

    /// As `Content-Encoding` names it: `br`.
    pub const fn name(self) -> &'static str {
        match self {
            Coding::Identity => "identity",
            Coding::Gzip => "gzip",
            Coding::Zstd => "zstd",
            Coding::Brotli => "br",
        }
    }

    /// What a precompressed neighbour's name ends in: `.br`; nothing for identity.
    pub const fn suffix(self) -> &'static str {
        match self {
            Coding::Identity => "",
            Coding::Gzip => ".gz",
            Coding::Zstd => ".zst",
            Coding::Brotli => ".br",
        }
    }
}

impl Accepted {
    /// What a client takes that says nothing: identity alone. (It may be sent anything, but programs that say nothing seldom
    /// decode.)
    pub const IDENTITY: Accepted = Accepted { order: [Coding::Identity; 3], identity: true };

    /// The codings that the client would rather have than the bytes as they are, best first. A store takes the first that it
    /// has or can make, else identity.
    pub fn codings(&self) -> impl Iterator<Item = Coding> {
        self.order.into_iter().filter(|&coding| coding != Coding::Identity)
    }

    /// Whether the bytes as they are will do; if not and no coding is there, the answer is 406.
    pub fn identity(&self) -> bool {
        self.identity
    }
}
