//! Compressing a conversation: in place or under a new id, and the steps of a rotation.

use crate::agent::CompressionMode;
use crate::group::group;
use crate::store::{NewMessage, Role};

group! {
    /// Going on under another id.
    Rotation "rotation" {
        /// How a rotation ends the parent and inserts the child.
        procedure: Procedure {
            /// All in one transaction.
            Atomic "atomic",
            /// Statement by statement, then the messages: a kill in between leaves an ended parent without a child
            /// (B2). If the insert fails, the parent is reopened.
            StepsAndWrite "steps_and_write",
            /// Statement by statement; the messages are stored with the turn's next flush.
            Steps "steps",
            /// The same without checking the insert: after a failure the conversation continues without a row (B1).
            StepsUnchecked "steps_unchecked",
        }
        /// When the record's key follows the agent's row.
        key: KeySync {
            /// At once, at the rotation.
            AtOnce "at_once",
            /// After the turn; until then the session is not found by its new id (S23).
            AfterTurn "after_turn",
        }
        /// What a compression keeps after the summary.
        kept: KeptTail {
            /// The last message, and if it is a tool's result, all from its call on: providers refuse a result without its
            /// call.
            WholeCall "whole_call",
            /// The last message alone, which may be a result without its call.
            LastMessage "last_message",
        }
        /// What a compression does that would leave the messages as they are.
        unchanged: Unchanged {
            /// The same as any other.
            Rewritten "rewritten",
            /// Nothing: the row is neither rotated nor rewritten.
            Skipped "skipped"
                harmless "the conversation is the same before and after",
        }
        /// The mode of a compression that names none.
        default_mode: DefaultMode {
            /// In place: the messages are replaced and the id stays.
            InPlace "in_place",
            /// Rotation: the session continues under a new id.
            Rotate "rotate"
                harmless "it is the default of a setting, and each value leaves consistent rows",
            /// Rotation, also where another mode is asked for: there is no other (recordings of 0.16.0 and 0.17.0).
            RotateOnly "rotate_only"
                harmless "a rotation keeps more than the compression in place that was asked for",
        }
    }
}

/// How a compression shows in the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// The messages of the row are replaced.
    InPlace,
    /// Rotation: the session continues under a new id.
    Rotate,
}

/// One step of a rotation in old releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationStep {
    /// The parent's row is ended with `compression`.
    EndParent,
    /// The agent continues under the child's id, in memory.
    SwitchId,
    /// The child's row is inserted; if that fails, the parent is reopened and continues.
    InsertChild,
    /// The child's row is inserted, or not.
    TryInsertChild,
    /// The child gets the next title of the lineage.
    Title,
    /// The compacted messages are stored under the child.
    WriteMessages,
}

impl Rotation {
    /// The steps of a rotation that is no single transaction, in order.
    pub fn old_steps(&self) -> Option<&'static [RotationStep]> {
        use RotationStep::{EndParent, InsertChild, SwitchId, Title, TryInsertChild, WriteMessages};
        match self.procedure {
            Procedure::Atomic => None,
            Procedure::StepsAndWrite => Some(&[EndParent, SwitchId, InsertChild, Title, WriteMessages]),
            Procedure::Steps => Some(&[EndParent, SwitchId, InsertChild, Title]),
            Procedure::StepsUnchecked => Some(&[EndParent, SwitchId, TryInsertChild, Title]),
        }
    }

    /// Whether the record's key follows at once.
    pub fn syncs_key_at_once(&self) -> bool {
        match self.key {
            KeySync::AtOnce => true,
            KeySync::AfterTurn => false,
        }
    }

    /// How many of the last messages a compression keeps after the summary. `messages` is the conversation, oldest first.
    pub fn kept(&self, messages: &[NewMessage]) -> usize {
        match self.kept {
            KeptTail::WholeCall => {
                let results = messages.iter().rev().take_while(|message| message.role == Role::Tool).count();
                (results + 1).min(messages.len())
            }
            KeptTail::LastMessage => messages.len().min(1),
        }
    }

    /// What a compression does that would leave the messages as they are.
    pub fn on_unchanged(&self) -> Unchanged {
        self.unchanged
    }

    /// The mode in force when a compression asks for `asked` and the configuration says `configured`.
    pub fn mode(&self, asked: CompressionMode, configured: CompressionMode) -> Compression {
        let mode = if asked == CompressionMode::Default { configured } else { asked };
        match (mode, self.default_mode) {
            (_, DefaultMode::RotateOnly) => Compression::Rotate,
            (CompressionMode::InPlace, _) | (CompressionMode::Default, DefaultMode::InPlace) => Compression::InPlace,
            (CompressionMode::Rotate, _) | (CompressionMode::Default, DefaultMode::Rotate) => Compression::Rotate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Wall;

    /// A mode that is asked for outranks the setting, and the setting outranks the release.
    #[test]
    fn modes_have_a_rank() {
        use CompressionMode::{Default as Unset, InPlace, Rotate};
        let modes = |default_mode| {
            let rotation = Rotation { default_mode, ..Rotation::default() };
            [(Rotate, InPlace), (Unset, Rotate), (Unset, InPlace), (Unset, Unset)]
                .map(|(asked, configured)| rotation.mode(asked, configured))
        };
        let known = [Compression::Rotate, Compression::Rotate, Compression::InPlace];
        for (default_mode, last) in
            [(DefaultMode::InPlace, Compression::InPlace), (DefaultMode::Rotate, Compression::Rotate)]
        {
            let [first, second, third] = known;
            assert_eq!(modes(default_mode), [first, second, third, last]);
        }
        assert_eq!(modes(DefaultMode::RotateOnly), [Compression::Rotate; 4]);
    }

    #[test]
    fn a_result_is_kept_with_its_call() {
        use Role::{Assistant, Tool, User};
        let kept = |kept, roles: &[Role]| {
            let messages: Vec<_> = roles.iter().map(|role| NewMessage::text(*role, "", Wall(0))).collect();
            Rotation { kept, ..Rotation::default() }.kept(&messages)
        };
        for (roles, whole, last) in [
            (&[][..], 0, 0),
            (&[User], 1, 1),
            (&[User, Assistant, Tool], 2, 1),
            (&[User, Assistant, Tool, Tool], 3, 1),
            (&[User, Assistant, Tool, Assistant], 1, 1),
            (&[Tool], 1, 1),
        ] {
            assert_eq!(
                (kept(KeptTail::WholeCall, roles), kept(KeptTail::LastMessage, roles)),
                (whole, last),
                "{roles:?}"
            );
        }
    }

    /// `current` rotates in one transaction; every other procedure ends the parent first.
    #[test]
    fn only_current_rotates_at_once() {
        let first = |procedure| Some(Rotation { procedure, ..Rotation::default() }.old_steps()?[0]);
        assert_eq!(first(Procedure::Atomic), None);
        for procedure in &Procedure::ALL[1..] {
            assert_eq!(first(*procedure), Some(RotationStep::EndParent), "{procedure:?}");
        }
    }
}
