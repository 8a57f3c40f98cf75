//! Every variant of every demo, on both sides, against the serial reference:
//! over several seeds, with fewer workers than cores and with more.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use common::{
    databases::{Shape, generated},
    digest::Digest,
    input::Input,
    machine::{self, Machine},
    outcome::{Model, Outcome},
    placement::Cores,
    scenarios::{
        ALL, Scenario, crash,
        ipc::{self, Mechanism, Message, Reading, Task, Transcript, Waiting},
        kill_workers,
        shared_state::{Plan, Variant},
    },
};
use rustix::process::{Pid, Signal, kill_process};
use support::{MODELS, demo, outcome, workspace};

const SEEDS: [u64; 3] = [1, 2, 2026];
const WORKERS: [usize; 5] = [1, 2, 3, 4, 8];

fn scenario(name: &str) -> &'static Scenario {
    ALL.iter().find(|scenario| scenario.name == name).unwrap()
}

/// Runs one demo with the arguments, which are parted by blanks.
fn run(name: &str, model: Model, arguments: &str) -> Outcome {
    outcome(demo(scenario(name), model).args(arguments.split(' ')))
}

#[test]
fn every_ledger_is_as_the_serial_reference_has_it() {
    const VARIANTS: [(&str, Variant); 5] = [
        ("lock", Variant::Lock),
        ("lock-per-account", Variant::LockPerAccount),
        ("atomic", Variant::Atomic),
        ("owner", Variant::Owner),
        ("partition", Variant::Partition),
    ];
    let (accounts, transfers) = (16, 3000);
    for (name, variant) in VARIANTS {
        for (seed, workers) in every_seed_and_crew() {
            let switch_interval = Duration::from_millis(5);
            let plan = Plan {
                variant,
                accounts,
                transfers,
                workers,
                seed,
                switch_interval,
            };
            let expected = answer(name, &plan);
            for model in MODELS {
                let arguments = format!(
                    "--variant {name} --accounts {accounts} \
                     --transfers {transfers} --workers {workers} --seed {seed}"
                );
                let found = run("shared-state", model, &arguments);
                assert_eq!(found.answer, expected, "{model}: {arguments}");
            }
        }
    }
}

fn every_seed_and_crew() -> impl Iterator<Item = (u64, usize)> {
    let crews = |seed| WORKERS.map(|workers| (seed, workers));
    SEEDS.into_iter().flat_map(crews)
}

/// The answer by the plainest of ways: one transfer after the other.
fn answer(name: &str, plan: &Plan) -> String {
    let mut balances = plan.opening();
    for worker in 0..plan.workers {
        for transfer in plan.transfers(worker).iter() {
            balances[transfer.from as usize] -= i64::from(transfer.amount);
            balances[transfer.to as usize] += i64::from(transfer.amount);
        }
    }
    let updates = 2 * plan.transfers * plan.workers as u64;
    let mut digest = Digest::new();
    digest.text(name).count(plan.accounts.into()).count(updates);
    digest.integers(&balances).hex()
}

#[test]
fn alone_nobody_races() {
    for model in MODELS {
        for variant in ["racy", "global-lock"] {
            let arguments = format!("--variant {variant} --workers 1");
            let found = run("shared-state", model, &arguments);
            assert_eq!(found.result["ledgers"][0]["lost_updates"], 0);
        }
    }
}

/// With two accounts and several workers, some update is lost sooner or later,
/// on one core or on many: when, nobody can say.
#[test]
fn together_they_lose_updates_and_count_them() {
    for model in MODELS {
        until_one_is_lost(model, "--variant racy --accounts 2 --workers 8");
    }
}

/// Claim C22: one runs at a time, among threads; and one that stores what it
/// has loaded in an earlier turn takes back what was stored in between.
#[test]
fn under_a_global_lock_they_lose_updates_all_the_same() {
    let arguments = "--variant global-lock --accounts 2 --workers 4 \
                     --switch-interval 1ms";
    for model in MODELS {
        until_one_is_lost(model, arguments);
    }
}

fn until_one_is_lost(model: Model, arguments: &str) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let found = run("shared-state", model, arguments);
        let lost = found.result["ledgers"][0]["lost_updates"].as_u64();
        if lost.unwrap() > 0 {
            return;
        }
        let is_time = Instant::now() < deadline;
        assert!(is_time, "{model} {arguments}: nothing is ever lost");
    }
}

#[test]
fn no_interval_is_refused() {
    for name in ["shared-state", "matrix"] {
        for model in MODELS {
            let mut demo = demo(scenario(name), model);
            let output = demo.args(["--switch-interval", "0s"]).output();
            let output = output.unwrap();
            let error = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{error}");
            assert!(error.contains("longer than 0s"), "{error}");
        }
    }
}

/// Claim C01.
#[test]
fn only_threads_share_a_plain_global() {
    for (model, is_visible) in
        [(Model::Threads, true), (Model::Processes, false)]
    {
        for variant in ["lock", "partition"] {
            let arguments = format!("--variant {variant} --transfers 10");
            let found = run("shared-state", model, &arguments);
            assert_eq!(found.result["global_write_visible"], is_visible);
        }
    }
}

#[test]
fn every_matrix_has_one_answer_whoever_works_on_it() {
    for seed in SEEDS {
        let mut answers = Vec::new();
        for workers in WORKERS {
            for model in MODELS {
                let arguments = format!(
                    "--rows 80 --columns 12 --workers {workers} --seed {seed}"
                );
                let found = run("matrix", model, &arguments);
                assert_eq!(found.result.as_array().unwrap().len(), 6);
                answers.push((found.answer, without_times(found.result)));
            }
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "seed {seed}");
    }
}

/// Whether the kernels are under the lock or not: only time depends on it.
#[test]
fn a_global_lock_changes_no_answer() {
    let arguments = "--rows 80 --columns 12 --workers 3 --global-lock";
    let mut answers = Vec::new();
    for how in ["off", "held", "released"] {
        for model in MODELS {
            let found = run("matrix", model, &format!("{arguments} {how}"));
            let gil = &found.parameters["gil"];
            assert_eq!(gil.is_null(), how == "off", "{gil}");
            answers.push((found.answer, without_times(found.result)));
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

fn without_times(mut result: serde_json::Value) -> serde_json::Value {
    for database in result.as_array_mut().unwrap() {
        database.as_object_mut().unwrap().remove("timeline");
    }
    result
}

/// Whoever dies in whatever way: in the end every transfer was made once.
#[test]
fn every_ledger_is_whole_after_every_death() {
    for (seed, workers) in every_seed_and_crew() {
        let arguments = format!(
            "--transfers 60 --deaths 1 --workers {workers} --seed {seed}"
        );
        let expected = answer_without_a_death(60, workers, seed);
        for model in MODELS {
            let found = run("crash", model, &arguments);
            assert_eq!(found.answer, expected, "{model}: {arguments}");
        }
    }
}

const WAYS: [crash::Way; 6] = [
    crash::Way::Panic,
    crash::Way::Exit,
    crash::Way::Abort,
    crash::Way::Segfault,
    crash::Way::StackOverflow,
    crash::Way::MemoryLimit,
];

/// The answer by the plainest of ways: one transfer after the other, by
/// somebody who lives.
fn answer_without_a_death(transfers: u32, workers: usize, seed: u64) -> String {
    let (way, hold, death) = (WAYS[0], crash::Hold::Lock, 0);
    let plan = crash::Plan { way, hold, death, transfers, workers, seed };
    let mut balances = [100_000; crash::Ledger::ACCOUNTS];
    for worker in 0..workers {
        for (_, transfer) in plan.transfers(worker, 0) {
            balances[transfer.from as usize] -= i64::from(transfer.amount);
            balances[transfer.to as usize] += i64::from(transfer.amount);
        }
    }
    let mut digest = Digest::new();
    for way in WAYS {
        for hold in crash::Hold::ALL {
            digest.text(&way.to_string()).text(&hold.to_string());
            digest.count(u64::from(transfers) * workers as u64);
            digest.integers(&balances);
        }
    }
    digest.hex()
}

/// How a process ends that dies in each way, as the kernel has it.
const ENDS: [(&str, &[&str]); 6] = [
    ("panic", &["exit status: 101"]),
    ("exit", &["exit status: 42"]),
    ("abort", &["signal: 6 (SIGABRT)"]),
    ("segfault", &["signal: 11 (SIGSEGV)"]),
    ("stack-overflow", &["signal: 6 (SIGABRT)", "signal: 11 (SIGSEGV)"]),
    ("memory-limit", &["signal: 6 (SIGABRT)"]),
];

/// Claim C30: one worker's death leaves the others standing, if they are
/// processes. Of threads it does if it is a panic.
#[test]
fn who_survives_depends_on_who_shares_a_process() {
    for model in MODELS {
        let found = run("crash", model, "--workers 3 --deaths 2 --quick");
        let rows = found.result.as_array().unwrap();
        assert_eq!(rows.len(), 6 * 4 * 2);
        for row in rows {
            let way = row["way"].as_str().unwrap();
            let is_plain = row["hold"] == "plain-lock";
            let is_panic = way == "panic" && model == Model::Threads;
            let lives_on = is_panic || model == Model::Processes;
            let spared = if lives_on && !is_plain { 2 } else { 0 };
            assert_eq!(row["survivors"], spared, "{model}: {row}");
            assert_eq!(row["hung"], lives_on && is_plain, "{model}: {row}");
            let (_, ends) = ENDS.iter().find(|(name, _)| *name == way).unwrap();
            match row["death"].as_str() {
                Some(end) => assert!(ends.contains(&end), "{model}: {row}"),
                None => assert!(is_panic, "{model}: {row}"),
            }
        }
    }
}

/// Only silence after the lock was lost is a hang, and no work is too long.
#[test]
fn nobody_is_said_to_hang_who_works() {
    for model in MODELS {
        let arguments = "--transfers 30000 --workers 4 --deaths 1";
        for way in ["panic", "abort"] {
            let arguments = format!("--variant {way} {arguments}");
            let found = run("crash", model, &arguments);
            assert_eq!(found.result.as_array().unwrap().len(), 4);
        }
    }
}

/// A survivor goes on with the ledger that there is. Where nobody survived,
/// all that was made by then is made again.
#[test]
fn what_is_lost_depends_on_who_survives() {
    for model in MODELS {
        let found = run("crash", model, "--workers 2 --transfers 400");
        for row in found.result.as_array().unwrap() {
            let half_made = u64::from(row["hold"] == "lock");
            let lost = row["lost"].as_u64().unwrap();
            match row["survivors"] == 1 {
                true => assert_eq!(lost, half_made, "{row}"),
                // The victim alone has made an eighth of its own by then.
                false => assert!((50..=800).contains(&lost), "{row}"),
            }
            assert_eq!(row["repairs"] == 1, lost == 1, "{model}: {row}");
            assert_eq!((row["transfers"].as_u64()), Some(800), "{row}");
            assert_eq!(row["total"], 1_600_000, "{row}");
        }
    }
}

/// Whoever does it, and however many: all of it is done, and each finds its
/// own.
#[test]
fn every_worker_finds_what_is_its_own() {
    for (seed, workers) in [(1, 1), (2, 3), (2026, 8)] {
        let operations = 5;
        let arguments = format!(
            "--operations {operations} --workers {workers} --seed {seed}"
        );
        let expected = found_alone(operations, workers, seed);
        for model in MODELS {
            let found = run("address-space", model, &arguments);
            assert_eq!(found.answer, expected, "{model}: {arguments}");
        }
    }
}

/// The answer without a kernel: what is written is found.
fn found_alone(operations: u64, workers: u64, seed: u64) -> String {
    let (kib, mib) = (1 << 10, 1 << 20);
    let sizes = [("64 KiB", 64 * kib), ("1 MiB", mib), ("128 MiB", 128 * mib)];
    let value = |number| 1 + u64::from(Input::new(seed, number).below(255));
    let values: u64 = (0..operations).map(value).sum();
    let mut digest = Digest::new();
    let mut row = |name: &str, touched: u64, found: u64| {
        digest.text(name).count(touched).count(operations).count(found);
    };
    for (name, size) in sizes {
        row(&format!("map {name}"), 0, operations * size);
    }
    for (name, size) in sizes {
        let pages = size.min(512 * mib / (2 * workers)) / 4096;
        row(&format!("touch {name}"), 4096 * pages, pages * values);
    }
    for (name, _) in sizes {
        row(&format!("allocate {name}"), 0, values);
    }
    row("protect 64 KiB", 0, values);
    row("files", 0, values);
    digest.hex()
}

/// The figure of this id.
fn figure(found: &Outcome, id: &str) -> f64 {
    let mut metrics = found.metrics.iter();
    metrics.find(|one| one.id == id).unwrap().value.unwrap()
}

/// What is waited for is counted where it is waited for: of a page there is
/// one fault, and a process meets nobody.
#[test]
fn the_counters_are_those_of_the_operation() {
    let arguments = "--variant touch --operations 40 --workers 2";
    for model in MODELS {
        let found = run("address-space", model, arguments);
        let figure = |name: &str| figure(&found, &format!("{name}.all"));
        let faults = figure("touch-65536-faults");
        assert!((1.0..18.0).contains(&faults), "{model}: {faults}");
        assert!(figure("touch-1048576-cpu") > 0.0, "{model}");
        if model == Model::Processes {
            let switches = figure("touch-65536-switches");
            assert!(switches < 0.5, "{switches}");
        }
    }
}

/// Every reply, against bytes that no server has seen.
#[test]
fn every_reply_is_as_it_was_asked_for() {
    for (seed, workers) in every_seed_and_crew() {
        let (replies, size) = (2 * workers as u64, 3001);
        let arguments = format!(
            "--requests {replies} --workers {workers} --seed {seed} \
             --size {size} --delay 1ms --faults 0"
        );
        let mut expected = Digest::new();
        expected.count(workers as u64).count(replies);
        for page in 0..replies {
            expected.count(size as u64).text(&page_digest(seed, page, size));
        }
        for model in MODELS {
            let found = run("fetch", model, &arguments);
            assert_eq!(found.answer, expected.hex(), "{model}: {arguments}");
            // Who comes late finds that others have taken all.
            let opened = found.result[0]["connections"].as_u64().unwrap();
            assert!((1..=workers as u64).contains(&opened), "{model}");
        }
    }
}

fn page_digest(seed: u64, page: u64, size: usize) -> String {
    let mut bytes = vec![0; size];
    Input::new(seed, page).fill(&mut bytes);
    Digest::new().bytes(&bytes).hex()
}

/// Each is counted as what it is, with its address, and nobody else fails:
/// what comes is held against its bytes before there is an outcome.
#[test]
fn every_fault_is_counted_and_harms_nobody_else() {
    thread::scope(|scope| {
        for (workers, times) in [(1, 1), (5, 3), (40, 2)] {
            scope.spawn(move || every_fault_is_counted(workers, times));
        }
    });
}

/// A reply that comes has four seconds, and it takes a millisecond. Those
/// that never come are waited for as long: many at a time, or one after the
/// other.
fn every_fault_is_counted(workers: usize, times: usize) {
    const FAULTS: [(&str, &str); 7] = [
        ("silent", "timeout"),
        ("endless", "timeout"),
        ("refused", "refused"),
        ("cut", "cut"),
        ("redirects", "redirects"),
        ("status", "status"),
        ("oversized", "oversized"),
    ];
    let arguments = format!(
        "--workers {workers} --requests 1 --delay 1ms --timeout 4s \
         --faults {times}"
    );
    let found = MODELS.map(|model| run("fetch", model, &arguments));
    assert_eq!(found[0].answer, found[1].answer, "{arguments}");
    for found in &found {
        let row = &found.result[1];
        assert_eq!(row["replies"], 63 * times);
        let failures = row["failures"].as_array().unwrap();
        assert_eq!(failures.len(), FAULTS.len() * times);
        for (fault, kind) in FAULTS {
            let of_fault = |failure: &&serde_json::Value| {
                let address = failure["address"].as_str().unwrap();
                address.ends_with(&format!("&fault={fault}"))
            };
            let failures = failures.iter().filter(of_fault);
            let kinds: Vec<_> = failures.map(|one| &one["kind"]).collect();
            assert_eq!(kinds, vec![kind; times], "{fault}");
        }
    }
}

/// What comes from somewhere else is listed, and not known beforehand.
#[test]
fn addresses_come_from_a_file() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = server.local_addr().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let list = format!(
        "# Ours\nhttp://{here}/one\n\nhttp://{here}/none\n\
         https://{here}/secret\nhttp://127.0.0.1:1/nobody\n"
    );
    fs::write(&file, list).unwrap();
    thread::spawn(move || {
        for client in server.incoming() {
            reply_once(&mut client.unwrap());
        }
    });
    let path = file.path().to_str().unwrap();
    for model in MODELS {
        for workers in [1, 3] {
            let arguments = format!("--url-file {path} --workers {workers}");
            let found = run("fetch", model, &arguments);
            let row = &found.result[0];
            assert_eq!(
                (&row["replies"], &row["bytes"]),
                (&4.into(), &2.into())
            );
            let failures = row["failures"].as_array().unwrap().iter();
            let kinds: Vec<_> = failures.map(|one| &one["kind"]).collect();
            assert_eq!(kinds, ["status", "other", "refused"], "{row}");
        }
    }
}

/// In plain text, whatever was asked in.
fn reply_once(client: &mut TcpStream) {
    let mut request = [0; 1000];
    let count = client.read(&mut request).unwrap();
    let status = match request[..count].starts_with(b"GET /one ") {
        true => "200 OK",
        false => "404 Not Found",
    };
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-length: 2\r\n\
         connection: close\r\n\r\nHi"
    );
    // Who has heard enough is gone.
    let _ = client.write_all(reply.as_bytes());
}

/// Nobody waits for a server that is dead: neither those who are connected
/// nor those who come later.
#[test]
fn a_killed_server_is_missed() {
    let arguments = "--workers 2 --requests 1000 --delay 20ms";
    for model in MODELS {
        let mut near = demo(scenario("fetch"), model)
            .args(arguments.split(' '))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let server = far_end(&near);
        wait_for_a_client(server);
        kill_process(server, Signal::KILL).unwrap();
        let status = end_of(&mut near, arguments);
        assert_eq!(status.code(), Some(1), "{model}");
        let mut error = String::new();
        near.stderr.unwrap().read_to_string(&mut error).unwrap();
        assert!(error.contains("the server failed: "), "{model}: {error}");
        assert!(error.contains("signal: 9 (SIGKILL)"), "{model}: {error}");
    }
}

/// Beside the socket to its parent and the one that it listens at.
fn wait_for_a_client(server: Pid) {
    let files = format!("/proc/{}/fd", server.as_raw_nonzero());
    let is_socket = |file: &fs::DirEntry| {
        let target = fs::read_link(file.path());
        target.is_ok_and(|it| it.to_string_lossy().starts_with("socket:"))
    };
    let deadline = Instant::now() + DEADLINE;
    loop {
        let files = fs::read_dir(&files).unwrap().flatten();
        if files.filter(is_socket).count() > 2 {
            return;
        }
        assert!(Instant::now() < deadline, "no client connects");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Any tool can ask the server, and it says what it was asked.
#[test]
fn the_server_serves_others() {
    for model in MODELS {
        let mut server = demo(scenario("fetch"), model)
            .arg("--serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(server.stdout.take().unwrap());
        let mut said = stdout.lines().map(Result::unwrap);
        let address = said.next().unwrap();
        let host = address.strip_prefix("http://").unwrap();
        let mut client = TcpStream::connect(host).unwrap();
        let request = "GET /?size=5&seed=7&page=3 HTTP/1.1\r\n\
                       connection: close\r\n\r\n";
        client.write_all(request.as_bytes()).unwrap();
        let mut reply = Vec::new();
        client.read_to_end(&mut reply).unwrap();
        let mut body = [0; 5];
        Input::new(7, 3).fill(&mut body);
        assert!(reply.ends_with(&body), "{model}");
        drop(server.stdin.take());
        let rest: Vec<_> = said.collect();
        assert_eq!(rest, [r#"{"connections":1,"requests":1}"#], "{model}");
        assert!(end_of(&mut server, "--serve").success(), "{model}");
    }
}

#[test]
fn who_serves_fetches_nothing() {
    for model in MODELS {
        for other in ["--json", "--workers 2", "--faults 0", "--expect 7"] {
            let arguments = format!("--serve {other}");
            let mut demo = demo(scenario("fetch"), model);
            let output = demo.args(arguments.split(' ')).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{arguments}");
        }
    }
}

/// Of a proxy that the environment names our own server knows nothing.
#[test]
fn no_proxy_stands_before_our_own_server() {
    for model in MODELS {
        let mut demo = demo(scenario("fetch"), model);
        demo.env("http_proxy", "http://127.0.0.1:1");
        let arguments = "--workers 2 --requests 4 --delay 1ms --faults 0";
        outcome(demo.args(arguments.split(' ')));
    }
}

/// Every message of every mechanism, on both sides, against messages that
/// were never sent.
#[test]
fn every_mechanism_carries_every_message() {
    for seed in [1, 2026] {
        for (size, messages) in [(8, 60), (64, 60), (4096, 20), (1 << 20, 4)] {
            let arguments =
                format!("--size {size} --messages {messages} --seed {seed}");
            let found = MODELS.map(|model| run("ipc", model, &arguments));
            for found in &found {
                carries(found, size, messages, seed);
                names_every_mechanism(found);
            }
            assert_eq!(found[0].answer, found[1].answer, "{arguments}");
        }
    }
}

fn carries(found: &Outcome, size: usize, messages: u32, seed: u64) {
    for row in found.result.as_array().unwrap() {
        let task = match row["task"].as_str().unwrap() {
            "stream" => Task::Stream,
            _ => Task::RoundTrip,
        };
        let (mechanism, waiting) = (Mechanism::Ring, Waiting::Spin);
        let cores = Cores::default();
        let plan =
            ipc::Plan { task, size, mechanism, waiting, cores, messages, seed };
        let mut expected = Transcript::new();
        for sequence in 1..=messages {
            let mut words = vec![0; plan.words()];
            Message::new(&plan, sequence).write(&mut words);
            expected.add(&Reading::of(&words)).unwrap();
        }
        let expected = format!("{:016x}", expected.digest());
        assert_eq!(row["digest"], expected, "{row}");
    }
}

/// Those that have room for every size, and wait on any number of cores.
fn names_every_mechanism(found: &Outcome) {
    let mechanisms = match found.model {
        Model::Threads => {
            &["ring", "bounded", "unbounded", "rendezvous", "mpsc", "condvar"][..]
        }
        Model::Processes => &["ring", "pipe", "unix-stream", "unix-seqpacket"],
    };
    let rows = found.result.as_array().unwrap();
    for mechanism in mechanisms {
        let is_there = rows.iter().any(|row| row["mechanism"] == *mechanism);
        assert!(is_there, "{}, {mechanism}: {rows:?}", found.model);
    }
}

#[test]
fn both_ends_may_be_kept_on_one_core_or_on_two() {
    let spins = |found: &Outcome| {
        let rows = found.result.as_array().unwrap().iter();
        rows.filter(|row| row["waiting"] == "spin").count()
    };
    for model in MODELS {
        let arguments = "--size 64 --messages 50 --pin same";
        assert_eq!(spins(&run("ipc", model, arguments)), 0, "{model}");
        if machine::cores() > 1 {
            let arguments = "--size 64 --messages 50 --pin different";
            assert!(spins(&run("ipc", model, arguments)) > 0, "{model}");
        }
    }
}

/// Asked of the kernel, while both ends are at work.
#[test]
fn both_ends_run_where_they_are_told_to() {
    let arguments = "--variant ring --waiting block --pin";
    for model in MODELS {
        for (pin, cores) in [("same", 1), ("different", 2)] {
            if machine::cores() < cores {
                continue;
            }
            let mut near = endless(model, &format!("{arguments} {pin}"));
            let deadline = Instant::now() + DEADLINE;
            let pinned = |allowed: &[String]| {
                let distinct: BTreeSet<_> = allowed.iter().collect();
                let single = |one: &String| one.parse::<u32>().is_ok();
                allowed.len() == 2
                    && allowed.iter().all(single)
                    && distinct.len() == cores
            };
            let mut allowed = cores_of_both_ends(&near);
            while !pinned(&allowed) && Instant::now() < deadline {
                thread::yield_now();
                allowed = cores_of_both_ends(&near);
            }
            near.kill().unwrap();
            near.wait().unwrap();
            assert!(pinned(&allowed), "{model}, {pin}: {allowed:?}");
        }
    }
}

/// Which cores each end may run on: the threads of a program and of its
/// worker, if it has one.
fn cores_of_both_ends(near: &Child) -> Vec<String> {
    let far = workers(near).into_iter().map(|far| far.to_string());
    let programs = far.chain([near.id().to_string()]);
    let tasks = programs
        .flat_map(|id| fs::read_dir(format!("/proc/{id}/task")))
        .flatten()
        .flatten();
    let status =
        tasks.flat_map(|task| fs::read_to_string(task.path().join("status")));
    let list = |status: String| {
        let mut lines = status.lines();
        lines.find_map(|line| {
            let cores = line.strip_prefix("Cpus_allowed_list:")?;
            Some(cores.trim().to_owned())
        })
    };
    status.filter_map(list).collect()
}

/// Whatever the near end waits in, it learns that the far one was killed.
#[test]
fn a_killed_far_end_is_missed() {
    for arguments in [
        "--variant cache-line --waiting spin",
        "--variant cache-line --waiting block",
        "--variant ring --waiting spin",
        "--variant ring --waiting spin-then-park",
        "--variant ring --waiting block",
        "--variant pipe",
        "--variant unix-stream",
        "--variant unix-seqpacket",
    ] {
        // Two ends on one core cannot spin.
        if arguments.ends_with("spin") && machine::cores() == 1 {
            continue;
        }
        let mut near = endless(Model::Processes, arguments);
        kill_process(far_end(&near), Signal::KILL).unwrap();
        let status = end_of(&mut near, arguments);
        assert_eq!(status.code(), Some(1), "{arguments}");
        let mut error = String::new();
        near.stderr.unwrap().read_to_string(&mut error).unwrap();
        assert!(error.starts_with("error: "), "{arguments}: {error}");
    }
}

/// Far beyond what anything here takes, also on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// A ladder of one step that nobody waits for.
fn endless(model: Model, arguments: &str) -> Child {
    demo(scenario("ipc"), model)
        .args(arguments.split(' '))
        .args(["--size", "64", "--messages", "1000000000"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// How it ended: one that hangs is killed and is a failure.
fn end_of(near: &mut Child, arguments: &str) -> ExitStatus {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = near.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            near.kill().unwrap();
            near.wait().unwrap();
            panic!("{arguments}: it hangs");
        }
        thread::yield_now();
    }
}

/// The worker of a program, as soon as it has one.
fn far_end(near: &Child) -> Pid {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(&id) = workers(near).first() {
            return Pid::from_raw(id).unwrap();
        }
        assert!(Instant::now() < deadline, "no worker was started");
        thread::yield_now();
    }
}

fn workers(near: &Child) -> Vec<i32> {
    let id = near.id();
    let children = format!("/proc/{id}/task/{id}/children");
    let children = fs::read_to_string(children).unwrap_or_default();
    children.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

#[test]
fn seeds_and_sizes_make_a_difference() {
    for (name, one, other) in [
        ("shared-state", "--variant lock --transfers 50", "--seed 2"),
        ("shared-state", "--variant lock --transfers 50", "--accounts 9"),
        ("matrix", "--rows 80 --columns 12", "--seed 2"),
        ("kill-workers", "--jobs 20 --stuck 0", "--seed 2"),
        ("crash", "--variant abort --transfers 50", "--seed 2"),
        ("crash", "--variant abort --transfers 50", "--workers 9"),
        ("fetch", "--workers 2 --delay 1ms --faults 0", "--seed 2"),
        ("fetch", "--workers 2 --delay 1ms --faults 0", "--size 9"),
        ("ipc", "--variant ring --messages 9 --size 64", "--seed 2"),
        ("ipc", "--variant ring --messages 9 --size 64", "--size 72"),
        ("address-space", "--variant files --operations 9", "--seed 2"),
        ("worker-cost", "--quick --starts 3 --crew 2", "--seed 2"),
        ("worker-cost", "--quick --starts 3 --crew 2", "--table 64KiB"),
        ("responsive-ui", "--quick --steps 9999 --cancels 0", "--seed 2"),
        ("responsive-ui", "--quick --cancels 0 --steps 9999", "--queries 2"),
    ] {
        let answer = run(name, Model::Threads, one).answer;
        let expecting = format!("{one} --expect {answer}");
        assert_eq!(run(name, Model::Processes, &expecting).answer, answer);
        let other = format!("{expecting} {other}");
        let found = refusal(name, Model::Threads, &other, 1);
        let reason = format!("and not {answer} as expected");
        assert!(found.contains(&reason), "{other}: {found}");
    }
}

#[test]
fn what_cannot_be_understood_is_bad_usage() {
    for (name, arguments, reason) in [
        ("shared-state", "--workers 0", "from 1 to 1024"),
        ("shared-state", "--workers two", "'two'"),
        ("shared-state", "--accounts 1", "1 is not in 2..=1048576"),
        ("shared-state", "--transfers 0", "--transfers"),
        ("shared-state", "--variant fastest", "lock-per-account"),
        ("shared-state", "--seed -1", "-1"),
        ("matrix", "--columns 0", "--columns"),
        ("matrix", "--rows 5 file", "'file'"),
        ("matrix", "--variant lock", "--variant"),
        ("crash", "--deaths 0", "--deaths"),
        ("crash", "--transfers 0", "--transfers"),
        ("crash", "--variant boredom", "stack-overflow"),
        ("crash", "--workers 0", "from 1 to 1024"),
        ("address-space", "--operations 0", "--operations"),
        ("address-space", "--variant page", "allocate"),
        ("address-space", "--workers 1025", "from 1 to 1024"),
        ("fetch", "--workers 0", "from 1 to 1024"),
        ("fetch", "--requests 0", "--requests"),
        ("fetch", "--delay soon", "'soon'"),
        ("fetch", "--size 10485761", "0..=10485760"),
        ("fetch", "--timeout 50ms", "must be longer than --delay"),
        ("fetch", "--timeout 0s", "must leave some time"),
        ("fetch", "--url-file here --delay 5ms", "cannot be used with"),
        ("ipc", "--size 7", "a multiple of eight"),
        ("ipc", "--size 33554432", "to 16777216"),
        ("ipc", "--messages 0", "--messages"),
        ("ipc", "--pin both", "[possible values: same, different]"),
        ("ipc", "--workers 2", "--workers"),
        ("ipc", "--variant cache-line --size 72", "no more than 64 bytes"),
        ("ipc", "--variant ring-in-place --waiting block", "only a ring waits"),
        ("worker-cost", "--starts 0", "--starts"),
        ("worker-cost", "--crew 0", "0 is not in 1..=1024"),
        ("worker-cost", "--parent-memory 1gb", "such as 64KiB"),
        ("worker-cost", "--table -1", "-1"),
        ("worker-cost", "--variant fork", "borrowed"),
        ("worker-cost", "--workers 2", "--workers"),
        ("responsive-ui", "--queries 0", "0 is not in 1..=6"),
        ("responsive-ui", "--steps 0", "--steps"),
        ("responsive-ui", "--workers 2", "--workers"),
    ] {
        for model in MODELS {
            let text = refusal(name, model, arguments, 2);
            assert!(text.contains(reason), "{arguments}: {text}");
        }
    }
}

/// The siblings have the same flags, and say what is for the other.
#[test]
fn a_mechanism_of_the_other_side_is_bad_usage() {
    for (variant, of) in
        [("pipe", Model::Processes), ("bounded", Model::Threads)]
    {
        for model in MODELS.into_iter().filter(|model| *model != of) {
            let arguments = format!("--variant {variant}");
            let text = refusal("ipc", model, &arguments, 2);
            assert!(text.contains("--list-variants"), "{text}");
        }
    }
}

/// More than there are addresses.
const HUGE: &str = "--variant bare --starts 1 --parent-memory 8388608GiB";

#[test]
fn what_cannot_be_done_is_an_error_that_names_it() {
    let text = workspace().join("README.md");
    let text = text.to_str().unwrap();
    for (name, arguments, reason) in [
        ("matrix", "--database nowhere.sqlite".to_owned(), "nowhere.sqlite"),
        ("matrix", format!("--database {text}"), "README.md"),
        ("fetch", "--url-file nowhere.txt".to_owned(), "nowhere.txt"),
        ("fetch", format!("--url-file {text}"), "README.md, line 3: "),
        ("worker-cost", HUGE.to_owned(), "a parent of 8388608 GiB"),
        ("responsive-ui", "--database nowhere".to_owned(), "nowhere"),
        ("responsive-ui", format!("--database {text}"), "not a database"),
    ] {
        for model in MODELS {
            let found = refusal(name, model, &arguments, 1);
            assert!(found.starts_with("error: "), "{found}");
            assert!(found.contains(reason), "{found}");
        }
    }
}

/// The text of an error of the expected status, with nothing on stdout.
fn refusal(name: &str, model: Model, arguments: &str, status: i32) -> String {
    let mut demo = demo(scenario(name), model);
    let output = demo.args(arguments.split(' ')).output().unwrap();
    assert_eq!(output.status.code(), Some(status), "{arguments}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_person_gets_a_story_that_fits_the_screen() {
    for (name, arguments) in [
        ("shared-state", "--transfers 1000"),
        ("matrix", "--rows 80 --columns 12"),
        ("ipc", "--messages 30"),
        ("kill-workers", "--jobs 20 --stuck 1 --variant read"),
        ("crash", "--transfers 100 --deaths 1"),
        ("address-space", "--operations 16 --workers 4"),
        ("fetch", "--quick"),
        ("worker-cost", "--starts 3 --crew 12 --table 1MiB"),
        ("responsive-ui", "--quick --steps 9999 --cancels 3"),
    ] {
        for model in MODELS {
            let mut demo = demo(scenario(name), model);
            let output = demo.args(arguments.split(' ')).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.starts_with(&format!("{name}, {model}\n")));
            let longest = text.lines().map(|line| line.chars().count()).max();
            assert!(longest.unwrap() <= 80, "{text}");
        }
    }
}

#[test]
fn variants_are_listed() {
    for (name, model, variants) in [
        (
            "shared-state",
            Model::Threads,
            "racy forced global-lock lock lock-per-account atomic owner \
             partition",
        ),
        (
            "shared-state",
            Model::Processes,
            "racy forced global-lock lock lock-per-account atomic owner \
             partition",
        ),
        (
            "crash",
            Model::Threads,
            "panic exit abort segfault stack-overflow memory-limit",
        ),
        (
            "crash",
            Model::Processes,
            "panic exit abort segfault stack-overflow memory-limit",
        ),
        ("address-space", Model::Threads, "map touch allocate protect files"),
        ("address-space", Model::Processes, "map touch allocate protect files"),
        (
            "ipc",
            Model::Threads,
            "cache-line ring ring-in-place bounded unbounded rendezvous mpsc \
             condvar",
        ),
        (
            "ipc",
            Model::Processes,
            "cache-line ring ring-in-place pipe unix-stream unix-seqpacket",
        ),
        ("worker-cost", Model::Threads, WAYS_TO_START),
        ("worker-cost", Model::Processes, WAYS_TO_START),
    ] {
        let mut demo = demo(scenario(name), model);
        let output = demo.arg("--list-variants").output().unwrap();
        let listed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(listed, variants.replace(' ', "\n") + "\n");
    }
}

/// Both sides have a part for each.
const WAYS_TO_START: &str =
    "anew borrowed prepared served pool resident bare idle";

/// Claim C23: what grows with the parent is fork, and nothing else, whatever
/// `Command` calls it. Beside a large parent, no other way takes as long.
#[test]
fn only_fork_grows_with_the_parent() {
    let arguments = "--starts 9 --parent-memory 1GiB --variant";
    let took = |way: &str| {
        let arguments = format!("{arguments} {way}");
        let found = run("worker-cost", Model::Processes, &arguments);
        let figures = found.metrics.iter();
        let figures = figures.filter(|one| one.id.starts_with("finish."));
        let figures: Vec<_> = figures.map(|one| one.value.unwrap()).collect();
        let [small, large] = figures[..] else { panic!("{figures:?}") };
        (small, large)
    };
    let (small, fork) = took("borrowed");
    assert!(fork > 3.0 * small, "{fork} {small}");
    let (_, hidden) = took("prepared");
    assert!(hidden > fork / 3.0, "{hidden} {fork}");
    for way in ["anew", "served", "bare"] {
        let (_, large) = took(way);
        assert!(large < fork / 3.0, "{way}: {large} {fork}");
    }
}

/// Claims C10 and C11: a process that waits holds more than a thread does,
/// and of either, a crew holds no more for each than one alone. What a crew
/// reads in common is there once; what each copies is there for each.
#[test]
fn who_waits_holds_little_and_a_process_more() {
    let each = MODELS.map(|model| {
        let arguments = "--variant idle --table 16MiB --crew";
        [1, 20].map(|crew| {
            let arguments = format!("{arguments} {crew}");
            let found = run("worker-cost", model, &arguments);
            let idle = figure(&found, &format!("private.idle-{crew}"));
            let tables = format!("pss.idle-{crew}.with-tables");
            (idle, figure(&found, &tables) / f64::from(16 << 20))
        })
    });
    let [threads, processes] = each;
    for ((thread, with), (process, others)) in threads.iter().zip(&processes) {
        assert!(thread < process && *process < 400e3, "{each:?}");
        assert!((with / others - 1.0).abs() < 0.1, "{each:?}");
    }
    let [_, (thread, with_tables)] = threads;
    assert!(thread < 24e3, "{each:?}");
    assert!((with_tables / 1.05 - 1.0).abs() < 0.05, "{each:?}");
}

/// Every token is answered, whichever way it goes; and the tables are read.
#[test]
fn every_worker_answers_whoever_starts_it() {
    for seed in SEEDS {
        let arguments = format!(
            "--starts 4 --crew 3 --table 4KiB --parent-memory 4MiB --seed \
             {seed}"
        );
        let expected = answered(seed);
        for model in MODELS {
            let found = run("worker-cost", model, &arguments);
            assert_eq!(found.answer, expected, "{model}: {arguments}");
        }
    }
}

/// The answer by the plainest of ways.
fn answered(seed: u64) -> String {
    let mut digest = Digest::new();
    let ways = WAYS_TO_START.split(' ').enumerate();
    let ways: Vec<_> = ways.filter(|(_, way)| *way != "idle").collect();
    let starts = |digest: &mut Digest, beside: &str| {
        for (place, way) in &ways {
            let mut input = Input::new(seed, *place as u64);
            let mut word = || u64::from(input.below(u32::MAX));
            let answers = (0..4).map(|_| {
                let (first, second) = (word(), word());
                !(second << 32 | first)
            });
            let sum = answers.fold(0, u64::wrapping_add);
            digest.text(&format!("{way}{beside}")).count(4).count(sum);
        }
    };
    starts(&mut digest, "");
    digest.text("idle, 3").count(3).count(0);
    let first = u64::from(Input::new(seed, 3).below(u32::MAX));
    let squares = (first..first + 512).map(|word| word.wrapping_mul(word));
    let sum = squares.fold(0, u64::wrapping_add).wrapping_mul(3);
    digest.text("idle, 3, with tables").count(3).count(sum);
    starts(&mut digest, ", beside 4 MiB");
    digest.hex()
}

/// Whatever is measured on a processor by one side is by the other.
#[test]
fn siblings_report_the_same_figures() {
    for (name, arguments) in [
        ("shared-state", "--transfers 1000"),
        ("matrix", "--rows 80 --columns 12"),
        ("ipc", "--messages 30"),
        ("kill-workers", "--jobs 20 --stuck 1 --variant read"),
        ("crash", "--transfers 100 --deaths 1"),
        ("address-space", "--operations 16 --workers 4"),
        ("fetch", "--quick"),
        ("worker-cost", "--starts 3 --crew 12 --table 1MiB"),
        ("responsive-ui", "--quick --steps 9999 --cancels 3"),
    ] {
        let [threads, processes] = MODELS.map(|model| {
            let found = run(name, model, arguments);
            assert!(found.laps.start > 0.0 && found.laps.work > 0.0);
            assert!(
                found.resources.peak_proportional_memory.unwrap() > 1 << 16
            );
            let metrics = found.metrics.into_iter();
            let metrics = metrics.filter(|one| one.only.is_none());
            let names =
                metrics.map(|one| (one.id, one.label, one.variant, one.unit));
            // How a program is linked may be a matter of its mechanism.
            let machine = Machine { link: String::new(), ..found.machine };
            (names.collect::<Vec<_>>(), found.parameters, machine)
        });
        assert_eq!(threads, processes);
    }
}

/// The clock starts before the gate opens, however busy the cores are: or a
/// short job would seem to be done by more workers than there are.
#[test]
fn no_more_is_done_at_once_than_there_are_workers() {
    for model in MODELS {
        for workers in WORKERS {
            let arguments = format!("--rows 4 --columns 2 --workers {workers}");
            let found = run("matrix", model, &arguments);
            let used = figure(&found, "cores-used");
            assert!(used <= workers as f64, "{model}: {used}");
            for database in found.result.as_array().unwrap() {
                let end = database["timeline"]["transform"][1].as_f64();
                assert!(end.unwrap() <= found.laps.work, "{model}");
            }
        }
    }
}

/// The rows by the plainest of ways: a table that is read once, and a walk.
#[test]
fn a_responsive_screen_gets_every_row() {
    for seed in [1, 2026] {
        for (queries, steps) in [(1, 1), (1, 600_000), (2, 200_000)] {
            let arguments = format!(
                "--quick --cancels 0 --seed {seed} --queries {queries} \
                 --steps {steps}"
            );
            let expected = walks(seed, queries, steps);
            for model in MODELS {
                let found = run("responsive-ui", model, &arguments);
                assert_eq!(found.answer, expected, "{model}: {arguments}");
            }
        }
    }
}

/// A person's own database has none of the generated tables.
#[test]
fn a_script_walks_through_a_database_of_ones_own() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("mine.sqlite");
    let ours = rusqlite::Connection::open(&path).unwrap();
    let arguments = format!(
        "--steps 30000 --cancels 3 --headless --database {}",
        path.display()
    );
    for model in MODELS {
        let refused = refusal("responsive-ui", model, &arguments, 1);
        assert!(refused.contains("mine.sqlite"), "{refused}");
        assert!(refused.contains("without --headless"), "{refused}");
    }
    ours.execute_batch(
        "CREATE TABLE \"my things\" (name, size); \
         INSERT INTO \"my things\" VALUES ('one', 1), ('two', 2.5)",
    )
    .unwrap();
    let expected = walk(&[(String::new(), None)], 1, 30_000).0;
    for model in MODELS {
        let found = run("responsive-ui", model, &arguments);
        let rows = &found.result["sessions"]["worker"]["rows"];
        assert_eq!(rows, expected, "{model}");
    }
}

fn walks(seed: u64, queries: usize, steps: u64) -> String {
    let shape = Shape::usual(seed, true);
    let databases = generated(&shape).unwrap();
    let mut answer = Digest::new();
    for database in &databases[..queries] {
        let connection = rusqlite::Connection::open(database).unwrap();
        let all = "SELECT station, m2 FROM measurements ORDER BY rowid";
        let mut statement = connection.prepare(all).unwrap();
        let table: Vec<(String, Option<i64>)> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let (count, rows) = walk(&table, seed, steps);
        answer.count(count).text(&rows.hex());
    }
    answer.hex()
}

fn walk(
    table: &[(String, Option<i64>)],
    seed: u64,
    steps: u64,
) -> (u64, Digest) {
    let (mut count, mut rows) = (0, Digest::new());
    let mut place = 1 + seed % 2_147_483_646;
    for step in 0..=steps {
        if place.is_multiple_of(256) {
            let (station, number) = &table[place as usize % table.len()];
            count += 1;
            rows.count(3).text("i").integers(&[step as i64]);
            rows.text("t").text(station);
            match number {
                Some(number) => rows.text("i").integers(&[*number]),
                None => rows.text("null"),
            };
        }
        place = place * 48271 % 2_147_483_647;
    }
    (count, rows)
}

#[test]
fn a_screen_stands_still_without_a_worker_and_not_with_one() {
    for model in MODELS {
        let found = run("responsive-ui", model, "--quick --cancels 9");
        let gap = |of| figure(&found, &format!("longest-frame-gap.{of}"));
        let frozen = gap("no-worker") / figure(&found, "query.no-worker");
        assert!((0.9..1.1).contains(&frozen), "{model}: {frozen}");
        assert!(gap("worker") < gap("no-worker"), "{model}");
        assert!(found.result["cancelled"].as_u64().unwrap() >= 6, "{model}");
    }
}

/// Each database is told of the cancels of all, and obeys its own.
#[test]
fn two_queries_at_once_are_cancelled_both() {
    for model in MODELS {
        let arguments = "--queries 2 --cancels 60 --steps 9999 --json";
        let mut demo = demo(scenario("responsive-ui"), model);
        demo.args(arguments.split(' '));
        let silent = demo.stdout(Stdio::null()).stderr(Stdio::null());
        let status = end_of(&mut silent.spawn().unwrap(), arguments);
        assert!(status.success(), "{model}");
    }
}

#[test]
fn every_good_job_is_done_once_beside_the_stuck() {
    for (seed, workers) in every_seed_and_crew() {
        let expected = good_answer(300, seed);
        for model in MODELS {
            let arguments = format!(
                "--jobs 300 --variant loop --stuck 1 --workers {workers} \
                 --seed {seed} --deadline 20ms"
            );
            let found = run("kill-workers", model, &arguments);
            assert_eq!(found.answer, expected, "{model}: {arguments}");
        }
    }
}

/// The answer by the plainest of ways: one job after the other.
fn good_answer(jobs: u64, seed: u64) -> String {
    let mut digest = Digest::new();
    digest.count(jobs);
    for number in 0..jobs {
        digest.count(kill_workers::good_work(seed, number));
    }
    digest.hex()
}

/// Each way has so much time that a busy machine does not decide.
const PATIENT: &str = "--jobs 20 --stuck 1 --deadline 100ms --grace 1s";

#[test]
fn a_thread_stops_for_what_it_looks_at_and_for_nothing_else() {
    let found = run("kill-workers", Model::Threads, PATIENT).result;
    let stopped = |kind: &str, way: &str| {
        found["kinds"][kind][way]["stopped"].as_u64().unwrap_or(0)
    };
    assert_eq!((stopped("loop", "ask"), stopped("loop", "interrupt")), (1, 2));
    for kind in ["read", "query"] {
        assert_eq!(stopped(kind, "ask"), 0, "{kind}");
        assert_eq!(stopped(kind, "interrupt"), 3, "{kind}");
    }
    for kind in ["sleep", "lock", "native"] {
        let forced = &found["kinds"][kind]["force"];
        assert_eq!(forced["stopped"], 0, "{kind}");
        assert_eq!(
            (&forced["abandoned"], &forced["locks_held"]),
            (&1.into(), &1.into())
        );
    }
    assert_eq!(found["threads_left"], 3);
    assert!(found["cores_lost"].as_f64().unwrap() > 0.05, "{found}");
}

#[test]
fn every_process_stops_and_leaves_a_lock_to_repair() {
    let found = run("kill-workers", Model::Processes, PATIENT).result;
    for kind in ["loop", "read", "query", "sleep", "lock", "native"] {
        let way = |way: &str, what: &str| {
            found["kinds"][kind][way][what].as_u64().unwrap_or(0)
        };
        let looks = u64::from(kind == "loop");
        assert_eq!(way("ask", "stopped"), looks, "{kind}");
        assert_eq!(way("ask", "locks_poisoned"), 0, "{kind}");
        assert_eq!(way("interrupt", "stopped"), 2 - looks, "{kind}");
        assert_eq!(way("interrupt", "locks_poisoned"), 2 - looks, "{kind}");
        assert_eq!(way("force", "stopped"), 1, "{kind}");
        assert_eq!(way("force", "locks_poisoned"), 1, "{kind}");
    }
    assert_eq!(found["threads_left"], 0);
    assert_eq!(found["restarts"], 17);
}

#[test]
fn chaos_changes_no_result() {
    let arguments = "--chaos 5 --jobs 2000 --stuck 0 --workers 4";
    let found = run("kill-workers", Model::Processes, arguments);
    assert_eq!(found.answer, good_answer(2000, 1));
    assert!(found.result["restarts"].as_u64().unwrap() > 150);
    let other = "--chaos 6 --soak 1 --stuck 0 --workers 4";
    let soaked = run("kill-workers", Model::Processes, other);
    let jobs = soaked.result["good_jobs"].as_u64().unwrap();
    assert_eq!(soaked.answer, good_answer(jobs, 1));
}

/// Of many pools one or the other has a worker that was to die at a job that
/// never comes: it is let go, and has nothing to complain of.
#[test]
fn who_was_to_die_later_says_nothing() {
    for seed in 0..60 {
        let arguments =
            format!("--chaos {seed} --jobs 30 --stuck 0 --workers 4");
        let found = run("kill-workers", Model::Processes, &arguments);
        assert_eq!(found.answer, good_answer(30, 1));
    }
}

#[test]
fn chaos_among_threads_is_bad_usage() {
    let scenario = scenario("kill-workers");
    for (model, arguments) in [
        (Model::Threads, "--chaos 1"),
        (Model::Processes, "--soak 1"),
        (Model::Processes, "--soak 1 --chaos 1 --jobs 5"),
    ] {
        let mut demo = demo(scenario, model);
        let output = demo.args(arguments.split(' ')).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{model}: {arguments}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(&scenario.program(model)), "{error}");
    }
}
