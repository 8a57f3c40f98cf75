//! A stream of long messages, where only the copying is measured.
//!
//! All messages are alike, and created before the clock starts. Each gets its
//! number, by which the receiver recognizes the next one. Nobody writes or
//! reads the other words: the warm-up has already verified that copies are
//! complete.

use std::time::Instant;

use anyhow::{Result, ensure};
use common::scenarios::ipc::{Message, Parcel, Plan, Receives, Sends};

use crate::end::{acknowledge, wait_until_acknowledged};

/// The near end: seconds per message.
pub fn pour<P: Parcel>(
    plan: &Plan,
    sender: &mut impl Sends<P>,
    receiver: &mut impl Receives<P>,
) -> Result<f64> {
    let mut parcel = P::with_words(plan.words());
    Message::new(plan, 1).write(parcel.words_mut());
    let start = Instant::now();
    for sequence in 1..=plan.messages {
        if let [first, ..] = parcel.words_mut() {
            *first = sequence.into();
        }
        sender.send(&mut parcel)?;
    }
    wait_until_acknowledged(plan, receiver)?;
    Ok(start.elapsed().as_secs_f64() / f64::from(plan.messages))
}

/// The far end.
pub fn drain<P: Parcel>(
    plan: &Plan,
    receiver: &mut impl Receives<P>,
    sender: &mut impl Sends<P>,
) -> Result<()> {
    let mut parcel = P::with_words(plan.words());
    for sequence in 1..=plan.messages {
        receiver.receive(&mut parcel)?;
        let words = parcel.words();
        ensure!(
            words.len() == plan.words() && words[0] == u64::from(sequence),
            "expected message {sequence}, but got another one"
        );
    }
    acknowledge(plan, sender)
}
