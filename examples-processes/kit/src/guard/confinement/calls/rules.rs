//! The rules of a filter: calls, and conditions on their arguments.

use std::{collections::BTreeMap, process};

use libc::{
    AF_INET, AF_INET6, AF_UNIX, CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET,
    CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, CLONE_NEWUTS, CLONE_THREAD,
    IPPROTO_IP, IPPROTO_TCP, MSG_FASTOPEN, SOCK_CLOEXEC, SOCK_NONBLOCK,
    SOCK_SEQPACKET, SOCK_STREAM, c_int, c_long,
};
use seccompiler::{
    BackendError, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule,
};

use super::lists::{FCNTL, IOCTL};

/// The rules of each call. One without rules is allowed whatever its arguments;
/// otherwise all conditions of one rule must be met.
///
/// The kernel remembers which calls are always allowed, and does not run the
/// filter for them (since Linux 5.11). So a condition stands only where it is
/// needed.
#[derive(Debug, Default)]
pub(super) struct Rules(pub(super) BTreeMap<i64, Vec<SeccompRule>>);

/// A condition, or why there can be none.
type Condition = Result<SeccompCondition, BackendError>;

const NAMESPACES: c_int = CLONE_NEWCGROUP
    | CLONE_NEWIPC
    | CLONE_NEWNET
    | CLONE_NEWNS
    | CLONE_NEWPID
    | CLONE_NEWUSER
    | CLONE_NEWUTS;

impl Rules {
    pub(super) fn allow(&mut self, calls: &[c_long]) {
        self.0.extend(calls.iter().map(|&call| (call, Vec::new())));
    }

    fn allow_if<const COUNT: usize>(
        &mut self,
        call: c_long,
        conditions: [Condition; COUNT],
    ) -> Result<(), BackendError> {
        let conditions: Result<_, _> = conditions.into_iter().collect();
        let rule = SeccompRule::new(conditions?)?;
        self.0.entry(call).or_default().push(rule);
        Ok(())
    }

    /// The name of a thread, and reading its own limits. With prlimit64(2) it
    /// could otherwise change those of its parent, and root could raise its
    /// own.
    pub(super) fn allow_own_facts(&mut self) -> Result<(), BackendError> {
        self.allow_if(libc::SYS_prctl, [is(0, libc::PR_SET_NAME)])?;
        self.allow_if(libc::SYS_prctl, [is(0, libc::PR_GET_NAME)])?;
        self.allow_if(libc::SYS_prlimit64, [is(0, 0), is_null(2)])
    }

    /// Signals to itself, which abort(3) needs.
    pub(super) fn allow_own_signals(&mut self) -> Result<(), BackendError> {
        let own = process::id() as c_int;
        self.allow_if(libc::SYS_kill, [is(0, own)])?;
        self.allow_if(libc::SYS_tgkill, [is(0, own)])
    }

    /// The commands of fcntl(2) and ioctl(2).
    pub(super) fn allow_commands(&mut self) -> Result<(), BackendError> {
        for &command in FCNTL {
            self.allow_if(libc::SYS_fcntl, [is(1, command)])?;
        }
        for &request in IOCTL {
            self.allow_if(libc::SYS_ioctl, [is(1, request as c_int)])?;
        }
        Ok(())
    }

    /// Sockets that are connected, and stay so. TCP Fast Open is left out: it
    /// connects without connect(2). So are pairs of datagram sockets: each of
    /// their messages could have another address.
    pub(super) fn allow_connected_sockets(
        &mut self,
    ) -> Result<(), BackendError> {
        for (call, flags) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2)] {
            self.allow_if(call, [has(flags, MSG_FASTOPEN, 0)])?;
        }
        for kind in [SOCK_STREAM, SOCK_SEQPACKET] {
            let pair = [is(0, AF_UNIX), is_kind(kind)];
            self.allow_if(libc::SYS_socketpair, pair)?;
        }
        Ok(())
    }

    /// The protocol is a condition, because Landlock confines plain TCP only,
    /// and lets Multipath TCP connect anywhere.
    pub(super) fn allow_tcp_sockets(&mut self) -> Result<(), BackendError> {
        for family in [AF_INET, AF_INET6] {
            for protocol in [IPPROTO_IP, IPPROTO_TCP] {
                let tcp =
                    [is(0, family), is_kind(SOCK_STREAM), is(2, protocol)];
                self.allow_if(libc::SYS_socket, tcp)?;
            }
        }
        Ok(())
    }

    /// Threads always, processes perhaps, new namespaces never.
    pub(super) fn allow_clone(
        &mut self,
        processes: bool,
    ) -> Result<(), BackendError> {
        let allowed = if processes {
            has(0, NAMESPACES, 0)
        } else {
            has(0, NAMESPACES | CLONE_THREAD, CLONE_THREAD)
        };
        self.allow_if(libc::SYS_clone, [allowed])
    }
}

/// The kernel takes an `int` or a flag from the lower half of an argument.
fn is(argument: u8, value: c_int) -> Condition {
    compare(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value as u32)
}

/// Whether the bits of `mask` are these.
fn has(argument: u8, mask: c_int, value: c_int) -> Condition {
    let bits = SeccompCmpOp::MaskedEq(u64::from(mask as u32));
    compare(argument, SeccompCmpArgLen::Dword, bits, value as u32)
}

fn is_null(argument: u8) -> Condition {
    compare(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)
}

/// The kind of a socket also carries flags.
fn is_kind(kind: c_int) -> Condition {
    has(1, !(SOCK_CLOEXEC | SOCK_NONBLOCK), kind)
}

fn compare(
    argument: u8,
    width: SeccompCmpArgLen,
    comparison: SeccompCmpOp,
    value: u32,
) -> Condition {
    SeccompCondition::new(argument, width, comparison, value.into())
}
