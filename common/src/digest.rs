//! The fingerprint of an answer: SHA-256, which Python's standard library also
//! has. A number is hashed as eight bytes, little-endian; a text as its length
//! and its UTF-8, so that no two answers have the same bytes.

use sha2::{Digest as _, Sha256};

/// An unfinished digest.
#[derive(Debug, Clone, Default)]
pub struct Digest(Sha256);

impl Digest {
    /// An empty digest.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.count(text.len() as u64);
        self.0.update(text);
        self
    }

    /// Adds a count.
    pub fn count(&mut self, count: u64) -> &mut Self {
        self.0.update(count.to_le_bytes());
        self
    }

    /// Adds raw bytes, piece by piece. Add their number separately, once it is
    /// known.
    pub fn bytes(&mut self, piece: &[u8]) -> &mut Self {
        self.0.update(piece);
        self
    }

    /// Adds integers, preceded by their number.
    pub fn integers(&mut self, integers: &[i64]) -> &mut Self {
        self.count(integers.len() as u64);
        for integer in integers {
            self.0.update(integer.to_le_bytes());
        }
        self
    }

    /// Adds floats bit for bit, preceded by their number. Minus zero counts as
    /// zero.
    pub fn floats(&mut self, floats: &[f64]) -> &mut Self {
        self.count(floats.len() as u64);
        for float in floats {
            self.0.update((float + 0.0).to_bits().to_le_bytes());
        }
        self
    }

    /// The digest of everything added, as 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        let bytes = self.0.clone().finalize();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected values are Python's: `hashlib.sha256(b"")`, and that of
    /// `struct.pack("<Q2sQQqQd", 2, b"ab", 7, 1, -1, 1, 1.5)`.
    #[test]
    fn is_the_plain_sha_256_of_the_bytes() {
        assert_eq!(
            Digest::new().hex(),
            "e3b0c44298fc1c149afbf4c8996fb924\
             27ae41e4649b934ca495991b7852b855"
        );
        let mut digest = Digest::new();
        digest.text("ab").count(7).integers(&[-1]).floats(&[1.5]);
        assert_eq!(
            digest.hex(),
            "bd2f009bef85f481f91762d69f130d9f\
             72d2df091794ed6f6b1aab2f806ae8b3"
        );
    }

    #[test]
    fn tells_apart_what_joins_alike() {
        let of = |parts: &[&str]| {
            let mut digest = Digest::new();
            for part in parts {
                digest.text(part);
            }
            digest.hex()
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["ab"]), of(&["ab", ""]));
    }
}
