//! What the world does to `fetch`: addresses as people write them, a proxy,
//! replies that nobody expects, and a server without room.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use crate::support::{self, MODELS, demo, programs};
use common::{
    outcome::{Model, Outcome},
    scenarios::{ALL, Scenario},
};
use tempfile::NamedTempFile;

fn fetch() -> &'static Scenario {
    ALL.iter().find(|scenario| scenario.name == "fetch").unwrap()
}

/// A demo that fetches these addresses, one a line.
fn fetching(model: Model, addresses: &str) -> (Command, NamedTempFile) {
    let file = NamedTempFile::new().unwrap();
    fs::write(&file, addresses).unwrap();
    let mut demo = demo(fetch(), model);
    demo.arg("--url-file").arg(file.path());
    for name in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
        demo.env_remove(name).env_remove(name.to_lowercase());
    }
    (demo, file)
}

fn outcome(model: Model, addresses: &str) -> Outcome {
    support::outcome(&mut fetching(model, addresses).0)
}

fn all_text(output: &Output) -> String {
    let bytes = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8(bytes).unwrap()
}

/// A server that answers by the path, and closes each connection.
fn server() -> SocketAddr {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = server.local_addr().unwrap();
    thread::spawn(move || {
        for client in server.incoming() {
            reply(&mut client.unwrap());
        }
    });
    here
}

fn reply(client: &mut TcpStream) {
    let mut request = String::new();
    BufReader::new(&mut *client).read_line(&mut request).unwrap();
    let path = request.split(' ').nth(1).unwrap();
    let (status, header) = match path.strip_prefix("/head-of-bytes/") {
        Some(bytes) => ("200 OK", "x".repeat(bytes.parse().unwrap())),
        None if path == "/redirect" => {
            ("302 Found", "y\r\nlocation: http://me:secret@127.0.0.1:1/".into())
        }
        None if path == "/none" => ("404 Not Found", "y".into()),
        None => ("200 OK", "y".into()),
    };
    let reply = format!(
        "HTTP/1.1 {status}\r\nx: {header}\r\ncontent-length: 2\r\n\
         connection: close\r\n\r\nHi"
    );
    // Who has heard enough is gone.
    let _ = client.write_all(reply.as_bytes());
}

#[test]
fn addresses_are_fetched_as_editors_and_people_write_them() {
    let here = server();
    for model in MODELS {
        let addresses = format!("\u{feff}HTTP://{here}/\r\nhTTp://{here}/\r\n");
        let found = outcome(model, &addresses);
        assert_eq!(found.result[0]["bytes"], 4, "{}", found.result);
    }
}

#[test]
fn no_password_is_shown_or_kept() {
    let here = server();
    let addresses = format!(
        "http://me:secret@{here}/none\nhttp://me:secret@{here}/redirect\n\
         http://me:secret@127.0.0.1:1/\n"
    );
    for model in MODELS {
        for flag in [None, Some("--json")] {
            let (mut demo, _file) = fetching(model, &addresses);
            let output = demo.args(flag).output().unwrap();
            let text = all_text(&output);
            assert!(output.status.success(), "{text}");
            assert!(!text.contains("secret"), "{text}");
            assert!(
                text.contains(&format!("http://***@{here}/none")),
                "{text}"
            );
        }
        for wrong in ["ftp://me:secret@a", "http://me:secret@bücher.example"] {
            let output = fetching(model, wrong).0.output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{wrong}");
            assert!(!all_text(&output).contains("secret"), "{output:?}");
        }
    }
}

/// To connect directly may be what the proxy is there to prevent.
#[test]
fn a_proxy_that_cannot_be_used_is_not_passed_over() {
    let here = server();
    for model in MODELS {
        let (mut demo, _file) = fetching(model, &format!("http://{here}/"));
        demo.env("ALL_PROXY", "socks5h://me:secret@127.0.0.1:1");
        let output = demo.output().unwrap();
        let text = all_text(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("socks5h://***@127.0.0.1:1"), "{text}");
        assert!(text.contains("SOCKS is not supported"), "{text}");
        let found = support::outcome(demo.env("NO_PROXY", "*"));
        assert_eq!(found.result[0]["bytes"], 2);
    }
}

#[test]
fn a_head_that_is_too_long_is_named_as_that() {
    let here = server();
    let addresses: String = [15_000, 17_000, 100_000]
        .map(|bytes| format!("http://{here}/head-of-bytes/{bytes}\n"))
        .concat();
    for model in MODELS {
        let found = outcome(model, &addresses);
        let row = &found.result[0];
        assert_eq!(row["bytes"], 2, "{row}");
        let counted = serde_json::json!({ "oversized": 2 });
        assert_eq!(row["counted"], counted, "{row}");
    }
}

/// Descriptors of a server, of which it needs a few for itself.
const DESCRIPTORS: usize = 32;

/// A client that finds no room is served when others have left.
#[test]
fn a_server_without_room_goes_on() {
    for model in MODELS {
        let program = programs().join(fetch().program(model));
        let mut server = Command::new("sh")
            .arg("-c")
            .arg(format!("ulimit -n {DESCRIPTORS} && exec \"$0\" --serve"))
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(server.stdout.take().unwrap());
        let mut said = stdout.lines().map(Result::unwrap);
        let address = said.next().unwrap();
        let host = address.strip_prefix("http://").unwrap();
        let connect = || TcpStream::connect(host).unwrap();
        let crowd: Vec<_> = (0..2 * DESCRIPTORS).map(|_| connect()).collect();
        let (first, last) = (&crowd[0], crowd[2 * DESCRIPTORS - 1].try_clone());
        let last = last.unwrap();
        ask(first);
        assert_eq!(status(first).unwrap(), "HTTP/1.1 200 OK\r\n", "{model}");
        ask(&last);
        last.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        assert!(status(&last).is_err(), "{model}: there was room for all");
        last.set_read_timeout(None).unwrap();
        drop(crowd);
        assert_eq!(status(&last).unwrap(), "HTTP/1.1 200 OK\r\n", "{model}");
        drop(server.stdin.take());
        assert!(server.wait().unwrap().success(), "{model}");
    }
}

fn ask(mut client: &TcpStream) {
    client.write_all(b"GET /?size=2 HTTP/1.1\r\n\r\n").unwrap();
}

fn status(client: &TcpStream) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(client).read_line(&mut line)?;
    Ok(line)
}
