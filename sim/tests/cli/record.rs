//! `sim record` without a gateway: what is refused before anything is recorded.

use super::{sim, text};

/// A gateway behind TLS is refused; what to start in front of it, and what to write then, is named. The query is not part of it,
/// because it may hold a token.
#[test]
fn tls_is_refused_with_its_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    let upstream = "wss://gateway.example/api/ws?token=x";
    let output = sim(folder.path(), &["record", "--upstream", upstream, "--out", "session.toml"]);
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(text(output.stderr), @r"
    error: invalid value 'wss://gateway.example/api/ws?token=x' for '--upstream <URL>': TLS is not spoken here: let `socat TCP-LISTEN:8645,bind=127.0.0.1,fork OPENSSL:gateway.example:443` (or stunnel) do so, and write `ws://127.0.0.1:8645` in place of `wss://gateway.example`

    For more information, try '--help'.
    ");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is written");
}
