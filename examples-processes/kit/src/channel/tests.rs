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

/// Far beyond what anything here takes, also on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// What no pipe or socket has room for.
const MUCH: usize = 4 << 20;

/// One channel of each transport.
fn channels<T>() -> Vec<(Sender<T>, Receiver<T>)> {
    let mut channels = Vec::from(carried());
    channels.push(ring(2 * MUCH).unwrap());
    channels
}

/// One channel of each transport that the kernel carries.
fn carried<T>() -> [(Sender<T>, Receiver<T>); 2] {
    [pipe().unwrap(), socket_pair().unwrap()]
}

/// A receiver of what is written by hand.
fn by_hand<T>() -> (PipeWriter, Receiver<T>) {
    let (reader, writer) = io::pipe().unwrap();
    (writer, Receiver::of(Source::pipe(reader)))
}

fn framed(message: &impl Serialize) -> Vec<u8> {
    let mut frame = Vec::new();
    frame::encode(message, &mut frame).unwrap();
    frame
}

/// Does the work on a thread, so that a hang is an error.
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
    for (mut sender, receiver) in channels() {
        let sending = thread::spawn(move || {
            messages().try_for_each(|message| sender.send(&message))
        });
        let received: Vec<(u32, Vec<u8>)> =
            soon(|| receiver.into_iter().map(Result::unwrap).collect());
        assert!(messages().eq(received));
        sending.join().unwrap().unwrap();
    }
}

#[test]
fn a_dropped_sender_is_the_end() {
    for (mut sender, mut receiver) in channels() {
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
}

#[test]
fn a_dropped_receiver_is_told() {
    for (mut sender, mut receiver) in channels::<u8>() {
        sender.send(&1).unwrap();
        assert_eq!(receiver.recv().unwrap(), 1);
        drop(receiver);
        for _ in 0..2 {
            let sent = sender.send(&2);
            assert!(matches!(sent, Err(SendError::Disconnected)), "{sent:?}");
        }
    }
}

#[test]
fn a_sender_that_waits_is_told_too() {
    for (mut sender, receiver) in carried::<u8>() {
        fill(sender.descriptors()[0]);
        let sending = thread::spawn(move || sender.send(&7));
        interrupt(&sending);
        drop(receiver);
        let sent = soon(|| sending.join().unwrap());
        assert!(matches!(sent, Err(SendError::Disconnected)), "{sent:?}");
    }
}

/// To the last byte, so that not even part of a frame can follow.
fn fill(end: BorrowedFd<'_>) {
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
        assert!(cut.contains(&format!("cut after {half} bytes")), "{cut}");
        assert!(receiver.iter().next().is_none());
    }
}

#[test]
fn no_time_at_all_takes_what_is_there() {
    for (mut sender, receiver) in channels() {
        let mut receiver = comes_to_nothing(receiver, Duration::ZERO);
        for number in 0..3_u8 {
            sender.send(&number).unwrap();
        }
        for number in 0..3 {
            let received = receiver.recv_timeout(Duration::ZERO);
            assert_eq!(received.unwrap(), number);
        }
    }
}

/// Each call takes what there is, until all is there.
#[test]
fn a_long_message_comes_in_many_calls() {
    for (mut sender, mut receiver) in channels() {
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
}

#[test]
fn all_the_time_there_is_is_no_limit() {
    for (mut sender, mut receiver) in channels() {
        let receiving =
            thread::spawn(move || receiver.recv_timeout(Duration::MAX));
        sender.send(&1_u8).unwrap();
        assert_eq!(soon(|| receiving.join().unwrap()).unwrap(), 1);
    }
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
    assert!(receiver.descriptors().is_empty());
    let error = writer.write_all(&whole).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe, "the sender is told");
}

/// Of a message that was sent in part, the rest can never follow.
#[test]
fn a_torn_message_is_the_last() {
    for (mut sender, mut receiver) in carried() {
        ioctl_fionbio(sender.descriptors()[0], true).unwrap();
        let torn = sender.send(&vec![7_u8; MUCH]);
        assert!(matches!(torn, Err(SendError::Io(_))), "{torn:?}");
        let next = sender.send(&vec![]);
        assert!(matches!(next, Err(SendError::Disconnected)), "{next:?}");
        let cut = receiver.recv().unwrap_err().to_string();
        assert!(cut.contains("cut after"), "{cut}");
    }
}

#[test]
fn what_cannot_be_sent_leaves_the_channel_well() {
    for (mut sender, mut receiver) in channels::<Vec<u8>>() {
        let long = vec![1; frame::LONGEST_PAYLOAD];
        let (long, mut sender) = soon(move || (sender.send(&long), sender));
        assert!(matches!(
            long,
            Err(SendError::TooLong { length: 67108868, .. })
        ));
        sender.send(&vec![7]).unwrap();
        assert_eq!(receiver.recv().unwrap(), [7]);
    }
}

#[test]
fn the_way_back_of_a_socket_is_shut() {
    let (sender, receiver) = socket_pair::<u8>().unwrap();
    let taken = |ends: Vec<BorrowedFd<'_>>| -> UnixStream {
        ends[0].try_clone_to_owned().unwrap().into()
    };
    let mut wrong =
        Sender::<u8>::to(Sink::socket(taken(receiver.descriptors())));
    let sent = wrong.send(&1);
    assert!(matches!(sent, Err(SendError::Disconnected)), "{sent:?}");
    let end = Source::socket(taken(sender.descriptors()));
    let received = Receiver::<u8>::of(end).recv();
    assert!(matches!(received, Err(RecvError::Disconnected)), "{received:?}");
}

#[test]
fn signals_interrupt_nothing() {
    for (mut sender, mut receiver) in channels() {
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
}

#[test]
fn an_end_crosses_as_part_of_a_message() {
    for (sender, receiver) in channels::<u16>() {
        let (here, there) = Wire::pair().unwrap();
        here.send(&(7_u8, &sender, &receiver), &[]).unwrap();
        drop((sender, receiver));
        type Ends = (u8, Sender<u16>, Receiver<u16>);
        let (message, left) = there.receive::<Ends>().unwrap().unwrap();
        let (number, mut sender, mut receiver) = message;
        assert_eq!((number, left.len()), (7, 0));
        sender.send(&8).unwrap();
        assert_eq!(receiver.recv().unwrap(), 8);
        drop(sender);
        let end = soon(move || receiver.recv());
        assert!(matches!(end, Err(RecvError::Disconnected)), "{end:?}");
    }
}

#[test]
fn the_wrong_end_does_not_cross() {
    let refused = |message: &dyn Fn(&Wire)| {
        let (here, there) = Wire::pair().unwrap();
        message(&here);
        let came = there.receive::<Receiver<u8>>();
        came.map(drop).unwrap_err().to_string()
    };
    let (sender, _receiver) = pipe::<u8>().unwrap();
    let error = refused(&|wire| wire.send(&sender, &[]).unwrap());
    assert!(error.contains("not open for reading"), "{error}");
    let (_sender, ring) = ring::<u8>(4096).unwrap();
    let half = &ring.descriptors()[..1];
    let error = refused(&|wire| wire.send(&[0_u8].to_vec(), half).unwrap());
    assert!(error.contains("in part"), "{error}");
    let (sender, receiver) = pipe::<u8>().unwrap();
    let both = [receiver.descriptors(), sender.descriptors()].concat();
    let error = refused(&|wire| wire.send(&vec![0_u8, 1], &both).unwrap());
    assert!(error.contains("more came"), "{error}");
}

#[test]
fn an_end_in_use_stays_where_it_is() {
    let (mut sender, _receiver) = ring(4096).unwrap();
    sender.send(&1_u8).unwrap();
    let (here, _there) = Wire::pair().unwrap();
    let error = here.send(&sender, &[]).unwrap_err().to_string();
    assert!(error.contains("in use"), "{error}");
}
