//! What each scenario runs, in pieces the size of a slice.
//!
//! The sizes fit a release build on a server of 2023 with two cores.

use super::Part;
use crate::outcome::Model::Threads;

/// One part per variant.
pub(super) const SHARED_STATE: &[Part] = &[
    Part::new("racy", &["--variant=racy", "--transfers=2000000"]),
    Part::new("forced", &["--variant=forced", "--transfers=300"]),
    Part::new("global-lock", &["--variant=global-lock", "--transfers=1000000"]),
    Part::new("lock", &["--variant=lock", "--transfers=300000"])
        .whole()
        .answers(&["transfers.lock"]),
    Part::new(
        "lock-per-account",
        &["--variant=lock-per-account", "--transfers=400000"],
    ),
    Part::new("atomic", &["--variant=atomic", "--transfers=500000"]),
    Part::new("owner", &["--variant=owner", "--transfers=1500000"]),
    Part::new("partition", &["--variant=partition", "--transfers=20000000"])
        .answers(&["transfers.partition"]),
    Part::new("by-hand", &["--variant=by-hand", "--transfers=20000000"]),
];

/// One part per size, way of waiting and placement. Left to itself, the kernel
/// puts both ends on one core at some times and on two at others, and the cost
/// of a message differs by a large factor: hence two rows. Two ends that spin
/// only make sense on two cores.
pub(super) const IPC: &[Part] = &[
    Part::new(
        "8-spin",
        &["--quick", "--size=8", "--waiting=spin", "--pin=different"],
    )
    .on_two_cores(),
    Part::new(
        "8-spin-then-park",
        &["--quick", "--size=8", "--waiting=spin-then-park", "--pin=different"],
    )
    .on_two_cores(),
    Part::new(
        "8-block-two-cores",
        &["--quick", "--size=8", "--waiting=block", "--pin=different"],
    )
    .on_two_cores(),
    Part::new(
        "8-block-one-core",
        &["--quick", "--size=8", "--waiting=block", "--pin=same"],
    ),
    Part::new(
        "64-spin",
        &["--quick", "--size=64", "--waiting=spin", "--pin=different"],
    )
    .on_two_cores(),
    Part::new(
        "64-spin-then-park",
        &[
            "--quick",
            "--size=64",
            "--waiting=spin-then-park",
            "--pin=different",
        ],
    )
    .on_two_cores(),
    Part::new(
        "64-ring-block",
        &[
            "--quick",
            "--variant=ring",
            "--size=64",
            "--waiting=block",
            "--pin=different",
        ],
    )
    .whole()
    .answers(&["trip-64.ring.block"])
    .on_two_cores(),
    Part::new(
        "64-block-two-cores",
        &[
            "--quick",
            "--variant=cache-line",
            "--variant=condvar",
            "--variant=pipe",
            "--variant=unix-stream",
            "--variant=unix-seqpacket",
            "--size=64",
            "--waiting=block",
            "--pin=different",
        ],
    )
    .on_two_cores(),
    Part::new(
        "64-block-one-core",
        &["--quick", "--size=64", "--waiting=block", "--pin=same"],
    ),
    Part::new(
        "4096-spin",
        &["--quick", "--size=4096", "--waiting=spin", "--pin=different"],
    )
    .on_two_cores(),
    Part::new(
        "4096-spin-then-park",
        &[
            "--quick",
            "--size=4096",
            "--waiting=spin-then-park",
            "--pin=different",
        ],
    )
    .on_two_cores(),
    Part::new(
        "4096-block-two-cores",
        &["--quick", "--size=4096", "--waiting=block", "--pin=different"],
    )
    .on_two_cores(),
    Part::new(
        "4096-block-one-core",
        &["--quick", "--size=4096", "--waiting=block", "--pin=same"],
    ),
    Part::new(
        "1MiB-spin",
        &["--quick", "--size=1048576", "--waiting=spin", "--pin=different"],
    )
    .on_two_cores(),
    Part::new(
        "1MiB-spin-then-park",
        &[
            "--quick",
            "--size=1048576",
            "--waiting=spin-then-park",
            "--pin=different",
        ],
    )
    .on_two_cores(),
    Part::new(
        "1MiB-ring-block",
        &[
            "--quick",
            "--variant=ring",
            "--size=1048576",
            "--waiting=block",
            "--pin=different",
        ],
    )
    .on_two_cores(),
    Part::new(
        "1MiB-block-two-cores",
        &[
            "--quick",
            "--variant=condvar",
            "--variant=pipe",
            "--variant=unix-stream",
            "--variant=unix-seqpacket",
            "--size=1048576",
            "--waiting=block",
            "--pin=different",
        ],
    )
    .on_two_cores(),
    Part::new(
        "1MiB-block-one-core",
        &["--quick", "--size=1048576", "--waiting=block", "--pin=same"],
    ),
];

/// The script is one session after another, and nothing can be left out. Both
/// sessions are typed through, one key every 10 ms: a shorter query would leave
/// too few keys for percentiles. With the thirty frames of a slice, p99 is
/// simply the worst, so it answers nothing.
pub(super) const RESPONSIVE_UI: &[Part] = &[Part::new(
    "script",
    &["--headless", "--quick", "--steps=300000", "--cancels=3"],
)
.whole()
.answers(&["input-to-frame-p50.worker", "hand-over-row"])];

/// Six databases.
pub(super) const MATRIX: &[Part] =
    &[Part::new("all", &["--rows=1600", "--columns=240"]).whole().answers(&[
        "databases",
        "speed-up.threads",
        "speed-up.processes",
    ])];

/// One part per kind of stuck job, with every attempt. Its unit is the
/// deadline. Threads that sleep, wait for a lock or are stuck in a C library
/// call never come back, and the last of these keep a core busy. The others
/// have time to come back even if they have to wait for a core.
pub(super) const KILL_WORKERS: &[Part] = &[
    Part::new("good", &["--stuck=0", "--jobs=500"])
        .whole()
        .answers(&["good-jobs"]),
    Part::new(
        "loop",
        &["--variant=loop", "--jobs=200", "--deadline=20ms", "--grace=100ms"],
    )
    .counted(),
    Part::new(
        "read",
        &["--variant=read", "--jobs=200", "--deadline=20ms", "--grace=100ms"],
    )
    .counted(),
    Part::new(
        "query",
        &["--variant=query", "--jobs=200", "--deadline=20ms", "--grace=100ms"],
    )
    .counted(),
    Part::new(
        "sleep",
        &["--variant=sleep", "--jobs=200", "--deadline=20ms", "--grace=20ms"],
    )
    .spoils(Threads)
    .counted(),
    Part::new(
        "lock",
        &["--variant=lock", "--jobs=200", "--deadline=20ms", "--grace=20ms"],
    )
    .spoils(Threads)
    .counted(),
    Part::new(
        "native",
        &["--variant=native", "--jobs=200", "--deadline=20ms", "--grace=20ms"],
    )
    .spoils(Threads)
    .counted(),
];

/// Each way to die, once in each place. Its unit is the death; behind a plain
/// lock, the time until the supervisor declares that everyone hangs.
pub(super) const CRASH: &[Part] = &[
    Part::new("panic", &["--variant=panic", "--deaths=1", "--transfers=1000"])
        .counted(),
    Part::new("exit", &["--variant=exit", "--deaths=1", "--transfers=1000"])
        .counted(),
    Part::new("abort", &["--variant=abort", "--deaths=1", "--transfers=1000"])
        .whole()
        .answers(&["resumed-lock.abort"]),
    Part::new(
        "segfault",
        &["--variant=segfault", "--deaths=1", "--transfers=1000"],
    )
    .counted(),
    Part::new(
        "stack-overflow",
        &["--variant=stack-overflow", "--deaths=1", "--transfers=1000"],
    )
    .counted(),
    Part::new(
        "memory-limit",
        &["--variant=memory-limit", "--deaths=1", "--transfers=1000"],
    )
    .counted(),
];

/// The acts take seconds, most of them for the limit on CPU time. What becomes
/// of them is counted.
pub(super) const CONFINE: &[Part] = &[
    Part::new("acts-bare", &["--only=acts", "--variant=bare"]).counted(),
    Part::new("acts-confined", &["--only=acts", "--variant=confined"])
        .counted(),
    Part::new("costs-bare", &["--only=costs", "--variant=bare", "--starts=4"]),
    Part::new(
        "costs-confined",
        &["--only=costs", "--variant=confined", "--starts=4"],
    )
    .whole()
    .answers(&["start.confined", "call.confined"]),
];

/// Each start method, with a small and a large parent, and each crew. Growing
/// the parent to 256 MiB takes longer than starting a few workers from it.
pub(super) const WORKER_COST: &[Part] = &[
    Part::new("anew", &["--variant=anew", "--starts=16", "--parent-memory=0"])
        .whole()
        .answers(&["finish.anew"]),
    Part::new(
        "borrowed",
        &["--variant=borrowed", "--starts=8", "--parent-memory=64MiB"],
    ),
    Part::new(
        "prepared",
        &["--variant=prepared", "--starts=8", "--parent-memory=64MiB"],
    ),
    Part::new(
        "served",
        &["--variant=served", "--starts=20", "--parent-memory=64MiB"],
    ),
    Part::new(
        "pool",
        &["--variant=pool", "--starts=200", "--parent-memory=64MiB"],
    ),
    Part::new(
        "resident",
        &["--variant=resident", "--starts=500", "--parent-memory=64MiB"],
    ),
    Part::new(
        "bare",
        &["--variant=bare", "--starts=10", "--parent-memory=64MiB"],
    ),
    Part::new("idle-1", &["--variant=idle", "--crew=1", "--table=0"]),
    Part::new("idle-8", &["--variant=idle", "--crew=8", "--table=4MiB"]),
    Part::new("idle-64", &["--variant=idle", "--crew=64", "--table=0"])
        .answers(&["private.idle-64"]),
    Part::new("idle-256", &["--variant=idle", "--crew=256", "--table=0"]),
];

/// Each crew, with the delay of the demo: a shorter one would show the cost of
/// starting a crew rather than of waiting. The faults are one of each kind, and
/// some of them only show when a timeout expires.
pub(super) const FETCH: &[Part] = &[
    Part::new(
        "1",
        &["--workers=1", "--requests=2", "--delay=50ms", "--faults=0"],
    ),
    Part::new(
        "4",
        &["--workers=4", "--requests=8", "--delay=50ms", "--faults=0"],
    ),
    Part::new(
        "16-and-faults",
        &["--workers=16", "--requests=32", "--delay=50ms", "--faults=1"],
    ),
    Part::new(
        "64",
        &["--workers=64", "--requests=128", "--delay=50ms", "--faults=0"],
    )
    .whole()
    .answers(&["cpu.workers-64", "memory.workers-64"]),
];

/// Each operation and size, with one worker, with all, and with twice as many.
pub(super) const ADDRESS_SPACE: &[Part] = &[
    Part::new(
        "map-64KiB",
        &["--variant=map", "--size=64KiB", "--operations=1200"],
    ),
    Part::new(
        "map-1MiB",
        &["--variant=map", "--size=1MiB", "--operations=1200"],
    )
    .whole()
    .answers(&["map-1048576.speed-up"]),
    Part::new(
        "map-128MiB",
        &["--variant=map", "--size=128MiB", "--operations=1200"],
    ),
    Part::new(
        "touch-64KiB",
        &["--variant=touch", "--size=64KiB", "--operations=200"],
    ),
    Part::new(
        "touch-1MiB",
        &["--variant=touch", "--size=1MiB", "--operations=20"],
    )
    .answers(&["touch-1048576.speed-up"]),
    Part::new(
        "touch-128MiB",
        &["--quick", "--variant=touch", "--size=128MiB", "--operations=4"],
    ),
    Part::new(
        "allocate-64KiB",
        &["--variant=allocate", "--size=64KiB", "--operations=200000"],
    ),
    Part::new(
        "allocate-1MiB",
        &["--variant=allocate", "--size=1MiB", "--operations=200000"],
    ),
    Part::new(
        "allocate-128MiB",
        &["--variant=allocate", "--size=128MiB", "--operations=400"],
    ),
    Part::new(
        "protect-64KiB",
        &["--variant=protect", "--size=64KiB", "--operations=600"],
    ),
    Part::new("files", &["--variant=files", "--operations=3000"]),
];

/// What CPython runs, together with the pair.
pub(super) mod python {
    use super::{Part, Threads};

    /// Few accounts, so that updates get lost here too.
    pub(in super::super) const SHARED_STATE: &[Part] = &[
        Part::new(
            "racy",
            &["--accounts=64", "--variant=racy", "--transfers=10000"],
        ),
        Part::new(
            "forced",
            &["--accounts=64", "--variant=forced", "--transfers=50"],
        ),
        Part::new(
            "lock",
            &["--accounts=64", "--variant=lock", "--transfers=10000"],
        )
        .whole()
        .answers(&["transfers.lock"]),
        Part::new(
            "lock-per-account",
            &[
                "--accounts=64",
                "--variant=lock-per-account",
                "--transfers=10000",
            ],
        ),
        Part::new(
            "owner",
            &["--accounts=64", "--variant=owner", "--transfers=10000"],
        ),
        Part::new(
            "partition",
            &["--accounts=64", "--variant=partition", "--transfers=10000"],
        ),
    ];

    /// Placed by the kernel: the Python programs have no flag for that.
    pub(in super::super) const IPC: &[Part] = &[
        Part::new(
            "64-block",
            &["--messages=40", "--waiting=block", "--size=64"],
        ),
        Part::new(
            "65536-block",
            &["--messages=10", "--waiting=block", "--size=65536"],
        ),
    ];

    /// Like the pair's, with fewer steps.
    pub(in super::super) const RESPONSIVE_UI: &[Part] =
        &[Part::new("script", &["--quick", "--steps=200000", "--cancels=1"])];

    /// Six small databases.
    pub(in super::super) const MATRIX: &[Part] =
        &[Part::new("all", &["--rows=100", "--columns=10"]).whole()];

    /// One kind that both sides can stop, and one that only processes can.
    pub(in super::super) const KILL_WORKERS: &[Part] = &[
        Part::new(
            "loop",
            &["--variant=loop", "--jobs=4", "--deadline=20ms", "--grace=100ms"],
        ),
        Part::new(
            "sleep",
            &["--variant=sleep", "--jobs=4", "--deadline=20ms", "--grace=20ms"],
        )
        .spoils(Threads),
    ];

    /// Three ways to die.
    pub(in super::super) const CRASH: &[Part] = &[
        Part::new(
            "panic",
            &["--variant=panic", "--transfers=200", "--deaths=1"],
        ),
        Part::new(
            "abort",
            &["--variant=abort", "--transfers=200", "--deaths=1"],
        ),
        Part::new(
            "segfault",
            &["--variant=segfault", "--transfers=200", "--deaths=1"],
        ),
    ];

    /// The same acts. Starting a confined worker takes Python too long for
    /// pairs of slices.
    pub(in super::super) const CONFINE: &[Part] = &[
        Part::new("acts-bare", &["--only=acts", "--variant=bare"]).counted(),
        Part::new("acts-confined", &["--only=acts", "--variant=confined"])
            .counted(),
    ];

    /// The methods that Python has.
    pub(in super::super) const WORKER_COST: &[Part] = &[
        Part::new(
            "anew",
            &["--variant=anew", "--starts=2", "--parent-memory=0"],
        ),
        Part::new(
            "borrowed",
            &["--variant=borrowed", "--starts=2", "--parent-memory=0"],
        ),
        Part::new(
            "served",
            &["--variant=served", "--starts=2", "--parent-memory=0"],
        ),
        Part::new(
            "pool",
            &["--variant=pool", "--starts=2", "--parent-memory=0"],
        ),
        Part::new("idle", &["--variant=idle", "--crew=8", "--table=0"]),
    ];

    /// One crew.
    pub(in super::super) const FETCH: &[Part] = &[Part::new(
        "8",
        &["--workers=8", "--requests=16", "--delay=50ms", "--faults=0"],
    )];
}
