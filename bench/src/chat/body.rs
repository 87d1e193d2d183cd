//! What is said: 128 bytes, printable, without blanks, each text another.

/// The bytes of a message, what a protocol puts around it not counted.
pub(crate) const SIZE: usize = 128;

/// How many members speak where many do; in a smaller room all.
pub(crate) const SPEAKERS: usize = 64;

/// How many digits of a body are its number.
const DIGITS: usize = 12;

/// The body with this number.
pub(crate) fn body(number: u64) -> Vec<u8> {
    let mut text = format!("{number:0DIGITS$}").into_bytes();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ number.wrapping_mul(0xff51_afd7_ed55_8ccd);
    while text.len() < SIZE {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push(b'a' + (state % 26) as u8);
    }
    text
}

/// The number that a body says it has.
pub(crate) fn number(body: &[u8]) -> Option<u64> {
    std::str::from_utf8(body.get(..DIGITS)?).ok()?.parse().ok()
}

/// Which member sends the message with this number, where so many speak in turn.
pub(crate) fn sender(number: u64, speakers: usize) -> usize {
    usize::try_from(number).unwrap_or_default() % speakers.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_differ_and_know_their_number() {
        assert_eq!((body(7).len(), number(&body(7))), (SIZE, Some(7)));
        assert_ne!(body(7)[DIGITS..], body(8)[DIGITS..]);
        assert!(body(9).iter().all(u8::is_ascii_alphanumeric));
    }
}
