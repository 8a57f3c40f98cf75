//! The transfers of each worker, and the expected balances.

use bytemuck::{Pod, Zeroable};

use super::{Plan, Variant};
use crate::input::Input;

impl Plan {
    /// The opening balance of every account.
    pub const OPENING: i64 = 100_000;

    /// Each worker repeats these transfers. They are drawn before the clock
    /// starts, so that no variant pays for random numbers, and they fit a
    /// core's own cache, so that none pays for reading them.
    const DRAWN: usize = 1024;

    /// The ledger before the first transfer.
    pub fn opening(&self) -> Vec<i64> {
        vec![Plan::OPENING; self.accounts as usize]
    }

    /// The transfers of one worker. They do not depend on any other worker.
    pub fn transfers(&self, worker: usize) -> Transfers {
        let mut input = Input::new(self.seed, worker as u64);
        let draw = |_| Transfer::draw(&mut input, self.accounts);
        let mut drawn: Vec<_> = (0..Plan::DRAWN).map(draw).collect();
        if self.variant == Variant::Forced {
            // All of them hit the same account at the same time.
            drawn = drawn.into_iter().map(Transfer::one_way).collect();
        }
        Transfers { drawn, made: self.transfers }
    }

    /// The expected balances: every transfer of every worker, made serially.
    /// Each drawn transfer is applied once, multiplied by how often it occurs,
    /// which makes a check after each variant affordable.
    pub fn reference(&self) -> Vec<i64> {
        let mut balances = self.opening();
        for worker in 0..self.workers {
            let Transfers { drawn, made } = self.transfers(worker);
            for (index, transfer) in (0..).zip(drawn) {
                let (rounds, rest) =
                    (made / Plan::DRAWN as u64, made % Plan::DRAWN as u64);
                let times = rounds + u64::from(index < rest);
                let amount = i64::from(transfer.amount) * times as i64;
                balances[transfer.from as usize] -= amount;
                balances[transfer.to as usize] += amount;
            }
        }
        balances
    }
}

/// Money moved from one account to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Transfer {
    /// The account to debit. It may go into debt: then the order of transfers
    /// does not matter, and every run ends with the same balances.
    pub from: u32,
    /// The account to credit; never the same one.
    pub to: u32,
    /// The amount, from 1 to 100.
    pub amount: u32,
}

impl Transfer {
    /// Draws the next transfer.
    pub(in crate::scenarios) fn draw(input: &mut Input, accounts: u32) -> Self {
        let from = input.below(accounts);
        let to = (from + 1 + input.below(accounts - 1)) % accounts;
        Transfer { from, to, amount: 1 + input.below(100) }
    }

    /// The same amount, from the first account to the second.
    fn one_way(self) -> Self {
        Transfer { from: 0, to: 1, ..self }
    }
}

/// The transfers of one worker, in order.
#[derive(Debug, Clone)]
pub struct Transfers {
    drawn: Vec<Transfer>,
    made: u64,
}

impl Transfers {
    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Transfer> {
        let made = self.made as usize;
        self.drawn.iter().copied().cycle().take(made)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::tests::plans, *};

    proptest! {
        #[test]
        fn money_is_neither_made_nor_lost(plan in plans()) {
            let total: i64 = plan.reference().iter().sum();
            prop_assert_eq!(total, Plan::OPENING * i64::from(plan.accounts));
        }

        #[test]
        fn the_reference_makes_every_transfer_once(plan in plans()) {
            let mut balances = plan.opening();
            for worker in 0..plan.workers {
                for transfer in plan.transfers(worker).iter() {
                    balances[transfer.from as usize] -= i64::from(transfer.amount);
                    balances[transfer.to as usize] += i64::from(transfer.amount);
                }
            }
            prop_assert_eq!(plan.reference(), balances);
        }

        #[test]
        fn transfers_are_between_two_accounts_that_exist(plan in plans()) {
            for transfer in plan.transfers(0).iter() {
                prop_assert!(transfer.from < plan.accounts);
                prop_assert!(transfer.to < plan.accounts);
                prop_assert_ne!(transfer.from, transfer.to);
                prop_assert!((1..=100).contains(&transfer.amount));
            }
        }

        #[test]
        fn a_worker_draws_the_same_however_many_there_are(plan in plans()) {
            let more = Plan { workers: plan.workers + 1, ..plan };
            for worker in 0..plan.workers {
                prop_assert!(plan.transfers(worker).iter()
                    .eq(more.transfers(worker).iter()));
            }
        }

        #[test]
        fn those_who_are_forced_are_at_the_account_of_all(plan in plans()) {
            let plan = Plan { variant: Variant::Forced, accounts: 2, ..plan };
            for transfer in plan.transfers(0).iter() {
                prop_assert_eq!((transfer.from, transfer.to), (0, 1));
            }
            let total: i64 = plan.reference().iter().sum();
            prop_assert_eq!(total, 2 * Plan::OPENING);
        }
    }
}
