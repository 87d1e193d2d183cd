//! Content codings (RFC 9110 section 8.4.1) and what a client takes of them (`Accept-Encoding`, section 12.5.3).

use super::list::{elements, weighted};

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

    /// What the lines of `Accept-Encoding` say. What is not valid in them is passed over.
    ///
    /// Codings of one weight go by [`Coding::ALL`]. One that weighs less than `identity` is not sent; `*` stands for all
    /// that are not named.
    pub fn read<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut weights: [Option<u16>; 4] = [None; 4];
        let mut others = None;
        for (name, weight) in lines.flat_map(elements).filter_map(weighted) {
            let place = if name == b"*" { Some(&mut others) } else { slot(name).and_then(|at| weights.get_mut(at)) };
            if let Some(place) = place {
                place.get_or_insert(weight);
            }
        }
        let [identity, coded @ ..] = weights;
        let floor = identity.unwrap_or(0);
        let weigh = |weight: Option<u16>| weight.or(others).filter(|&weight| weight > 0 && weight >= floor);
        let mut ranked = [(0, Coding::Identity); 3];
        for ((slot, coding), weight) in ranked.iter_mut().zip(Coding::ALL).zip(coded) {
            if let Some(weight) = weigh(weight) {
                *slot = (weight, coding);
            }
        }
        // Stable: what weighs the same stays in our order.
        ranked.sort_by_key(|&(weight, _)| std::cmp::Reverse(weight));
        Accepted { order: ranked.map(|(_, coding)| coding), identity: identity.or(others) != Some(0) }
    }

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

/// Where the weight of a coding is kept: identity, then those of [`Coding::ALL`].
fn slot(name: &[u8]) -> Option<usize> {
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    if is("identity") {
        return Some(0);
    }
    // RFC 9110 section 8.4.1.3: x-gzip is the same.
    let at = Coding::ALL.iter().position(|coding| is(coding.name()) || (*coding == Coding::Gzip && is("x-gzip")))?;
    Some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> (Vec<&'static str>, bool) {
        let accepted = Accepted::read(lines.iter().map(|line| line.as_bytes()));
        (accepted.codings().map(Coding::name).collect(), accepted.identity())
    }

    #[test]
    fn what_a_client_takes_is_read_with_its_weights() {
        for (line, codings, identity) in [
            ("", &[][..], true),
            ("gzip", &["gzip"], true),
            ("x-gzip", &["gzip"], true),
            ("GZip", &["gzip"], true),
            ("gzip, deflate, br, zstd", &["br", "zstd", "gzip"], true),
            ("gzip;q=1, br;q=0.9", &["gzip", "br"], true),
            ("gzip;q=0", &[], true),
            ("br;q=0, gzip", &["gzip"], true),
            ("*", &["br", "zstd", "gzip"], true),
            ("*;q=0", &[], false),
            ("*, br;q=0", &["zstd", "gzip"], true),
            ("*;q=0.5, gzip", &["gzip", "br", "zstd"], true),
            ("gzip, *;q=0", &["gzip"], false),
            ("gzip, identity;q=0", &["gzip"], false),
            ("identity;q=0", &[], false),
            ("identity, *;q=0", &[], true),
            ("identity", &[], true),
            ("identity, gzip;q=0.5", &[], true),
            ("identity;q=0.5, gzip;q=0.5", &["gzip"], true),
            ("identity;q=0.5, gzip;q=0.4, br;q=0.6", &["br"], true),
            ("gzip;q=0.001", &["gzip"], true),
            ("gzip ; q=0.8 , br", &["br", "gzip"], true),
            ("gzip;q=high", &[], true),
            ("gzip;q=1.5, br", &["br"], true),
            ("deflate, compress", &[], true),
            (",,gzip,,", &["gzip"], true),
            ("gzip;q=0, gzip", &[], true),
            ("brotli", &[], true),
        ] {
            assert_eq!(read(&[line]), (codings.to_vec(), identity), "{line}");
        }
        assert_eq!(read(&[]), (vec![], true));
        assert_eq!(read(&["gzip", "br;q=0.5"]), (vec!["gzip", "br"], true));
    }
}
