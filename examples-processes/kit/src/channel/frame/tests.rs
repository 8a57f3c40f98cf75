#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod heap;

use std::{
    any::type_name,
    collections::HashMap,
    hash::{BuildHasherDefault, DefaultHasher},
    io::{self, BufReader, Write},
    os::unix::net::UnixStream,
    thread,
    time::Instant,
};

use common::input::Input;
use serde::{Deserialize, Serializer};

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Event {
    Quiet,
    Key(char),
    Moved(i32, i32),
    Named { name: String, tags: Vec<String>, parent: Option<u64> },
}

/// Its order, and so its frame, is always the same.
type Map = HashMap<u32, u64, BuildHasherDefault<DefaultHasher>>;

/// How much a map allocates for its announced length: 1 MiB of entries (serde's
/// `size_hint::cautious`), in a table of which at most seven places in eight
/// are used, and whose size is a power of two.
const MAP_AT_ONCE: usize = 3 << 20;

/// A frame, and the properties of its type.
struct Sample {
    frame: Vec<u8>,
    decode: fn(&[u8]) -> Result<(), Corrupt>,
    receive: fn(&[u8]) -> Result<(), RecvError>,
    /// How much one byte can allocate: an element at each level of nesting.
    bytes_per_byte: usize,
    bytes_at_once: usize,
}

fn sample<T>(message: T, bytes_per_byte: usize) -> Sample
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let frame = framed(&message);
    assert_eq!(decode::<T>(&frame).unwrap(), message);
    let mut stream = &frame[..];
    let received: T = Incoming::default().receive(&mut stream).unwrap();
    assert_eq!((received, stream), (message, &[][..]));
    Sample {
        frame,
        decode: |frame| decode::<T>(frame).map(drop),
        receive: |mut stream| {
            Incoming::default().receive::<T>(&mut stream).map(drop)
        },
        bytes_per_byte,
        bytes_at_once: 0,
    }
}

fn framed(message: &impl Serialize) -> Vec<u8> {
    let mut frame = Vec::new();
    encode(message, &mut frame).unwrap();
    frame
}

/// A frame around any payload, which need not be a message.
fn sealed(payload: &[u8]) -> Vec<u8> {
    let mut frame = [&[0; HEADER], payload].concat();
    seal(&mut frame);
    frame
}

fn samples() -> Vec<Sample> {
    let name = "Grüße, 世界".to_owned();
    let tags = vec![name.clone(), String::new(), "ink".into()];
    let events = vec![
        Event::Quiet,
        Event::Key('ß'),
        Event::Moved(-1, i32::MAX),
        Event::Named { name: name.clone(), tags, parent: Some(u64::MAX) },
    ];
    let nested = vec![
        vec![vec![1_u32, 70_000], vec![]],
        vec![],
        vec![vec![u32::MAX; 9]],
    ];
    let vec = size_of::<Vec<u8>>();
    let map: Map = (0..9).map(|key| (key, 1 << key)).collect();
    vec![
        sample((), 0),
        sample(0_u8, 0),
        sample(u64::MAX, 0),
        sample((-1_i128, 1.5_f64, true, 'x'), 0),
        sample(name, 1),
        sample(vec![7_u8; 200], 1),
        sample(nested, vec + vec + 4),
        sample(events, size_of::<Event>() + vec + 1),
        sample(Some(Event::Moved(1, 2)), vec + 1),
        Sample { bytes_at_once: MAP_AT_ONCE, ..sample(map, 0) },
    ]
}

/// A sample with a payload of a little more than 64 KiB.
fn large() -> Sample {
    let mut input = Input::new(1, 0);
    let numbers: Vec<u64> =
        (0..14_000).map(|_| u64::from(input.below(u32::MAX))).collect();
    let large = sample(numbers, 8);
    assert!(large.frame.len() > 64 << 10, "{}", large.frame.len());
    large
}

/// As in Python: `zlib.crc32(b"\5\0\0\0" + payload)`.
#[test]
fn the_format_is_as_written() {
    let payload = [2, b'a', b'b', 0xac, 0x02];
    let header = [5, 0, 0, 0, 0x60, 0x1f, 0x2b, 0xf2];
    assert_eq!(framed(&("ab", 300_u16)), [&header[..], &payload].concat());
}

#[test]
fn every_truncation_is_refused() {
    for sample in samples().iter().chain([&large()]) {
        for length in 0..sample.frame.len() {
            let cut = &sample.frame[..length];
            let error = (sample.decode)(cut).unwrap_err();
            assert!(
                matches!(error, Corrupt::Cut { after } if after == length),
                "{length} of {}: {error}",
                sample.frame.len()
            );
            match (sample.receive)(cut).unwrap_err() {
                RecvError::Disconnected if length == 0 => {}
                RecvError::Corrupt(Corrupt::Cut { after }) => {
                    assert_eq!(after, length);
                }
                error => panic!("after {length}: {error}"),
            }
        }
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    for sample in samples() {
        for bit in 0..sample.frame.len() * 8 {
            refuses_flipped(&sample, bit);
        }
    }
    let (large, mut input) = (large(), Input::new(1, 1));
    let payload = large.frame.len() - HEADER;
    let sampled = (0..2000)
        .map(|_| HEADER * 8 + input.below(payload as u32 * 8) as usize);
    for bit in (0..HEADER * 8).chain(sampled) {
        refuses_flipped(&large, bit);
    }
}

fn refuses_flipped(sample: &Sample, bit: usize) {
    let mut frame = sample.frame.clone();
    frame[bit / 8] ^= 1 << (bit % 8);
    assert!((sample.decode)(&frame).is_err(), "bit {bit}");
    assert!((sample.receive)(&frame).is_err(), "bit {bit}");
}

#[test]
fn reads_no_further_than_the_frame() {
    let frames = [framed(&"a".repeat(10_000)), framed(&"b"), framed(&"c")];
    let (whole, mut incoming) = (frames.concat(), Incoming::default());
    let mut stream = &whole[..];
    for place in 0..frames.len() {
        incoming.receive::<String>(&mut stream).unwrap();
        assert_eq!(stream, frames[place + 1..].concat());
    }
}

#[test]
fn refuses_what_is_no_message() {
    for (frame, reason) in [
        (vec![255; HEADER], "announces 4294967295 bytes"),
        (vec![1, 0, 0, 4, 0, 0, 0, 0], "announces 67108865 bytes"),
        (sealed(&[1, 1]), "1 trailing bytes"),
        (sealed(&[200]), "cannot decode a frame"),
        (sealed(&[]), "cannot decode a frame"),
        ([sealed(&[1]), vec![0]].concat(), "1 trailing bytes"),
        (vec![0; HEADER], "announces the checksum 0x00000000"),
    ] {
        let error = decode::<u16>(&frame).unwrap_err().to_string();
        assert!(error.contains(reason), "{frame:?}: {error}");
    }
}

#[test]
fn refuses_to_send_what_would_be_refused() {
    let mut frame = Vec::new();
    let longest = vec![1_u8; LONGEST_PAYLOAD - 4];
    encode(&longest, &mut frame).unwrap();
    assert_eq!(decode::<Vec<u8>>(&frame).unwrap(), longest);
    let error = encode(&(0_u8, longest), &mut frame).unwrap_err();
    assert!(error.to_string().contains("67108865"), "{error}");
    assert!(matches!(encode(&Endless, &mut frame), Err(SendError::Encode(_))));
    encode(&7_u8, &mut frame).unwrap();
    assert_eq!(frame, framed(&7_u8), "what failed leaves nothing behind");
}

/// A sequence of unknown length, which `postcard` needs to know.
struct Endless;

impl Serialize for Endless {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq((0..9).filter(|number| number % 2 == 0))
    }
}

#[test]
fn memory_is_had_only_as_bytes_come() {
    let length = (LONGEST_PAYLOAD as u32).to_le_bytes();
    for came in [0, 1, LEAST_ROOM, 100_000, 1 << 20] {
        let stream = [&length[..], &[0; 4], &vec![1; came]].concat();
        let (peak, received) = heap::peak(|| {
            Incoming::default().receive::<Vec<u8>>(&mut &stream[..])
        });
        assert!(matches!(
            received,
            Err(RecvError::Corrupt(Corrupt::Cut { .. }))
        ));
        // The buffer doubles when it is full, and the old and the new one live
        // at once.
        assert!(peak <= 3 * (LEAST_ROOM + came), "{peak} bytes for {came}");
    }
}

#[test]
fn a_length_within_a_payload_allocates_next_to_nothing() {
    for length in [1 << 20, 1 << 40, u64::MAX / 8, u64::MAX] {
        let payload = postcard::to_stdvec(&(length, [7_u8; 9])).unwrap();
        let frame = sealed(&payload);
        refuses_within::<Vec<u64>>(4096, &frame);
        refuses_within::<Vec<[u64; 8]>>(4096, &frame);
        refuses_within::<Vec<Event>>(4096, &frame);
        refuses_within::<Vec<Vec<Vec<u32>>>>(4096, &frame);
        refuses_within::<Vec<String>>(4096, &frame);
        refuses_within::<String>(4096, &frame);
        refuses_within::<Map>(MAP_AT_ONCE, &frame);
    }
}

fn refuses_within<T: DeserializeOwned>(most: usize, frame: &[u8]) {
    let (peak, message) = heap::peak(|| decode::<T>(frame));
    assert!(message.is_err());
    assert!(peak <= most, "{peak} bytes for {}", type_name::<T>());
}

/// The outcomes of mutated frames.
#[derive(Debug, Default)]
struct Fates {
    misframed: u64,
    checksum: u64,
    undecodable: u64,
    decoded: u64,
    peak: usize,
}

/// With `--nocapture` it prints the counts and the time.
#[test]
fn ten_million_mutated_frames_are_refused_or_decoded() {
    let (samples, start) = (samples(), Instant::now());
    let (mut input, mut fates) = (Input::new(1, 2), Fates::default());
    let mut frame = Vec::new();
    for _ in 0..MUTATED_FRAMES {
        let sample = one_of(&samples, &mut input);
        sample.frame.clone_into(&mut frame);
        for _ in 0..=input.below(3) {
            mutate(&mut frame, one_of(&samples, &mut input), &mut input);
        }
        let is_repaired = repair(&mut frame, &mut input);
        let is_message = fates.meet(sample, &frame);
        let is_whole = || samples.iter().any(|whole| whole.frame == frame);
        assert!(!is_message || is_repaired || is_whole(), "{frame:?}");
    }
    println!("{fates:?} in {:?}", start.elapsed());
    // All outcomes are frequent, so the test covers what it claims to.
    let all = MUTATED_FRAMES / 20;
    assert!(fates.misframed > all && fates.checksum > all);
    assert!(fates.undecodable > all && fates.decoded > all);
}

const MUTATED_FRAMES: u64 = 10_000_000;

fn one_of<'a>(samples: &'a [Sample], input: &mut Input) -> &'a Sample {
    &samples[input.below(samples.len() as u32) as usize]
}

fn mutate(frame: &mut Vec<u8>, other: &Sample, input: &mut Input) {
    let other = &other.frame;
    let mut below = |bound: usize| input.below(bound as u32) as usize;
    let Some(last) = frame.len().checked_sub(1) else {
        return frame.extend(other);
    };
    let (place, byte) = (below(last + 1), below(256) as u8);
    match below(8) {
        0 => frame[place] ^= 1 << below(8),
        1 => frame[place] = byte,
        2 => frame.insert(place, byte),
        3 => drop(frame.drain(place..place + 1 + below(last + 1 - place))),
        // Replaces a number with a large one: often a length in the payload.
        4 => {
            let digits = 1 + below(10);
            let end = frame.len().min(place + 1);
            let number = [vec![byte | 128; digits], vec![1]].concat();
            drop(frame.splice(place..end, number));
        }
        // The length in the header.
        5 => frame[below(4).min(last)] = byte,
        6 => {
            frame.truncate(place);
            frame.extend(&other[below(other.len())..]);
        }
        _ => frame.extend_from_within(place..),
    }
}

/// Half of the frames get a correct header, so that `postcard` sees them, and
/// some of the others get one in which only the length is correct.
fn repair(frame: &mut [u8], input: &mut Input) -> bool {
    let kind = input.below(8);
    if frame.len() < HEADER || kind < 2 {
        return false;
    }
    seal(frame);
    if kind < 4 {
        frame[HEADER - 1] ^= 1;
    }
    kind >= 4
}

impl Fates {
    /// Decodes a frame within bounds, and returns whether it was a message.
    fn meet(&mut self, sample: &Sample, frame: &[u8]) -> bool {
        let (peak, decoded) = heap::peak(|| (sample.decode)(frame));
        // A doubling buffer takes at most three times what arrived, with the
        // old one (2.84 was seen), and has room for eight elements at least.
        let most = 3 * sample.bytes_per_byte * (frame.len() + 8);
        assert!(peak <= most + sample.bytes_at_once, "{peak}: {frame:?}");
        self.peak = self.peak.max(peak);
        let is_message = decoded.is_ok();
        *match decoded {
            Ok(()) => &mut self.decoded,
            Err(Corrupt::Checksum { .. }) => &mut self.checksum,
            Err(Corrupt::Decode(_)) => &mut self.undecodable,
            Err(_) => &mut self.misframed,
        } += 1;
        is_message
    }
}

/// Reads or writes one byte at a time, with a signal now and then.
struct Halting<S> {
    stream: S,
    input: Input,
}

impl<S> Halting<S> {
    fn new(stream: S, number: u64) -> Self {
        Halting { stream, input: Input::new(1, number) }
    }

    fn halt(&mut self) -> io::Result<()> {
        match self.input.below(3) {
            0 => Err(ErrorKind::Interrupted.into()),
            _ => Ok(()),
        }
    }
}

impl<S: Read> Read for Halting<S> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.halt()?;
        let most = room.len().min(1);
        self.stream.read(&mut room[..most])
    }
}

impl<S: Write> Write for Halting<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.halt()?;
        self.stream.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.halt()
    }
}

#[test]
fn halting_streams_lose_nothing() {
    let (reader, writer) = io::pipe().unwrap();
    arrives_whole(Halting::new(reader, 3), Halting::new(writer, 4));
    let (reader, writer) = UnixStream::pair().unwrap();
    arrives_whole(Halting::new(reader, 5), Halting::new(writer, 6));
    let (reader, writer) = io::pipe().unwrap();
    let reader = BufReader::new(Halting::new(reader, 7));
    arrives_whole(reader, Halting::new(writer, 8));
}

/// Sends thousands of messages, from empty to long.
fn arrives_whole(mut reader: impl Read, mut writer: impl Write + Send) {
    let messages = || {
        let mut input = Input::new(1, 9);
        (0..3000).map(move |number| {
            let most = if number % 100 == 0 { 20_000 } else { 80 };
            vec![number as u8; input.below(most) as usize]
        })
    };
    // A `move` closure, or a failure would leave the writer waiting.
    thread::scope(move |scope| {
        scope.spawn(move || {
            let mut frame = Vec::new();
            for message in messages() {
                encode(&message, &mut frame).unwrap();
                writer.write_all(&frame).unwrap();
            }
        });
        let mut incoming = Incoming::default();
        for message in messages() {
            assert_eq!(
                message,
                incoming.receive::<Vec<u8>>(&mut reader).unwrap()
            );
        }
        let end = incoming.receive::<Vec<u8>>(&mut reader);
        assert!(matches!(end, Err(RecvError::Disconnected)), "{end:?}");
    });
}
