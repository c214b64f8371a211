//! The idempotency keys of requests that are being carried out.

use std::cell::RefCell;
use std::collections::BTreeSet;

use tokio::sync::Notify;

use crate::observe::{Observe, Resource};

/// Keys in use: a second request with one of them waits for the first.
#[derive(Default)]
pub(crate) struct KeysInUse {
    keys: RefCell<BTreeSet<String>>,
    /// Notified when a key is free again.
    freed: Notify,
    observe: Observe,
}

/// A key in use. Dropping it frees the key.
pub(crate) struct KeyInUse<'a> {
    keys: &'a KeysInUse,
    key: String,
}

impl KeysInUse {
    pub(crate) fn observed(observe: Observe) -> Self {
        Self { observe, ..Self::default() }
    }

    /// Waits until no other request uses the key, then uses it. Cancel safe.
    pub(crate) async fn take(&self, key: &str) -> KeyInUse<'_> {
        loop {
            // Made before the look: a key that is freed between the two is not missed.
            let freed = self.freed.notified();
            self.observe.write(Resource::Keys);
            if self.keys.borrow_mut().insert(key.to_owned()) {
                return KeyInUse { keys: self, key: key.to_owned() };
            }
            freed.await;
        }
    }
}

impl KeyInUse<'_> {
    /// The key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

impl Drop for KeyInUse<'_> {
    fn drop(&mut self) {
        self.keys.observe.write(Resource::Keys);
        self.keys.keys.borrow_mut().remove(&self.key);
        self.keys.freed.notify_waiters();
    }
}
