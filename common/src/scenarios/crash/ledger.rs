//! A ledger that can be repaired wherever in a transfer a worker died.

use std::{
    sync::atomic::{Ordering::SeqCst, compiler_fence},
    time::Duration,
};

use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};

use super::{LastWords, Order, Plan};
use crate::{
    arguments::MOST_WORKERS, laps::monotonic, scenarios::shared_state::Transfer,
};

/// The balances, and a write-ahead journal, as in databases: what will change,
/// and the old values. If a worker died before its transfer was finished, the
/// journal is open, and [`repair`](Ledger::repair) restores the old values. The
/// repair can be repeated any number of times, so the repairing worker may die
/// of it too.
///
/// The rejected alternative is to check the total, which shows that half a
/// transfer was made, but neither which half nor by which worker.
///
/// It is plain data, so that processes can share it in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Ledger {
    balances: [i64; Ledger::ACCOUNTS],
    /// How many transfers each worker has made: its heir continues there.
    made: [u64; MOST_WORKERS],
    journal: Entry,
    repairs: u64,
    is_anew: u64,
    /// Whether no transfer has been made since the death.
    is_awaited: u64,
    /// When the first transfer after the death was made, in nanoseconds.
    resumed: u64,
}

/// Everything that a transfer changes, with its old value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
struct Entry {
    is_open: u64,
    worker: u64,
    made: u64,
    accounts: [u64; 2],
    balances: [i64; 2],
}

impl Ledger {
    /// Few enough to read.
    pub const ACCOUNTS: usize = 16;

    /// The opening balance of every account.
    const OPENING: i64 = 100_000;

    /// The ledger before the first transfer.
    pub fn opening() -> Self {
        let balances = [Ledger::OPENING; Ledger::ACCOUNTS];
        Ledger { balances, ..Ledger::zeroed() }
    }

    /// The same, for workers that start over after a death.
    pub fn anew() -> Self {
        Ledger { is_anew: 1, is_awaited: 1, ..Ledger::opening() }
    }

    /// One of the two.
    pub fn first(is_anew: bool) -> Self {
        if is_anew { Ledger::anew() } else { Ledger::opening() }
    }

    /// How many transfers a worker and its predecessor have made.
    pub fn made(&self, worker: usize) -> u32 {
        self.made[worker] as u32
    }

    /// Records in the journal what the transfer will change.
    pub fn begin(&mut self, worker: usize, transfer: Transfer) {
        let accounts = [transfer.from, transfer.to];
        self.journal = Entry {
            is_open: 0,
            worker: worker as u64,
            made: self.made[worker],
            accounts: accounts.map(u64::from),
            balances: accounts.map(|account| self.balances[account as usize]),
        };
        in_this_order();
        self.journal.is_open = 1;
        in_this_order();
    }

    /// The first step: now the money is nowhere.
    pub fn debit(&mut self, transfer: Transfer) {
        self.balances[transfer.from as usize] -= i64::from(transfer.amount);
        in_this_order();
    }

    /// The second step.
    pub fn credit(&mut self, transfer: Transfer) {
        self.balances[transfer.to as usize] += i64::from(transfer.amount);
        in_this_order();
    }

    /// Counts the transfer and closes the journal: only now is it made.
    pub fn finish(&mut self) {
        self.made[self.journal.worker as usize] += 1;
        in_this_order();
        self.journal.is_open = 0;
        if self.is_awaited != 0 {
            self.is_awaited = 0;
            self.resumed = monotonic().as_nanos() as u64;
        }
    }

    /// Undoes an unfinished transfer.
    pub fn repair(&mut self) {
        let Entry { is_open, worker, made, accounts, balances } = self.journal;
        if is_open == 0 {
            return;
        }
        for (account, balance) in accounts.into_iter().zip(balances) {
            self.balances[account as usize] = balance;
        }
        self.made[worker as usize] = made;
        in_this_order();
        self.repairs += 1;
        self.journal.is_open = 0;
    }

    /// The last words of a worker that dies right after this.
    pub fn last_words(&mut self) -> LastWords {
        self.is_awaited = 1;
        LastWords::now(self.made.iter().sum())
    }

    /// Makes a transfer from a message, if it is the worker's next one.
    /// Otherwise it was made before, and an heir sent it again.
    pub fn make(&mut self, Order { worker, number, transfer }: Order) {
        if number == Order::FAREWELL {
            self.is_awaited = 1;
        }
        if self.made[worker as usize] == u64::from(number) {
            self.begin(worker as usize, transfer);
            self.debit(transfer);
            self.credit(transfer);
            self.finish();
        }
    }

    /// Whether every transfer is made.
    pub fn is_complete(&self, plan: &Plan) -> bool {
        let mut made = self.made[..plan.workers].iter();
        made.all(|&made| made == u64::from(plan.transfers))
    }

    /// The total of all accounts, which no transfer changes.
    pub fn total(&self) -> i64 {
        self.balances.iter().sum()
    }

    /// All balances.
    pub fn balances(&self) -> [i64; Ledger::ACCOUNTS] {
        self.balances
    }

    /// What a supervisor wants to know about it.
    pub fn report(&self) -> Report {
        Report {
            balances: self.balances,
            made: self.made.iter().sum(),
            repairs: self.repairs,
            is_anew: self.is_anew != 0,
            resumed: Duration::from_nanos(self.resumed),
        }
    }
}

/// A death is as sudden as a signal: whatever comes before this call in the
/// program is in memory before what comes after it. The processor keeps that
/// order for its own thread, and the kernel preserves what a dead thread wrote,
/// so only the compiler must be told.
fn in_this_order() {
    compiler_fence(SeqCst);
}

/// The final state of a ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// All balances.
    pub balances: [i64; Ledger::ACCOUNTS],
    /// Transfers of all workers.
    pub made: u64,
    /// How many half-made transfers were undone.
    pub repairs: u64,
    /// Whether the workers started over with it after the death.
    pub is_anew: bool,
    /// When the first transfer after the death was made.
    pub resumed: Duration,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scenarios::crash::tests::plans;

    /// Makes `made` transfers, and `steps` steps of one more. The last step,
    /// closing the journal, is always missing.
    fn interrupted(plan: &Plan, made: u32, steps: usize) -> Ledger {
        let mut ledger = Ledger::opening();
        for (number, transfer) in plan.transfers(0, 0).take(made as usize) {
            ledger.make(Order::new(0, number, transfer));
        }
        for (_, transfer) in plan.transfers(0, made).take(1) {
            let step: [&dyn Fn(&mut Ledger); 4] = [
                &|ledger| ledger.begin(0, transfer),
                &|ledger| ledger.debit(transfer),
                &|ledger| ledger.credit(transfer),
                &|ledger| ledger.made[0] += 1,
            ];
            step.iter().take(steps).for_each(|step| step(&mut ledger));
        }
        ledger
    }

    proptest! {
        #[test]
        fn wherever_it_ended_it_is_made_whole(
            plan in plans(),
            made in 0..50_u32,
            steps in 0..=4_usize,
        ) {
            let made = made.min(plan.transfers - 1);
            let mut ledger = interrupted(&plan, made, steps);
            ledger.repair();
            let expected = interrupted(&plan, made, 0);
            prop_assert_eq!(ledger.balances, expected.balances);
            prop_assert_eq!(ledger.made, expected.made);
            prop_assert_eq!(ledger.report().repairs, u64::from(steps > 0));
        }

        /// The repairing worker may die of it: the next one starts at the
        /// journal.
        #[test]
        fn half_a_repair_is_no_harm(plan in plans(), account in 0..2_usize) {
            let mut ledger = interrupted(&plan, 0, 2);
            let mut expected = ledger;
            expected.repair();
            let Entry { accounts, balances, .. } = ledger.journal;
            ledger.balances[accounts[account] as usize] = balances[account];
            ledger.repair();
            prop_assert_eq!(ledger.balances, expected.balances);
        }

        /// An heir sends everything again.
        #[test]
        fn what_was_made_is_not_made_again(plan in plans(), made in 0..50) {
            let mut ledger = Ledger::opening();
            let orders = || {
                plan.transfers(0, 0)
                    .map(|(number, transfer)| Order::new(0, number, transfer))
            };
            orders().take(made as usize).for_each(|order| ledger.make(order));
            ledger.make(Order::farewell(0));
            orders().for_each(|order| ledger.make(order));
            let one = Plan { workers: 1, ..plan };
            prop_assert!(ledger.is_complete(&one));
            prop_assert_eq!(ledger.balances, one.reference());
        }
    }

    #[test]
    fn the_first_transfer_after_a_death_is_dated() {
        let mut ledger = Ledger::opening();
        let transfer = Transfer { from: 0, to: 1, amount: 5 };
        ledger.make(Order::new(0, 0, transfer));
        assert_eq!(ledger.report().resumed, Duration::ZERO);
        let words = ledger.last_words();
        assert_eq!(words.made(), 1);
        ledger.make(Order::new(0, 1, transfer));
        let resumed = ledger.report().resumed;
        assert!(words.at() <= resumed && resumed <= monotonic());
        ledger.make(Order::new(0, 2, transfer));
        assert_eq!(ledger.report().resumed, resumed);
    }
}
