//! Content made smaller, once, by a thread that may take its time.

use crate::core::encoding::Coding;
use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// Files are compressed on the fly from this many bytes on: below, a response's head outweighs what is saved.
pub const FROM: u64 = 512;

/// Files are compressed on the fly up to this many bytes (1 MiB). Larger ones are better compressed beforehand, as a neighbour `.br`, `.zst` or
/// `.gz`.
pub const UP_TO: u64 = 1 << 20;

/// Brotli's quality, of 11: most of what there is to win, at some 20 MB/s.
const BROTLI: i32 = 6;

/// Zstd's level, of 19.
const ZSTD: i32 = 9;

/// Gzip's level, of 9.
const GZIP: u32 = 6;

/// The content in a coding. `None`: that would save less than an eighth, or there is too little memory.
pub fn compress(content: &[u8], coding: Coding) -> Option<Vec<u8>> {
    let made = match coding {
        Coding::Identity => None,
        Coding::Gzip => gzip(content),
        Coding::Zstd => zstd::bulk::compress(content, ZSTD).ok(),
        Coding::Brotli => brotli(content),
    };
    made.filter(|made| made.len() < content.len() - content.len() / 8)
}

fn gzip(content: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(content.len() / 2), Compression::new(GZIP));
    encoder.write_all(content).ok()?;
    encoder.finish().ok()
}

fn brotli(content: &[u8]) -> Option<Vec<u8>> {
    let parameters = BrotliEncoderParams {
        quality: BROTLI,
        // 1 MiB: more is never compressed here.
        lgwin: 20,
        size_hint: content.len(),
        ..BrotliEncoderParams::default()
    };
    let mut made = Vec::with_capacity(content.len() / 2);
    brotli::BrotliCompress(&mut &content[..], &mut made, &parameters).ok()?;
    Some(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn back(made: &[u8], coding: Coding) -> Vec<u8> {
        let mut content = Vec::new();
        match coding {
            Coding::Identity => content.extend(made),
            Coding::Gzip => drop(flate2::read::GzDecoder::new(made).read_to_end(&mut content).unwrap()),
            Coding::Zstd => content = zstd::stream::decode_all(made).unwrap(),
            Coding::Brotli => brotli::BrotliDecompress(&mut &made[..], &mut content).unwrap(),
        }
        content
    }

    #[test]
    fn what_is_compressed_comes_back_byte_for_byte() {
        let texts = ["a".repeat(600), "Las puertas se abren. ".repeat(4000), "\0\u{1}\u{ff}".repeat(300_000)];
        for text in &texts {
            for coding in Coding::ALL {
                let made = compress(text.as_bytes(), coding).unwrap();
                assert!(made.len() < text.len() / 8, "{coding:?}");
                assert_eq!(back(&made, coding), text.as_bytes(), "{coding:?}");
            }
        }
    }

    #[test]
    fn what_would_hardly_become_smaller_is_left_alone() {
        let mut noise = vec![0; 100_000];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        for coding in Coding::ALL {
            assert_eq!(compress(&noise, coding), None, "{coding:?}");
            assert_eq!(compress(b"", coding), None, "{coding:?}");
        }
    }
}
