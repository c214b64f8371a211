//! What a person gets for each kind of file that people have, as one snapshot: exit code, standard error, what lies beside it.
//!
//! Permissions do not bind root, so a test that runs as root starts the gateway as another user. A full disk is a limit on the
//! size of files, whose errors SQLite treats as those of a disk.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;
use rustix::process::{Pid, Resource, Rlimit, geteuid, prlimit};
use serde_json::json;

use crate::bench::{Client, Folder, Served};

/// The user `nobody` of most systems. Any other user than the owner serves.
const OTHER_USER: u32 = 65534;

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

/// A folder with a database of one conversation.
async fn with_database() -> Folder {
    let gateway = Served::with_grace("1h");
    let mut client = gateway.connect().await;
    let (session, _) = client.create().await;
    client.prompt(&session, &"x".repeat(100_000)).await;
    client.event_of("message.complete").await;
    let (code, folder) = gateway.stop("TERM").await;
    assert_eq!(code, Some(0));
    folder
}

/// The gateway as a command for a folder, after a preparation of the shell.
fn command(folder: &Folder, before: &str) -> Command {
    let program = env!("CARGO_BIN_EXE_gateway");
    let serve = format!("exec {program} serve --listen 127.0.0.1:0 --log off --db {}", folder.path("state.db"));
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{before}\n{serve}")]).env_remove("GATEWAY_TOKEN");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a start on the folder's database says that is refused, and what lies in the folder then.
fn refused(story: &mut String, title: &str, folder: &Folder, mut command: Command) {
    let names = folder.names();
    let bytes = fs::read(folder.path("state.db")).ok();
    let output = command.output().expect("it runs");
    let error = String::from_utf8(output.stderr).expect("text").replace(&folder.path(""), "");
    let _ = writeln!(story, "{title}: exit code {:?}\n{error}", output.status.code().unwrap_or_default());
    assert_eq!(folder.names(), names, "{title}: nothing lies beside it");
    assert!(fs::read(folder.path("state.db")).ok() == bytes, "{title}: it was left as it is");
}

fn overwrite(folder: &Folder, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(folder.path("state.db")).expect("it is there");
    change(&mut bytes);
    fs::write(folder.path("state.db"), bytes).expect("a file");
}

/// The first byte of the page with the root of the table of messages.
fn middle(folder: &Folder) -> usize {
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'messages'";
    let page: i64 = Connection::open(folder.path("state.db"))
        .and_then(|connection| connection.query_one(root, [], |row| row.get(0)))
        .expect("a page");
    4096 * (usize::try_from(page).expect("a number") - 1)
}

/// Sets the modes of the folder and of the file, and a user for the command whom they bind.
fn bound(folder: &Folder, folder_mode: u32, file_mode: u32, command: &mut Command) {
    let (database, parent) = (folder.path("state.db"), folder.path(""));
    let set = |path: &str, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    if geteuid().is_root() {
        chown(&database, Some(OTHER_USER), Some(OTHER_USER)).expect("root may");
        chown(&parent, Some(OTHER_USER), Some(OTHER_USER)).expect("root may");
        command.uid(OTHER_USER).gid(OTHER_USER);
    }
    set(&database, file_mode);
    set(&parent, folder_mode);
}

#[tokio::test(flavor = "current_thread")]
async fn databases() {
    let mut story = String::new();
    let sound = with_database().await;
    let copy = || {
        let folder = Folder::new();
        fs::copy(sound.path("state.db"), folder.path("state.db")).expect("a copy");
        folder
    };
    let check = |story: &mut String, title: &str, folder: &Folder| {
        refused(story, title, folder, command(folder, ""));
    };

    let folder = copy();
    let at = middle(&folder);
    overwrite(&folder, |bytes| bytes[at..at + 4096].fill(0xaa));
    check(&mut story, "a page in the middle is overwritten", &folder);
    let folder = copy();
    overwrite(&folder, |bytes| bytes.truncate(bytes.len() / 2 / 4096 * 4096));
    check(&mut story, "the second half is missing", &folder);
    let folder = copy();
    overwrite(&folder, |bytes| bytes[..16].fill(b'x'));
    check(&mut story, "the header is overwritten", &folder);
    let folder = copy();
    let newer = "UPDATE schema_version SET version = 99; PRAGMA journal_mode = delete";
    Connection::open(folder.path("state.db")).and_then(|database| database.execute_batch(newer)).expect("a database");
    check(&mut story, "a newer schema", &folder);
    let folder = Folder::new();
    fs::create_dir(folder.path("state.db")).expect("a folder");
    check(&mut story, "a directory", &folder);
    let folder = copy();
    let mut bound_command = command(&folder, "");
    bound(&folder, 0o700, 0o400, &mut bound_command);
    refused(&mut story, "a file that is read-only", &folder, bound_command);
    let folder = copy();
    let mut bound_command = command(&folder, "");
    bound(&folder, 0o500, 0o600, &mut bound_command);
    refused(&mut story, "a folder that is read-only", &folder, bound_command);
    let folder = Folder::new();
    refused(&mut story, "no room for a new file", &folder, command(&folder, "trap '' XFSZ; ulimit -f 8"));

    let folder = copy();
    let earlier = fs::File::create(folder.path("state.db.lock")).expect("a file");
    earlier.try_lock().expect("it is free");
    check(&mut story, "a gateway of an earlier build serves it", &folder);
    drop(earlier);

    full_while_running(&mut story).await;
    deleted_while_running(&mut story).await;
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots"));
    settings.bind(|| insta::assert_snapshot!("databases", story.trim_end()));
}

/// What clients and `/healthz` get from a gateway in trouble.
async fn trouble(story: &mut String, gateway: &Served, client: &mut Client, session: &str) {
    let answer = client.answer("prompt.submit", json!({"session_id": session, "text": "more"})).await;
    let _ = writeln!(story, "prompt.submit: {}", answer["error"]);
    let history = client.call("session.history", json!({"session_id": session})).await;
    let _ = writeln!(story, "session.history: {} messages", history["messages"].as_array().map_or(0, Vec::len));
    let page = gateway.page(HEALTH).await;
    let line = |line: Option<&str>| line.unwrap_or_default().to_owned();
    let _ = writeln!(story, "/healthz: {}, {}", line(page.lines().next()), line(page.lines().last()));
}

/// A gateway with one conversation of two messages.
async fn running() -> (Served, Client, String, String) {
    let folder = Folder::new();
    let start = command(&folder, "trap '' XFSZ");
    let gateway = Served::run(folder, start);
    let mut client = gateway.connect().await;
    let (session, row) = client.create().await;
    client.prompt(&session, "hello").await;
    client.event_of("message.complete").await;
    (gateway, client, session, row)
}

/// A disk that becomes full refuses prompts and serves reads. With room again the gateway serves again.
async fn full_while_running(story: &mut String) {
    let (gateway, mut client, session, row) = running().await;
    let pid = Pid::from_raw(i32::try_from(gateway.process.0.id()).expect("a number"));
    let size = fs::metadata(gateway.folder.path("state.db-wal")).expect("there is a WAL").len();
    let before = prlimit(pid, Resource::Fsize, Rlimit { current: Some(size), maximum: None }).expect("it is ours");
    let _ = writeln!(story, "the disk becomes full while the gateway runs");
    trouble(story, &gateway, &mut client, &session).await;
    prlimit(pid, Resource::Fsize, before).expect("it is ours");
    client.prompt(&session, "again").await;
    client.event_of("message.complete").await;
    let _ = writeln!(story, "with room again, /healthz: {}", gateway.get(HEALTH).await);
    let (code, folder) = gateway.stop("TERM").await;
    let _ = writeln!(story, "SIGTERM: exit code {}\n", code.unwrap_or_default());
    assert_eq!((folder.messages(&row), folder.end_of(&row).as_deref()), (4, Some("tui_shutdown")));
    let sound: String = folder.rows().query_one("PRAGMA integrity_check", [], |row| row.get(0)).expect("an answer");
    assert_eq!(sound, "ok");
}

async fn deleted_while_running(story: &mut String) {
    let (gateway, mut client, session, _) = running().await;
    fs::remove_file(gateway.folder.path("state.db")).expect("it was there");
    let _ = writeln!(story, "the file is deleted while the gateway runs");
    trouble(story, &gateway, &mut client, &session).await;
    // The first signal begins an end that the store holds up, so the second one cuts it short.
    gateway.signal("TERM");
    let address = gateway.address;
    crate::bench::until("the end has begun", || std::net::TcpStream::connect(address).is_err().then_some(())).await;
    let (code, _) = gateway.stop("TERM").await;
    let _ = writeln!(story, "SIGTERM twice: exit code {}", code.unwrap_or_default());
    drop(client);
}
