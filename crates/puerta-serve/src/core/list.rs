//! Lists of fields (RFC 9110 section 5.6.1) and weights (section 12.4.2).

/// The elements of a list without white space around them; empty ones are passed over. Not for lists whose elements are quoted.
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(trim).filter(|element| !element.is_empty())
}

/// An element's name and its weight in thousandths, 1000 where none is given; `None` where the weight is not valid. Other
/// parameters are passed over.
pub(crate) fn weighted(element: &[u8]) -> Option<(&[u8], u16)> {
    let mut parts = element.split(|&b| b == b';').map(trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    for part in parts {
        if let [b'q' | b'Q', b'=', weight @ ..] = part {
            return Some((name, thousandths(weight)?));
        }
    }
    Some((name, 1000))
}

/// Spaces and tabs cut off both ends.
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// `0`, `0.5`, `1.000`: up to three digits behind the dot, and at most 1.
fn thousandths(weight: &[u8]) -> Option<u16> {
    let (whole, digits) = match weight {
        [whole @ (b'0' | b'1')] => (*whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', digits @ ..] if digits.len() <= 3 => (*whole, digits),
        _ => return None,
    };
    let mut sum = u16::from(whole - b'0') * 1000;
    for (&digit, worth) in digits.iter().zip([100, 10, 1]) {
        sum += u16::from(char::from(digit).to_digit(10).and_then(|digit| u8::try_from(digit).ok())?) * worth;
    }
    (sum <= 1000).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_at_most_three_digits_and_at_most_one() {
        for (text, weight) in [
            ("a", Some(1000)),
            ("a;q=1", Some(1000)),
            ("a;q=1.000", Some(1000)),
            ("a;q=0", Some(0)),
            ("a;q=0.", Some(0)),
            ("a;q=0.5", Some(500)),
            ("a ; Q=0.05", Some(50)),
            ("a;q=0.001", Some(1)),
            ("a;level=1;q=0.3", Some(300)),
            ("a;q=1.001", None),
            ("a;q=0.0001", None),
            ("a;q=2", None),
            ("a;q=.5", None),
            ("a;q=-0.5", None),
            ("a;q=", None),
            ("a;q=0.a", None),
            (";q=1", None),
        ] {
            assert_eq!(weighted(text.as_bytes()).map(|(_, weight)| weight), weight, "{text}");
        }
    }
}
