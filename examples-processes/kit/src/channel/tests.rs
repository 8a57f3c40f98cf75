#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fmt::Debug,
    io::{ErrorKind, PipeWriter, Write as _},
    panic::resume_unwind,
    sync::mpsc,
    thread,
};

use common::input::Input;
use rustix::io::{ioctl_fionbio, write};

use super::*;
use crate::{guard::signal::interrupt, start::wire::Wire};

/// Far longer than anything here takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// More than fits into any pipe.
const MUCH: usize = 4 << 20;

/// A receiver of bytes that are written by hand.
fn by_hand<T>() -> (PipeWriter, Receiver<T>) {
    let (reader, writer) = io::pipe().unwrap();
    (writer, Receiver::of(reader))
}

fn framed(message: &impl Serialize) -> Vec<u8> {
    let mut frame = Vec::new();
    frame::encode(message, &mut frame).unwrap();
    frame
}

/// Runs `work` on a thread, so that a hang is an error.
fn soon<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, result) = mpsc::channel();
    let worker = thread::spawn(move || done.send(work()));
    match result.recv_timeout(DEADLINE) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(_) => resume_unwind(worker.join().unwrap_err()),
    }
}

#[test]
fn messages_arrive_in_order() {
    let messages = || {
        let mut input = Input::new(1, 0);
        (0..2000_u32).map(move |number| {
            let most = if number % 100 == 0 { 300_000 } else { 100 };
            (number, vec![number as u8; input.below(most) as usize])
        })
    };
    let (mut sender, receiver) = pipe().unwrap();
    let sending = thread::spawn(move || {
        messages().try_for_each(|message| sender.send(&message))
    });
    let received: Vec<(u32, Vec<u8>)> =
        soon(|| receiver.into_iter().map(Result::unwrap).collect());
    assert!(messages().eq(received));
    sending.join().unwrap().unwrap();
}

#[test]
fn a_dropped_sender_is_the_end() {
    let (mut sender, mut receiver) = pipe().unwrap();
    sender.send(&1_u8).unwrap();
    drop(sender);
    assert_eq!(receiver.recv().unwrap(), 1);
    for _ in 0..2 {
        let end = receiver.recv();
        assert!(matches!(end, Err(RecvError::Disconnected)), "{end:?}");
        let end = receiver.recv_timeout(DEADLINE);
        assert!(matches!(end, Err(RecvTimeoutError::Disconnected)));
    }
    assert!(receiver.iter().next().is_none());
}

#[test]
fn a_dropped_receiver_is_told() {
    let (mut sender, mut receiver) = pipe::<u8>().unwrap();
    sender.send(&1).unwrap();
    assert_eq!(receiver.recv().unwrap(), 1);
    drop(receiver);
    for _ in 0..2 {
        let sent = sender.send(&2);
        assert!(matches!(sent, Err(SendError::Disconnected)), "{sent:?}");
    }
}

#[test]
fn a_sender_that_waits_is_told_too() {
    let (mut sender, receiver) = pipe::<u8>().unwrap();
    fill(sender.pipe.as_ref().unwrap());
    let sending = thread::spawn(move || sender.send(&7));
    interrupt(&sending);
    drop(receiver);
    let sent = soon(|| sending.join().unwrap());
    assert!(matches!(sent, Err(SendError::Disconnected)), "{sent:?}");
}

/// Fills the pipe to the last byte, so that not even part of a frame fits.
fn fill(end: &PipeWriter) {
    ioctl_fionbio(end, true).unwrap();
    for bytes in [&[0; 1024][..], &[0]] {
        while write(end, bytes).is_ok() {}
    }
    ioctl_fionbio(end, false).unwrap();
}

#[test]
fn half_a_message_is_waited_for_and_kept() {
    let message = "half of it, then the rest".to_owned();
    let frame = framed(&message);
    for half in 0..frame.len() {
        let (mut writer, mut receiver) = by_hand::<String>();
        writer.write_all(&frame[..half]).unwrap();
        for patience in [Duration::ZERO, Duration::from_millis(1)] {
            receiver = comes_to_nothing(receiver, patience);
        }
        writer.write_all(&frame[half..]).unwrap();
        assert_eq!(receiver.recv_timeout(DEADLINE).unwrap(), message);
    }
}

fn comes_to_nothing<T: DeserializeOwned + Debug + 'static>(
    mut receiver: Receiver<T>,
    patience: Duration,
) -> Receiver<T> {
    let start = Instant::now();
    let (late, receiver) =
        soon(move || (receiver.recv_timeout(patience).err(), receiver));
    assert!(matches!(late, Some(RecvTimeoutError::Timeout)), "{late:?}");
    assert!(start.elapsed() >= patience);
    receiver
}

#[test]
fn half_a_message_is_cut_by_the_end() {
    let frame = framed(&"half of it");
    for half in 1..frame.len() {
        let (mut writer, mut receiver) = by_hand::<String>();
        writer.write_all(&frame[..half]).unwrap();
        drop(writer);
        let cut = receiver.recv().unwrap_err().to_string();
        assert!(cut.contains(&format!("cut off after {half} bytes")), "{cut}");
        assert!(receiver.iter().next().is_none());
    }
}

#[test]
fn no_time_at_all_takes_what_is_there() {
    let (mut sender, receiver) = pipe().unwrap();
    let mut receiver = comes_to_nothing(receiver, Duration::ZERO);
    for number in 0..3_u8 {
        sender.send(&number).unwrap();
    }
    for number in 0..3 {
        let received = receiver.recv_timeout(Duration::ZERO);
        assert_eq!(received.unwrap(), number);
    }
}

/// Each call takes what has arrived, until all has.
#[test]
fn a_long_message_comes_in_many_calls() {
    let (mut sender, mut receiver) = pipe().unwrap();
    let sending = thread::spawn(move || sender.send(&vec![7_u8; MUCH]));
    let (late, message) = soon(move || {
        let mut late = 0;
        loop {
            match receiver.recv_timeout(Duration::ZERO) {
                Err(RecvTimeoutError::Timeout) => late += 1,
                message => break (late, message),
            }
        }
    });
    assert_eq!(message.unwrap(), vec![7; MUCH]);
    assert!(late > 0);
    sending.join().unwrap().unwrap();
}

#[test]
fn all_the_time_there_is_is_no_limit() {
    let (mut sender, mut receiver) = pipe().unwrap();
    let receiving = thread::spawn(move || receiver.recv_timeout(Duration::MAX));
    sender.send(&1_u8).unwrap();
    assert_eq!(soon(|| receiving.join().unwrap()).unwrap(), 1);
}

#[test]
fn a_corrupt_stream_is_given_up() {
    let (mut writer, mut receiver) = by_hand::<u16>();
    let (whole, mut broken) = (framed(&1_u16), framed(&2_u16));
    broken[4] ^= 1;
    writer.write_all(&[&whole[..], &broken, &whole].concat()).unwrap();
    assert_eq!(receiver.recv().unwrap(), 1);
    let error = receiver.recv();
    assert!(matches!(error, Err(RecvError::Corrupt(_))), "{error:?}");
    for _ in 0..2 {
        let error = receiver.recv();
        assert!(matches!(error, Err(RecvError::Disconnected)), "{error:?}");
    }
    let crossing = Wire::pair().unwrap().0.send(&receiver);
    let error = crossing.unwrap_err().to_string();
    assert!(error.contains("hung up"), "{error}");
    let error = writer.write_all(&whole).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe, "the sender is told");
}

/// When part of a message was sent, the rest can never follow.
#[test]
fn a_torn_message_is_the_last() {
    let (mut sender, mut receiver) = pipe().unwrap();
    ioctl_fionbio(sender.pipe.as_ref().unwrap(), true).unwrap();
    let torn = sender.send(&vec![7_u8; MUCH]);
    assert!(matches!(torn, Err(SendError::Io(_))), "{torn:?}");
    let next = sender.send(&vec![]);
    assert!(matches!(next, Err(SendError::Disconnected)), "{next:?}");
    let cut = receiver.recv().unwrap_err().to_string();
    assert!(cut.contains("cut off after"), "{cut}");
}

#[test]
fn what_cannot_be_sent_leaves_the_channel_well() {
    let (mut sender, mut receiver) = pipe::<Vec<u8>>().unwrap();
    let long = vec![1; frame::LONGEST_PAYLOAD];
    let (long, mut sender) = soon(move || (sender.send(&long), sender));
    assert!(matches!(long, Err(SendError::TooLong { length: 67108868, .. })));
    sender.send(&vec![7]).unwrap();
    assert_eq!(receiver.recv().unwrap(), [7]);
}

#[test]
fn signals_interrupt_nothing() {
    let (mut sender, mut receiver) = pipe().unwrap();
    let receiving = thread::spawn(move || (receiver.recv(), receiver));
    interrupt(&receiving);
    sender.send(&vec![1_u8]).unwrap();
    let (message, mut receiver) = soon(|| receiving.join().unwrap());
    assert_eq!(message.unwrap(), [1]);

    let receiving =
        thread::spawn(move || (receiver.recv_timeout(DEADLINE), receiver));
    interrupt(&receiving);
    sender.send(&vec![2]).unwrap();
    let (message, mut receiver) = soon(|| receiving.join().unwrap());
    assert_eq!(message.unwrap(), [2]);

    let sending = thread::spawn(move || sender.send(&vec![3; MUCH]));
    interrupt(&sending);
    let message = receiver.recv_timeout(DEADLINE);
    assert_eq!(message.unwrap(), vec![3; MUCH]);
    soon(|| sending.join().unwrap()).unwrap();
}

#[test]
fn an_end_crosses_as_part_of_a_message() {
    let (sender, receiver) = pipe::<u16>().unwrap();
    let (here, there) = Wire::pair().unwrap();
    here.send(&(7_u8, &sender, &receiver)).unwrap();
    drop((sender, receiver));
    type Ends = (u8, Sender<u16>, Receiver<u16>);
    let (number, mut sender, mut receiver) =
        there.receive::<Ends>().unwrap().unwrap();
    assert_eq!(number, 7);
    sender.send(&8).unwrap();
    assert_eq!(receiver.recv().unwrap(), 8);
    drop(sender);
    let end = soon(move || receiver.recv());
    assert!(matches!(end, Err(RecvError::Disconnected)), "{end:?}");
}
