//! Where a figure was measured. Linux only.

use std::thread;

use procfs::{CpuInfo, Current, Meminfo};
use serde::{Deserialize, Serialize};

use crate::cgroup;

/// The properties of a machine that explain a figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name. None if the kernel does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Cores that this process may use.
    pub cores: usize,
    /// The kernel and its release.
    pub kernel: String,
    /// The compiler that built this program. Empty for a Python program.
    #[serde(default)]
    pub rustc: String,
    /// The interpreter of a Python program: its version, whether it has a GIL,
    /// and how it starts processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
    /// `release`, or `debug`, whose times are meaningless.
    pub profile: String,
    /// `dynamic`, or `static`, which starts faster.
    #[serde(default)]
    pub link: String,
}

impl Machine {
    /// The machine that this process runs on.
    pub fn this() -> Self {
        let name = rustix::system::uname();
        Machine {
            cpu: cpu(),
            cores: cores(),
            kernel: format!(
                "{} {}",
                name.sysname().to_string_lossy(),
                name.release().to_string_lossy()
            ),
            rustc: env!("RUSTC_VERSION").into(),
            interpreter: None,
            profile: if cfg!(debug_assertions) { "debug" } else { "release" }
                .into(),
            link: if is_static() { "static" } else { "dynamic" }.into(),
        }
    }
}

impl Machine {
    /// The processor's name, for a person.
    pub fn processor(&self) -> &str {
        self.cpu.as_deref().unwrap_or("unknown processor")
    }

    /// Whether both are the same machine. None if that is unknown.
    pub fn is(&self, other: &Machine) -> Option<bool> {
        if self.cores != other.cores {
            return Some(false);
        }
        Some(self.cpu.as_ref()? == other.cpu.as_ref()?)
    }
}

/// The most bytes of memory that this process can get: what the kernel calls
/// available, or the machine's total if the kernel does not report that, or
/// what a control group leaves, if that is less.
pub fn memory_left() -> u64 {
    let available = || Meminfo::current().ok()?.mem_available;
    let machine = available().unwrap_or_else(|| {
        let machine = rustix::system::sysinfo();
        machine.totalram as u64 * u64::from(machine.mem_unit)
    });
    cgroup::memory_left().map_or(machine, |group| group.min(machine))
}

/// Whether this program started without a dynamic linker.
fn is_static() -> bool {
    // SAFETY: it reads a list that the kernel made before the program started,
    // and that nothing changes.
    let linker = unsafe { libc::getauxval(libc::AT_BASE) };
    linker == 0
}

/// Cores that this process may use, given its affinity and container quota.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get())
}

/// aarch64 kernels report no name, only the numbers of maker and part.
fn cpu() -> Option<String> {
    let info = CpuInfo::current().ok()?;
    let field = |name| info.get_field(0, name).map(str::to_owned);
    field("model name").or_else(|| {
        let maker = field("CPU implementer")?;
        Some(format!("maker {maker}, part {}", field("CPU part")?))
    })
}
