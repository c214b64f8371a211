//! The gateway owns the file of its database, whatever names lead to it, and notices when it is gone.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::bench::{Client, Folder, Served, gateway};
use crate::check_refused;

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

/// A gateway whose log is in the file `log` of its folder.
fn logged(folder: Folder) -> Served {
    let log = fs::File::create(folder.path("log")).expect("a file");
    let mut command = gateway(&["--listen", "127.0.0.1:0", "--db", &folder.path("state.db"), "--orphan-grace", "1h"]);
    command.stderr(log);
    Served::run(folder, command)
}

/// Under another name of the file a second gateway would use other journals and end the rows of the first.
#[tokio::test(flavor = "current_thread")]
async fn a_second_gateway_is_refused_under_every_name() {
    let gateway = Served::with_grace("1h");
    check_serves(&mut gateway.connect().await).await;
    let path = |name: &str| gateway.folder.path(name);
    fs::hard_link(path("state.db"), path("hard.db")).expect("a link");
    symlink(path("state.db"), path("soft.db")).expect("a link");
    // What an earlier version has left beside the file, and nobody holds, has no meaning.
    gateway.folder.write("state.db.lock", "");
    fs::remove_file(path("state.db.lock")).expect("it was there");
    let before = gateway.folder.names();
    for name in ["state.db", "hard.db", "soft.db"] {
        let says = format!("`{}` is in use by another gateway\nhint: stop the other gateway", path(name));
        check_refused(&["--listen", "127.0.0.1:0", "--db", &path(name)], &says);
    }
    assert_eq!(gateway.folder.names(), before, "and nothing lies beside it");
}

/// A copy is a database of its own.
#[tokio::test(flavor = "current_thread")]
async fn a_copy_is_another_database() {
    let gateway = Served::with_grace("1h");
    let copy = Folder::new();
    fs::copy(gateway.folder.path("state.db"), copy.path("state.db")).expect("a copy");
    let other = Served::start(copy);
    check_serves(&mut other.connect().await).await;
    check_serves(&mut gateway.connect().await).await;
}

/// How a database is taken from a gateway that runs.
enum Loss {
    Removed,
    Replaced,
    Moved,
}

#[tokio::test(flavor = "current_thread")]
async fn a_file_that_is_removed_is_not_written_to() {
    check_gone(Loss::Removed, "the database file was removed").await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_file_that_is_replaced_is_not_written_to() {
    check_gone(Loss::Replaced, "the database file was replaced by another file").await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_file_that_is_moved_away_and_back_is_used_again() {
    check_gone(Loss::Moved, "the database file was removed").await;
}

/// Without its file the gateway accepts no prompt, says why, and is not healthy. Once the file is back it serves.
async fn check_gone(loss: Loss, says: &str) {
    let gateway = logged(Folder::new());
    let path = |name: &str| gateway.folder.path(name);
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;
    client.prompt(&session, "stored").await;
    client.event_of("message.complete").await;
    assert_eq!(gateway.get(HEALTH).await, "HTTP/1.1 200 OK");
    match loss {
        Loss::Removed => fs::remove_file(path("state.db")).expect("it was there"),
        Loss::Moved => fs::rename(path("state.db"), path("away.db")).expect("it moves"),
        Loss::Replaced => {
            fs::write(path("other.db"), "").expect("a file");
            fs::rename(path("other.db"), path("state.db")).expect("it moves");
        }
    }

    assert_eq!(gateway.get(HEALTH).await, "HTTP/1.1 503 Service Unavailable");
    for _ in 0..2 {
        let answer = client.answer("prompt.submit", json!({"session_id": session, "text": "lost"})).await;
        let message = answer["error"]["message"].as_str().expect("it is refused");
        assert_eq!(message, format!("the prompt was not accepted: nothing was written: {says}"));
    }
    let log = fs::read_to_string(path("log")).expect("a log");
    let told: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert!(told.len() == 1 && told[0].contains(says) && told[0].contains(&path("state.db")), "{log}");

    if let Loss::Moved = loss {
        fs::rename(path("away.db"), path("state.db")).expect("it moves back");
        client.prompt(&session, "again").await;
        client.event_of("message.complete").await;
        assert_eq!(gateway.get(HEALTH).await, "HTTP/1.1 200 OK");
        assert_eq!(gateway.folder.messages(&row), 4);
        assert!(fs::read_to_string(path("log")).expect("a log").contains("the database file is back"));
        let (code, folder) = gateway.stop("TERM").await;
        assert_eq!((code, folder.end_of(&row).as_deref()), (Some(0), Some("tui_shutdown")));
    }
}

async fn check_serves(client: &mut Client) {
    let (session, _) = client.create().await;
    client.prompt(&session, "hello").await;
    assert_eq!(client.event_of("message.complete").await["payload"]["text"], "hello");
}
