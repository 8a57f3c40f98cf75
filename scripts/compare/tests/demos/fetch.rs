//! Replies, good and bad, of our own server and of others.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use common::{digest::Digest, input::Input};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    crews::every_seed_and_crew,
    running::{DEADLINE, end_of, far_end, run, scenario},
    support::{MODELS, demo, outcome},
};

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
    let status = if request[..count].starts_with(b"GET /one ") {
        "200 OK"
    } else {
        "404 Not Found"
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
