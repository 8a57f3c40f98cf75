//! Files, TCP ports and signals, confined by Landlock (landlock(7)).
//!
//! Landlock checks a file when it is *opened*: a descriptor that is already
//! open keeps all that it could do. It does not check chmod(2), chown(2),
//! setxattr(2), utime(2), stat(2), flock(2) or chdir(2) at all; the first four
//! are for [`Calls`]. As to the network, it knows TCP: not UDP,
//! not Multipath TCP (`IPPROTO_MPTCP`), and not a server that takes any free
//! port by listen(2) without bind(2). They are for [`Calls`] too.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel,
    Compatible as _, LandlockStatus, NetPort, PathBeneath, PathFd,
    RestrictSelf, Ruleset, RulesetAttr as _, RulesetCreated,
    RulesetCreatedAttr as _, RulesetStatus, Scope, make_bitflags,
};
use rustix::fs::{FileType, fstat};
use serde::{Deserialize, Serialize};

use super::{Calls, Lack, Part};

/// What may be opened. A path is a file or a folder with all below it; a
/// symbolic link is followed now, once. No file can be executed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// What may be read and listed.
    pub read: Vec<PathBuf>,
    /// What may be read, listed, written, created, renamed and removed.
    pub write: Vec<PathBuf>,
}

/// Ports that may be used. All others are refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tcp {
    /// Ports of servers, at any address.
    pub connect: Vec<u16>,
    /// Ports of our own. Port 0, any free one, is a port of its own here.
    pub bind: Vec<u16>,
}

/// Rules that are not in force yet.
pub(super) struct Rules(RulesetCreated);

/// Files that may be read, and folders that may be listed.
const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});

const TCP: BitFlags<AccessNet> =
    make_bitflags!(AccessNet::{BindTcp | ConnectTcp});

/// All but devices, sockets and pipes with a name.
const WRITE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | MakeSym
        | RemoveFile | RemoveDir | Refer
});

/// What is asked of Landlock.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) files: Option<&'a Files>,
    pub(super) tcp: Option<&'a Tcp>,
    pub(super) signals: bool,
    /// The filter, which closes what gaps it can.
    pub(super) calls: Option<Calls>,
}

impl Asked<'_> {
    /// The rules, as far as this kernel has them, and what it lacks.
    pub(super) fn rules(&self) -> Result<(Option<Rules>, Vec<Lack>)> {
        let parts = self.parts();
        if parts.is_empty() {
            return Ok((None, Vec::new()));
        }
        let status = status().context("cannot ask for Landlock")?;
        let lack = |part: &Part| part.lack(status);
        let mut lacking: Vec<_> = parts.iter().filter_map(lack).collect();
        let rules = if lacking.len() < parts.len() {
            let rules = self.create(status.into());
            Some(rules.context("cannot prepare Landlock")?)
        } else {
            None
        };
        lacking.extend(self.unseen_tcp(status));
        Ok((rules, lacking))
    }

    fn unseen_tcp(&self, status: LandlockStatus) -> Option<Lack> {
        if self.tcp.is_none() || Part::Tcp.lack(status).is_some() {
            return None;
        }
        match self.calls {
            None => Some(Lack::OtherWaysOfTcp),
            Some(calls) => calls.listen.then_some(Lack::ListenWithoutBind),
        }
    }

    fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        if self.files.is_some() {
            parts.extend([Part::Files, Part::Truncation]);
        }
        if self.files.is_some() && self.calls.is_none() {
            parts.extend([Part::Devices, Part::NamedSockets]);
        }
        if self.tcp.is_some() {
            parts.push(Part::Tcp);
        }
        if self.signals {
            parts.push(Part::Signals);
        }
        parts
    }

    /// Asks for no more than this version has, and for all of that: what the
    /// kernel then refuses is an error, never left out by the crate.
    fn create(&self, abi: ABI) -> Result<Rules> {
        let mut ruleset =
            Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        if self.files.is_some() {
            ruleset = ruleset.handle_access(AccessFs::from_all(abi))?;
        }
        if self.tcp.is_some() && Part::Tcp.needed() <= abi as u32 {
            ruleset = ruleset.handle_access(TCP)?;
        }
        if self.signals && Part::Signals.needed() <= abi as u32 {
            ruleset = ruleset.scope(Scope::from_all(abi))?;
        }
        let mut rules = Rules(ruleset.create()?);
        if let Some(files) = self.files {
            rules.allow_files(files, abi)?;
        }
        if let Some(tcp) = self.tcp
            && Part::Tcp.needed() <= abi as u32
        {
            rules.allow_ports(tcp)?;
        }
        Ok(rules)
    }
}

impl Rules {
    /// Puts them in force, for this thread and what it starts.
    pub(super) fn restrict_self(self) -> Result<()> {
        let restricted = self.0.restrict_self();
        let status = restricted.context("cannot put Landlock in force")?;
        ensure!(
            status.ruleset == RulesetStatus::FullyEnforced,
            "Landlock is in force only in part: {status:?}"
        );
        Ok(())
    }

    fn allow_files(&mut self, files: &Files, abi: ABI) -> Result<()> {
        let read = files.read.iter().map(|path| (path, READ));
        let write = files.write.iter().map(|path| (path, WRITE));
        for (path, access) in read.chain(write) {
            self.allow_file(path, access & AccessFs::from_all(abi), abi)
                .with_context(|| format!("cannot allow {}", path.display()))?;
        }
        Ok(())
    }

    /// Most kinds of access make sense for a folder only.
    fn allow_file(
        &mut self,
        path: &Path,
        access: BitFlags<AccessFs>,
        abi: ABI,
    ) -> Result<()> {
        let file = PathFd::new(path)?;
        let kind = FileType::from_raw_mode(fstat(&file)?.st_mode);
        let access = if kind == FileType::Directory {
            access
        } else {
            access & AccessFs::from_file(abi)
        };
        (&mut self.0).add_rule(PathBeneath::new(file, access))?;
        Ok(())
    }

    fn allow_ports(&mut self, tcp: &Tcp) -> Result<()> {
        for &port in &tcp.connect {
            let rule = NetPort::new(port, AccessNet::ConnectTcp);
            (&mut self.0).add_rule(rule)?;
        }
        for &port in &tcp.bind {
            let rule = NetPort::new(port, AccessNet::BindTcp);
            (&mut self.0).add_rule(rule)?;
        }
        Ok(())
    }
}

impl Part {
    /// The first version of Landlock that has it.
    fn needed(self) -> u32 {
        match self {
            Part::Files => 1,
            Part::Truncation => 3,
            Part::Tcp => 4,
            Part::Devices => 5,
            Part::Signals => 6,
            Part::NamedSockets => 9,
        }
    }

    fn lack(self, status: LandlockStatus) -> Option<Lack> {
        let (abi, needed) = (ABI::from(status) as u32, self.needed());
        match status {
            LandlockStatus::NotImplemented => Some(Lack::NoLandlock(self)),
            LandlockStatus::NotEnabled => Some(Lack::LandlockIsOff(self)),
            LandlockStatus::Available { .. } => (abi < needed)
                .then_some(Lack::OldLandlock { part: self, abi, needed }),
        }
    }
}

/// Asks the kernel, and restricts nothing: no flag is set.
fn status() -> Result<LandlockStatus> {
    Ok(RestrictSelf::default().no_new_privs(false).apply()?.landlock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_kernel_lacks_what_came_later() {
        let status = |effective_abi| LandlockStatus::Available {
            effective_abi,
            kernel_abi: None,
        };
        let parts = [Part::Files, Part::Truncation, Part::Tcp, Part::Signals];
        let lacks = |abi| parts.map(|part| part.lack(status(abi)).is_some());
        assert_eq!(lacks(ABI::V2), [false, true, true, true]);
        assert_eq!(lacks(ABI::V4), [false, false, false, true]);
        assert_eq!(lacks(ABI::V6), [false; 4]);
        let off = Part::Tcp.lack(LandlockStatus::NotEnabled);
        assert_eq!(off, Some(Lack::LandlockIsOff(Part::Tcp)));
    }
}
