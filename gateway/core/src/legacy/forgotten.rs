//! Failed turns in old releases: the history forgets their messages, and what marks messages as stored does not (D7 of the
//! recordings).

use crate::entropy::Uncertain;
use crate::lifecycle::finish::{Mistaken, OnFailure};
use crate::state::{Gateway, Session};

/// How many of the next `unsaved` messages, from the first, are taken for stored. They never will be.
///
/// 0.16.0 counts stored messages and does not take back the number. 0.17.0 knows them by their addresses in memory, which
/// later messages may or may not get.
pub(crate) fn mistaken(gateway: &Gateway, session: &Session, unsaved: usize) -> usize {
    let OnFailure::Forget { mistaken } = gateway.behavior.finish.on_failure() else { return 0 };
    let most = session.read(|record| record.transcript.mistaken).min(unsaved);
    let (now, left) = match mistaken {
        Mistaken::None => return 0,
        Mistaken::All => (most, 0),
        Mistaken::Some => {
            let now = gateway.env.entropy.pick(Uncertain::ReusedAddresses, most + 1);
            (now, session.read(|record| record.transcript.mistaken) - now)
        }
    };
    session.change(|record| record.transcript.mistaken = left);
    now
}
