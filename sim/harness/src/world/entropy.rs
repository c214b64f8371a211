//! Seeded random numbers, one stream for each client or session, so that ids do not depend on other clients; and the facts
//! that the model of an old release leaves open, each a choice.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gateway_core::entropy::{Entropy, Purpose, Stream, Uncertain};
use gateway_core::ids::SessionId;

use super::SimContext;
use crate::footprint::Resource;
use interleaving::prng::Prng;

/// The site of the choice how many new objects get the address of a freed one (0.17.0).
pub(crate) const REUSED_ADDRESSES: &str = "memory.reused";

pub(super) struct SeededEntropy {
    context: Rc<SimContext>,
    seed: u64,
    streams: RefCell<BTreeMap<String, Prng>>,
}

impl SeededEntropy {
    pub(super) fn new(context: Rc<SimContext>, seed: u64) -> Self {
        Self { context, seed, streams: RefCell::default() }
    }
}

impl Entropy for SeededEntropy {
    fn draw(&self, stream: Stream<'_>, purpose: Purpose) -> u64 {
        let name = match stream {
            Stream::Client(name) => format!("entropy.client.{name}"),
            Stream::Session(id) => format!("entropy.session.{}", self.context.names.label(id)),
            Stream::Calls(id) => format!("entropy.calls.{}", self.context.names.label(id)),
            Stream::Retries => "entropy.retries".to_owned(),
        };
        self.context.footprints.write(|| Resource::Entropy(name.clone()));
        let mut streams = self.streams.borrow_mut();
        let bits = streams.entry(name).or_insert_with_key(|name| Prng::stream(self.seed, name)).draw();
        if let (Stream::Client(client), Purpose::SessionId) = (stream, purpose) {
            self.context.names.drawn(client, SessionId::from_bits(bits));
        }
        if let (Stream::Session(session), Purpose::QuestionId) = (stream, purpose) {
            // As the gateway writes it (spec §4.14): eight hex digits.
            self.context.agent_log.name_question(&self.context.names.label(session), format!("{:08x}", bits as u32));
        }
        bits
    }

    fn pick(&self, what: Uncertain, count: usize) -> usize {
        let site = match what {
            Uncertain::ReusedAddresses => REUSED_ADDRESSES,
        };
        let labels: Vec<String> = (0..count).map(|number| number.to_string()).collect();
        self.context.chooser.choose(site, &labels.iter().map(String::as_str).collect::<Vec<_>>())
    }
}
