//! Databases in a text notation, for tests: `a@0 said@2 compression@5; b<a@5 title=x`.
//!
//! Rows are separated by `;`. The first word is the id, then `<` with the parent and `@` with the start in seconds. Messages
//! (`said@2`), a title (`title=x`) and the end (`tui_close@9`) follow and are written in this order.

use super::Database;
use gateway_core::clock::Wall;
use gateway_core::store::{EndReason, NewMessage, NewSession, Role, SessionRow, StoredId, Write};

/// Creates a database that holds `rows`.
pub(super) fn database(rows: &str) -> Database {
    let mut database = Database::in_memory().expect("memory");
    insert(&mut database, rows);
    database
}

/// Writes `rows` into a database.
pub(super) fn insert(database: &mut Database, rows: &str) {
    for row in rows.split(';').filter(|row| !row.trim().is_empty()) {
        let mut words = row.split_whitespace();
        let session = created(words.next().expect("a row has an id"));
        let id = session.id.clone();
        database.write(&Write::CreateSession { session }).expect("the row is written");
        for word in words {
            database.write(&change(&id, word)).expect("the row is changed");
        }
    }
}

/// A session row in the notation, with message count and title.
pub(super) fn line(row: &SessionRow) -> String {
    let mut line = format!("{}@{}", row.id, row.started_at.as_seconds());
    if let (Some(reason), Some(at)) = (&row.end_reason, row.ended_at) {
        line += &format!(" {reason}@{}", at.as_seconds());
    }
    if row.message_count > 0 {
        line += &format!(" messages={}", row.message_count);
    }
    if let Some(title) = &row.title {
        line += &format!(" title={title}");
    }
    line
}

fn created(word: &str) -> NewSession {
    let (names, started_at) = word.split_once('@').expect("a row has a start");
    let (id, parent) = names.split_once('<').map_or((names, None), |(id, parent)| (id, Some(parent)));
    NewSession {
        id: StoredId::new(id),
        source: "tui".to_owned(),
        model: None,
        parent: parent.map(StoredId::new),
        branched_from: None,
        started_at: seconds(started_at),
        cwd: None,
        title: None,
    }
}

fn change(session: &StoredId, word: &str) -> Write {
    let session = session.clone();
    if let Some(title) = word.strip_prefix("title=") {
        return Write::SetTitle { session, title: title.to_owned() };
    }
    let (what, at) = word.split_once('@').expect("a word has a time");
    let at = seconds(at);
    let reason = match what {
        "said" => {
            return Write::Append {
                session,
                messages: vec![NewMessage::text(Role::User, "hello", at)],
                taken: Vec::new(),
            };
        }
        "compression" => EndReason::Compression,
        "tui_close" => EndReason::TuiClose,
        other => panic!("unknown word `{other}`"),
    };
    Write::End { session, at, reason }
}

fn seconds(text: &str) -> Wall {
    Wall::from_seconds(text.parse().expect("a number of seconds"))
}
