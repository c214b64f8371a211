//! Seeded random numbers, one stream for each client or session, so that ids do not depend on other clients.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gateway_core::entropy::{Entropy, Purpose, Stream};
use gateway_core::ids::SessionId;

use super::SimContext;
use crate::footprint::Resource;
use interleaving::prng::Prng;

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
        };
        self.context.footprints.write(|| Resource::Entropy(name.clone()));
        let mut streams = self.streams.borrow_mut();
        let bits = streams.entry(name).or_insert_with_key(|name| Prng::stream(self.seed, name)).draw();
        if let (Stream::Client(client), Purpose::SessionId) = (stream, purpose) {
            self.context.names.drawn(client, SessionId::from_bits(bits));
        }
        bits
    }
}
