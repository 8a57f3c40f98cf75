//! What an address asks of the server: everything is in the query.

use std::{fmt, str::FromStr, time::Duration};

use clap::ValueEnum;
use humantime::{format_duration, parse_duration};
use serde::{Deserialize, Serialize};

use crate::{arguments::name, digest::Digest, input::Input};

/// One reply: its delay, its contents, and its fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    /// How long the server waits before it replies.
    pub delay: Duration,
    /// Bytes of the body.
    pub size: u64,
    /// The seed of the bytes,
    pub seed: u64,
    /// and the number of the page generated from it.
    pub page: u64,
    /// The fault, if any.
    pub fault: Option<Fault>,
}

/// What can go wrong with a reply. The slowest come first.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    ValueEnum,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The request is accepted, and nothing comes
    Silent,
    /// A byte every now and then, forever
    Endless,
    /// Nobody listens at the port
    Refused,
    /// The connection ends halfway through the announced length
    Cut,
    /// The address redirects to itself
    Redirects,
    /// The server reports an internal error in its status
    Status,
    /// One byte more than the client accepts
    Oversized,
}

/// As a path with a query, which any tool accepts.
impl fmt::Display for Wish {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wish { delay, size, seed, page, fault } = self;
        formatter.write_str("/?")?;
        if !delay.is_zero() {
            let delay = format_duration(*delay).to_string();
            write!(formatter, "delay={}&", delay.replace(' ', ""))?;
        }
        write!(formatter, "size={size}&seed={seed}&page={page}")?;
        match fault {
            Some(fault) => write!(formatter, "&fault={}", name(fault)),
            None => Ok(()),
        }
    }
}

impl FromStr for Wish {
    type Err = String;

    /// Missing values are zero; unknown ones are an error.
    fn from_str(path: &str) -> Result<Self, String> {
        let query = path.strip_prefix("/?").ok_or("not a / and a query")?;
        let mut wish = Wish::default();
        for part in query.split('&') {
            let (key, value) = part.split_once('=').ok_or("no value")?;
            wish.set(key, value).ok_or_else(|| format!("unknown: {part}"))?;
        }
        Ok(wish)
    }
}

impl Wish {
    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "delay" => self.delay = parse_duration(value).ok()?,
            "size" => self.size = value.parse().ok()?,
            "seed" => self.seed = value.parse().ok()?,
            "page" => self.page = value.parse().ok()?,
            "fault" => self.fault = Some(Fault::from_str(value, false).ok()?),
            _ => return None,
        }
        Some(())
    }

    /// The requested body, from its first byte.
    pub fn body(&self) -> Body {
        Body { input: Input::new(self.seed, self.page), left: self.size }
    }
}

/// The rest of a body.
#[derive(Debug, Clone)]
pub struct Body {
    input: Input,
    left: u64,
}

/// Bytes generated at once, so that no body has to fit into memory. It is a
/// multiple of the input's word size.
pub const PIECE: usize = 1 << 16;

impl Body {
    /// Drops the second half.
    pub fn cut(mut self) -> Self {
        self.left /= 2;
        self
    }

    /// Appends the next piece, if there is one.
    pub fn append_to(&mut self, bytes: &mut Vec<u8>) -> bool {
        let piece = self.left.min(PIECE as u64) as usize;
        let start = bytes.len();
        bytes.resize(start + piece, 0);
        self.input.fill(&mut bytes[start..]);
        self.left -= piece as u64;
        piece > 0
    }

    /// The digest of the whole body: known without trusting any server.
    pub fn digest(mut self) -> String {
        let (mut digest, mut piece) = (Digest::new(), Vec::new());
        while self.append_to(&mut piece) {
            digest.bytes(&piece);
            piece.clear();
        }
        digest.hex()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn wishes() -> impl Strategy<Value = Wish> {
        let fault = prop::option::of(prop::sample::select(
            Fault::value_variants().to_vec(),
        ));
        let delay = prop_oneof![
            (0..=u32::MAX).prop_map(|count| count * Duration::from_micros(500)),
            (any::<u64>(), 0..1_000_000_000_u32)
                .prop_map(|(seconds, rest)| Duration::new(seconds, rest)),
        ];
        (delay, any::<u64>(), any::<u64>(), any::<u64>(), fault).prop_map(
            |(delay, size, seed, page, fault)| Wish {
                delay,
                size,
                seed,
                page,
                fault,
            },
        )
    }

    proptest! {
        #[test]
        fn an_address_says_it_all(wish in wishes()) {
            prop_assert_eq!(wish.to_string().parse(), Ok(wish));
        }

        #[test]
        fn no_address_is_too_strange(path in "\\PC*") {
            let _ = path.parse::<Wish>();
            let _ = format!("/?{path}").parse::<Wish>();
        }
    }

    #[test]
    fn is_written_as_a_person_would() {
        let mut wish = Wish { size: 10_000, seed: 1, ..Wish::default() };
        wish.page = 17;
        assert_eq!(wish.to_string(), "/?size=10000&seed=1&page=17");
        wish.delay = Duration::from_millis(1050);
        wish.fault = Some(Fault::Cut);
        assert_eq!(
            wish.to_string(),
            "/?delay=1s50ms&size=10000&seed=1&page=17&fault=cut"
        );
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        for path in
            ["", "/", "/?", "/?size", "/?size=x", "/?speed=1", "?size=1"]
        {
            assert!(path.parse::<Wish>().is_err(), "{path}");
        }
        let error = "/?fault=boredom".parse::<Wish>().unwrap_err();
        assert!(error.contains("fault=boredom"), "{error}");
    }

    /// Compared with the whole body, generated at once.
    #[test]
    fn a_body_is_the_same_in_pieces() {
        let size = 2 * PIECE + 5;
        let mut whole = vec![0; size];
        Input::new(3, 4).fill(&mut whole);
        let wish =
            Wish { size: size as u64, seed: 3, page: 4, ..Wish::default() };
        let (mut body, mut pieces) = (wish.body(), Vec::new());
        while body.append_to(&mut pieces) {}
        assert!(pieces == whole);
        let expected = Digest::new().bytes(&whole).hex();
        assert_eq!(wish.body().digest(), expected);
        let (mut half, mut pieces) = (wish.body().cut(), Vec::new());
        while half.append_to(&mut pieces) {}
        assert!(pieces == whole[..size / 2]);
    }
}
