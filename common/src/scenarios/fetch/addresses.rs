//! Addresses from a file: which can be fetched, and how they are shown.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, anyhow, ensure};
use ureq::{Proxy, ProxyProtocol, http::Uri};

/// The addresses in a file: one per line, except for lines that are empty or
/// start with `#`.
pub(super) fn addresses(file: &Path) -> Result<Vec<String>> {
    let shown = file.display();
    let text = fs::read_to_string(file)
        .with_context(|| format!("{shown}: cannot read the addresses"))?;
    // Some editors put a byte-order mark first.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut addresses = Vec::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        check(line).map_err(|reason| {
            let hidden = hidden(line);
            anyhow!(
                "{shown}, line {number}: {hidden:?} is not an address: {reason}"
            )
        })?;
        addresses.push(line.to_owned());
    }
    ensure!(!addresses.is_empty(), "{shown}: there is no address in it");
    check_proxy(&addresses)?;
    Ok(addresses)
}

/// Fails with the reason why the address cannot be fetched.
fn check(address: &str) -> Result<(), String> {
    let (scheme, rest) = address.split_once("://").unwrap_or_default();
    let is_known = |known| scheme.eq_ignore_ascii_case(known);
    if !["http", "https"].into_iter().any(is_known) {
        return Err("it must begin with http:// or https://".into());
    }
    if is_known("https") && !cfg!(feature = "https") {
        return Err(
            "https needs TLS, which is not built in: add it with cargo \
                    run --features https"
                .into(),
        );
    }
    if !authority(rest).is_ascii() {
        return Err("its host must be written in ASCII, as in \
                    http://xn--bcher-kva.example for bücher.example"
            .into());
    }
    let uri: Uri = address.parse().map_err(|error| format!("{error}"))?;
    let host = uri.host().filter(|host| !host.is_empty());
    let host = host.ok_or("there is no host in it")?;
    let port = authority(rest).rsplit_once(host).map_or("", |(_, port)| port);
    match port {
        "" | ":" => Ok(()),
        _ if uri.port_u16().is_some() => Ok(()),
        // It may be the start of a password with a slash in it.
        _ => Err("its port must be a number up to 65535".into()),
    }
}

/// Fails if the environment sends an address through a proxy that `ureq` would
/// ignore: preventing a direct connection may be what the proxy is for.
fn check_proxy(addresses: &[String]) -> Result<()> {
    let Some(proxy) = Proxy::try_from_env() else { return Ok(()) };
    let mut uris = addresses.iter().filter_map(|one| one.parse().ok());
    let is_known =
        matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https);
    ensure!(
        is_known || uris.all(|uri| proxy.is_no_proxy(&uri)),
        "the environment names the proxy {}, and SOCKS is not supported: name \
         an HTTP proxy in ALL_PROXY, or set NO_PROXY='*' to connect directly",
        shown(&proxy.uri().to_string())
    );
    Ok(())
}

/// An address, or a word of an error that may be one, without user name and
/// password.
pub(super) fn shown(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.into();
    };
    match authority(rest).rfind('@') {
        Some(at) => format!("{scheme}://***{}", &rest[at..]),
        None => address.into(),
    }
}

/// An error whose text may contain an address.
pub(super) fn shown_in(error: &str) -> String {
    error.split(' ').map(shown).collect::<Vec<_>>().join(" ")
}

/// A line that is not an address, without anything that may be a password.
fn hidden(line: &str) -> String {
    match line.rfind('@') {
        Some(at) => format!("***{}", &line[at..]),
        None => line.into(),
    }
}

/// User, host and port, from what follows the scheme.
fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("addresses");
        fs::write(&file, text).unwrap();
        addresses(&file).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn reads_one_address_a_line() {
        assert_eq!(
            read("# two\n\n http://a/b?c \r\nhttp://d:1\n").unwrap(),
            ["http://a/b?c", "http://d:1"]
        );
        assert!(read("# none\n").unwrap_err().contains("no address in it"));
    }

    #[test]
    fn reads_https_where_it_is_built_in_and_otherwise_says_how() {
        let read = read("hTTps://A.example");
        if cfg!(feature = "https") {
            assert_eq!(read.unwrap(), ["hTTps://A.example"]);
        } else {
            assert!(read.unwrap_err().contains("--features https"));
        }
    }

    #[test]
    fn reads_addresses_as_editors_and_people_write_them() {
        for address in ["http://a/", "HTTP://a/", "http://u:p@a/"] {
            for text in [format!("\u{feff}{address}"), format!("{address}\r")] {
                assert_eq!(read(&text).unwrap(), [address]);
            }
        }
    }

    #[test]
    fn says_why_a_line_is_no_address() {
        let scheme = "must begin with http:// or https://";
        for (line, reason) in [
            ("a.example", scheme),
            ("ftp://a", scheme),
            ("://a", scheme),
            ("http://", ""),
            ("http:///x", ""),
            ("http://a b", "invalid uri character"),
            ("http://bücher.example/", "xn--bcher-kva.example"),
        ] {
            let error = read(&format!("http://a\n{line}\n")).unwrap_err();
            assert!(error.contains("line 2: "), "{line}: {error}");
            assert!(error.contains(reason), "{line}: {error}");
            assert_eq!(error.contains(scheme), reason == scheme, "{error}");
        }
    }

    #[test]
    fn shows_no_password() {
        for (address, expected) in [
            ("http://a/", "http://a/"),
            ("http://me:secret@a:1/b@c", "http://***@a:1/b@c"),
            ("https://secret@a?b", "https://***@a?b"),
            ("http://me:secret@secret@a", "http://***@a"),
            ("http://a/@b", "http://a/@b"),
        ] {
            assert_eq!(shown(address), expected);
        }
        let error = "bad uri: http://me:secret@a/ is none";
        assert_eq!(shown_in(error), "bad uri: http://***@a/ is none");
    }

    /// In something that is not an address, nobody knows where the password
    /// ends.
    #[test]
    fn shows_nothing_that_may_be_a_password() {
        for line in [
            "ftp://me:secret@a",
            "me:secret@a",
            "http://me:sec/secret@a",
            "http://me:sec ret/secret@a",
            "http://me:sec?secret@bücher.example",
        ] {
            let error = read(line).unwrap_err();
            assert!(!error.contains("sec"), "{error}");
        }
    }
}
