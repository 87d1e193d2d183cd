//! Any bytes are read as a frame of any wire, and what a hub passes on of them reads the same; a stream may be cut anywhere.
#![no_main]

use puerta_talk::wire::{Cutter, Wire};

libfuzzer_sys::fuzz_target!(|input: (u8, u8, &[u8])| {
    let (wire, piece, bytes) = input;
    let wire = Wire::ALL[usize::from(wire) % Wire::ALL.len()];
    let decoded = wire.decode(bytes);
    let forwarded = wire.forward(bytes, &decoded.frame);
    assert_eq!(wire.decode(&forwarded).frame, decoded.frame);
    if let Ok(whole) = wire.encode(&decoded.frame) {
        assert_eq!(wire.decode(&whole).frame, decoded.frame);
        assert!(wire.frame_len().is_none_or(|len| whole.len() == len));
    }
    let mut cutter = Cutter::new(16);
    let mut frames = Vec::new();
    for part in bytes.chunks(usize::from(piece) + 1) {
        cutter.push(part);
        frames.extend(std::iter::from_fn(|| cutter.pop()).flatten());
    }
    assert_eq!(frames.len(), bytes.len() / 16 * 16);
    frames.extend(cutter.finish().unwrap_or_default());
    assert_eq!(frames, bytes);
});
