//! Why a defect of the catalogue has no scenario.

/// Defects, and the reason that they share. Each defect of ranks S and A, and B1 to B8, stands here or has a scenario.
pub(crate) const ABSENT: &[(&str, &str)] = &[
    (
        "S5",
        "its first half is S4, which has scenarios; that a compression then refuses the row is only in later versions",
    ),
    ("S21", "background notifications are not modelled"),
    ("S22", "before 0.16.0"),
    ("S29", "background notifications are not modelled"),
    ("S33", "other process: two gateways on one database, which a lock keeps apart here"),
    ("A4", "other programs: the command line and the messaging gateway"),
    ("A7", "what the messaging platforms' own gateway does then: another process"),
    ("A8", "before 0.16.0; `close_ends_the_tip` would show it"),
    ("A11, A12", "profiles are not modelled: one database"),
    ("A13", "not modelled yet: in-turn flushes cannot fail, since there are no store faults"),
    ("A21, A22", "background jobs of the machine are not modelled"),
    (
        "A23",
        "what is wrong is the choice of a client to keep a connection; sessions on a live one are kept in every release",
    ),
    ("A25", "other process: leases on slots count the sessions of all processes of a machine, and there is one here"),
    ("A26, A27", "before 0.16.0, and child processes"),
    ("A28", "its text cannot be read; its parts are other lines of this table and the one above"),
    ("A29", "client side, with several processes"),
    ("A30", "another transport: pipes"),
    ("A31", "its part that belongs to `session.close` is S9; `session.delete` of a live session is A32"),
    ("A34", "draft branches are not modelled"),
    (
        "A35",
        "a branch that fails midway needs a store fault, which scenarios do not have yet; the store's contract shows it",
    ),
    ("B1, B6", "not modelled yet: writes cannot fail"),
    ("B5", "not modelled yet: each message is stored once in every release here"),
    ("B7", "not modelled yet: all releases here find the tip by the same rule"),
    ("B8", "not modelled yet: there are no children but continuations"),
];
