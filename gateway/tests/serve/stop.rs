//! The deadline for the end: rows are ended before it as far as possible, and what is left is said.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use gateway::real::clock::MachineClock;
use gateway_core::clock::{Clock, Millis};

use crate::bench::{Folder, Served, gateway};

/// A gateway with an uninterruptible tool and a short time to stop.
async fn with_little_time(folder: Folder) -> Served {
    let script = "[turns.dig]\nsteps = [{ tool = \"terminal\", takes = \"1h\", interruptible = false }]";
    let script = format!("script:{}", folder.write("script.toml", script));
    let mut command = gateway(&["--listen", "127.0.0.1:0", "--db", &folder.path("state.db"), "--agent", &script]);
    command.args(["--stop-timeout", "200ms", "--log", "off"]).stderr(Stdio::piped());
    Served::run(folder, command)
}

/// Sends SIGTERM; returns the exit code, and what was said on standard error.
async fn stopped(mut gateway: Served) -> (Option<i32>, String, Folder) {
    let mut said = gateway.process.0.stderr.take().expect("it is piped");
    let (code, folder) = gateway.stop("TERM").await;
    let mut text = String::new();
    said.read_to_string(&mut text).expect("text");
    (code, text, folder)
}

/// A tool that cannot be interrupted holds its session. At the deadline its row is ended all the same, with what was said.
#[tokio::test(flavor = "current_thread")]
async fn the_deadline_ends_the_row_of_a_tool_that_runs_on() {
    let gateway = with_little_time(Folder::new()).await;
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;
    client.prompt(&session, "dig").await;
    client.event_of("tool.start").await;
    let (code, said, folder) = stopped(gateway).await;
    assert_eq!(code, Some(1));
    let expected = "cut short by --stop-timeout; sessions left: 1, rows left open: 0, messages lost: 0; \
                    the next start ends open rows\n";
    assert_eq!(said, expected);
    assert_eq!(folder.end_of(&row).as_deref(), Some("tui_shutdown"));
    let messages = folder.messages(&row);
    assert!(messages >= 2, "{messages}: the prompt, and the call of the tool");
}

/// A store that refuses leaves the row open, and the end says so.
#[tokio::test(flavor = "current_thread")]
async fn the_deadline_says_which_rows_are_left() {
    let gateway = with_little_time(Folder::new()).await;
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;
    client.prompt(&session, "hello").await;
    client.event_of("message.complete").await;
    fs::rename(gateway.folder.path("state.db"), gateway.folder.path("away.db")).expect("it moves");
    let (code, said, folder) = stopped(gateway).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("sessions left: 1, rows left open: 1, messages lost: 0"), "{said}");
    fs::rename(folder.path("away.db"), folder.path("state.db")).expect("it moves back");
    assert_eq!((folder.end_of(&row), folder.messages(&row)), (None, 2), "what was acknowledged is there");
}

/// A process that holds the write lock longer than that is not waited for.
#[tokio::test(flavor = "current_thread")]
async fn the_deadline_waits_for_no_other_process() {
    let gateway = with_little_time(Folder::new()).await;
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;
    client.prompt(&session, "hello").await;
    client.event_of("message.complete").await;
    let other = gateway.folder.rows();
    other.execute_batch("BEGIN IMMEDIATE").expect("no other writer");
    let (code, said, folder) = stopped(gateway).await;
    other.execute_batch("ROLLBACK").expect("it was begun");
    assert_eq!(code, Some(1));
    assert!(said.contains("sessions left: 1, rows left open: 1"), "{said}");
    assert_eq!(folder.end_of(&row), None);
}

/// Messages that the store has refused are tried again until the end. When the store takes them at the deadline, they are stored
/// once, although the last try comes between two of those tries.
#[tokio::test(flavor = "current_thread")]
async fn the_last_try_stores_nothing_twice() {
    tokio::join!(check_once(Millis(1350)), check_once(Millis(1500)), check_once(Millis(1650)));
}

/// Another process holds the database from the call of a tool on, until this long after SIGTERM.
async fn check_once(held: Millis) {
    let folder = Folder::new();
    let script = folder.write("script.toml", "[turns.dig]\nsteps = [{ tool = \"terminal\", takes = \"300ms\" }]");
    let mut command = gateway(&["--listen", "127.0.0.1:0", "--db", &folder.path("state.db"), "--log", "off"]);
    command.args(["--agent", &format!("script:{script}"), "--busy-timeout", "300ms", "--stop-timeout", "1200ms"]);
    command.stderr(Stdio::null());
    let gateway = Served::run(folder, command);
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;
    client.prompt(&session, "dig").await;
    client.event_of("tool.start").await;
    let other = gateway.folder.rows();
    other.execute_batch("BEGIN IMMEDIATE").expect("no other writer");
    client.event_of("message.complete").await;
    let clock = MachineClock::start();
    gateway.signal("TERM");
    clock.sleep_until(clock.now().uptime + held).await;
    other.execute_batch("ROLLBACK").expect("it was begun");
    let (_, folder) = gateway.ended().await;
    let twice =
        "SELECT count(*) - count(DISTINCT role || ifnull(tool_calls, '') || ifnull(tool_call_id, '') || content)
                 FROM messages WHERE session_id = ?1";
    let twice: i64 = folder.rows().query_one(twice, [&row], |row| row.get(0)).expect("a number");
    assert_eq!(twice, 0, "held for {held}");
}
