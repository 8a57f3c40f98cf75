//! Where a figure was measured. Linux only.

use std::thread;

use procfs::{CpuInfo, Current};
use serde::{Deserialize, Serialize};

/// A machine, as far as it explains a figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name, where the kernel knows it.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// The kernel and its release.
    pub kernel: String,
    /// The compiler that built this program. Empty for one of Python.
    #[serde(default)]
    pub rustc: String,
    /// What runs this program, if it is one of Python: its version, whether
    /// it has a GIL, and how its processes start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
    /// `release`, or `debug`: whose times mean nothing.
    pub profile: String,
    /// `dynamic`, or `static`: which starts sooner.
    #[serde(default)]
    pub link: String,
}

impl Machine {
    /// The one that this process runs on.
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

/// Whether no dynamic linker has started this program.
fn is_static() -> bool {
    // SAFETY: it reads a list that the kernel has made before the program
    // began, and that nobody changes.
    let linker = unsafe { libc::getauxval(libc::AT_BASE) };
    linker == 0
}

/// Cores that this process may use: affinity and container quota respected.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get())
}

/// aarch64 kernels give no name, only the numbers of maker and part.
fn cpu() -> String {
    let Ok(info) = CpuInfo::current() else {
        return "unknown".into();
    };
    let field = |name| info.get_field(0, name).map(str::to_owned);
    field("model name")
        .or_else(|| {
            let maker = field("CPU implementer")?;
            Some(format!("maker {maker}, part {}", field("CPU part")?))
        })
        .unwrap_or_else(|| "unknown".into())
}
