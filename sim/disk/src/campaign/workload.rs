//! Random transactions of the gateway: every kind of write, on a few rows.

use gateway_core::clock::Wall;
use gateway_core::store::{BranchTitle, EndReason, NewMessage, NewSession, Replaced, Role, StoredId, Write};
use interleaving::Prng;

/// Draws transactions.
pub(super) struct Workload {
    prng: Prng,
    /// The time of the next row, in milliseconds.
    now: u64,
}

/// Few rows, so that most writes find theirs.
const ROWS: usize = 6;

/// Few titles, so that some are taken.
const TITLES: usize = 4;

/// A message that spans several pages.
const LONG_BYTES_MAX: usize = 12_000;

impl Workload {
    pub(super) fn new(seed: u64) -> Self {
        Self { prng: Prng::stream(seed, "workload"), now: 1_000_000 }
    }

    /// One write, or two or three and a mark of the transaction. Without it a later write could undo an earlier one, and the
    /// rows would not show whether the transaction is there, although the next message id depends on it.
    pub(super) fn transaction(&mut self) -> Vec<Write> {
        let count = *self.prng.one(&[1, 1, 1, 2, 3]);
        let mut writes: Vec<Write> = (0..count).map(|_| self.write()).collect();
        if count > 1 {
            let session = self.session(StoredId::new("mark"));
            writes.push(Write::NameSession { session, title: format!("transaction at {}", self.now) });
        }
        writes
    }

    fn write(&mut self) -> Write {
        let session = self.id();
        match self.prng.below(16) {
            0 => Write::CreateSession { session: self.session(session) },
            1..=3 => Write::StartTurn {
                session: self.session(session),
                messages: self.messages(),
                taken: Vec::new(),
                keyed: None,
            },
            4..=6 => Write::Append { session, messages: self.messages(), taken: Vec::new() },
            7 => Write::End { session, at: self.now(), reason: EndReason::TuiClose },
            8 => Write::Reopen { session },
            9 => self.rotate(session),
            10 => Write::Compact { session, messages: self.messages() },
            11 => Write::SetTitle { session, title: self.title() },
            12 => Write::NameSession { session: self.session(session), title: self.title() },
            13 => {
                let replaced = *self.prng.one(&[Replaced::Active, Replaced::All]);
                Write::ReplaceMessages { session, messages: self.messages(), replaced, taken: Vec::new() }
            }
            14 => self.branch(session),
            _ => self.rare(session),
        }
    }

    fn rare(&mut self, session: StoredId) -> Write {
        match self.prng.below(3) {
            0 => Write::ReopenTip { session },
            1 => Write::ContinueTitle { session, parent: self.id() },
            _ => Write::Delete { session },
        }
    }

    fn rotate(&mut self, parent: StoredId) -> Write {
        let child = self.id();
        let child = NewSession { parent: Some(parent.clone()), ..self.session(child) };
        Write::Rotate { parent, at: self.now(), child, messages: self.messages() }
    }

    fn branch(&mut self, parent: StoredId) -> Write {
        let child = self.id();
        let child = NewSession { parent: Some(parent.clone()), branched_from: Some(parent), ..self.session(child) };
        let title = match self.prng.below(3) {
            0 => BranchTitle::Asked(self.title()),
            1 => BranchTitle::Next,
            _ => BranchTitle::None,
        };
        Write::Branch { child, title, messages: self.messages() }
    }

    fn session(&mut self, id: StoredId) -> NewSession {
        NewSession {
            id,
            source: "tui".to_owned(),
            model: None,
            parent: None,
            branched_from: None,
            started_at: self.now(),
            cwd: None,
            title: self.prng.hits(1, 4).then(|| self.title()),
        }
    }

    fn messages(&mut self) -> Vec<NewMessage> {
        (0..self.prng.below(4)).map(|_| self.message()).collect()
    }

    fn message(&mut self) -> NewMessage {
        let role = *self.prng.one(&[Role::User, Role::Assistant]);
        let length = if self.prng.hits(1, 12) { self.prng.below(LONG_BYTES_MAX) } else { self.prng.below(200) };
        let at = self.now();
        let text = format!("{} ", at.0).repeat(length / 8 + 1);
        NewMessage::text(role, text, at)
    }

    fn id(&mut self) -> StoredId {
        StoredId::new(format!("row{}", self.prng.below(ROWS)))
    }

    fn title(&mut self) -> String {
        format!("title {}", self.prng.below(TITLES))
    }

    fn now(&mut self) -> Wall {
        self.now += 1000;
        Wall(self.now)
    }
}
