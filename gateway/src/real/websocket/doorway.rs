//! The sockets in a handshake: few for one address, and none for long while there are many.
//!
//! A client that connects and says nothing costs its sender nothing, and needs no token. So a place is never waited for until
//! such clients time out: beyond a bound the oldest has to go, if it has had the time that an honest handshake takes.
#![expect(clippy::disallowed_methods, reason = "deadlines of sockets, below the gateway's")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::real::limits::Limits;

/// The time that every handshake has before another may take its place.
const UNDISTURBED: Duration = Duration::from_millis(100);

/// The part of the handshake timeout that is left while most places are taken.
const UNDER_PRESSURE: u32 = 5;

/// The places for handshakes.
pub(super) struct Doorway {
    most: usize,
    time: Duration,
    inside: RefCell<Inside>,
    left: Notify,
}

#[derive(Default)]
struct Inside {
    last: u64,
    /// By number, so the oldest is the first.
    guests: BTreeMap<u64, Guest>,
}

struct Guest {
    network: IpAddr,
    since: Instant,
    /// Dropped to make the guest go.
    _stay: oneshot::Sender<()>,
}

/// A place for one handshake. Dropping it leaves the place.
pub(super) struct Place {
    number: u64,
    doorway: Rc<Doorway>,
    stay: oneshot::Receiver<()>,
    /// How long the handshake may take.
    pub(super) time: Duration,
}

impl Doorway {
    pub(super) fn new(limits: &Limits) -> Rc<Self> {
        let (inside, left) = Default::default();
        Rc::new(Self { most: limits.handshakes.max(1), time: limits.handshake_time, inside, left })
    }

    /// Takes a place for a client at `address`. If it is one too many, the oldest one of the same network goes, or of the network
    /// that has most places.
    pub(super) async fn enter(self: &Rc<Self>, address: IpAddr) -> Place {
        let network = network(address);
        loop {
            // Created before the look, so that a place that is left in between wakes it.
            let left = self.left.notified();
            let Some((number, since)) = self.to_go(network) else { break };
            let undisturbed = since + UNDISTURBED;
            if undisturbed <= Instant::now() {
                self.inside.borrow_mut().guests.remove(&number);
                break;
            }
            tokio::select! {
                biased; // a place that is free needs no other to go
                () = left => {}
                () = tokio::time::sleep_until(undisturbed) => {}
            }
        }
        let mut inside = self.inside.borrow_mut();
        inside.last += 1;
        let (number, (hold, stay)) = (inside.last, oneshot::channel());
        inside.guests.insert(number, Guest { network, since: Instant::now(), _stay: hold });
        let time = if inside.guests.len() > self.most / 2 { self.time / UNDER_PRESSURE } else { self.time };
        Place { number, doorway: Rc::clone(self), stay, time }
    }

    /// The guest that has to go before another one of this network comes; none while there is room.
    fn to_go(&self, network: IpAddr) -> Option<(u64, Instant)> {
        let guests = &self.inside.borrow().guests;
        let mut counts = BTreeMap::<IpAddr, usize>::new();
        for guest in guests.values() {
            *counts.entry(guest.network).or_default() += 1;
        }
        // Half of the places, so that one network alone never takes them from another.
        let from = if counts.get(&network).is_some_and(|count| *count >= self.most.div_ceil(2)) {
            network
        } else if guests.len() >= self.most {
            *counts.iter().max_by_key(|(_, count)| **count)?.0
        } else {
            return None;
        };
        let oldest = guests.iter().find(|(_, guest)| guest.network == from);
        oldest.map(|(number, guest)| (*number, guest.since))
    }
}

impl Place {
    /// Completes when another client takes the place.
    pub(super) async fn taken(&mut self) {
        let _ = (&mut self.stay).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.doorway.inside.borrow_mut().guests.remove(&self.number);
        self.doorway.left.notify_waiters();
    }
}

/// What counts as one sender: an address of IPv4, or the 64 bits of IPv6 that one subscriber has.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn doorway(handshakes: usize) -> Rc<Doorway> {
        Doorway::new(&Limits { handshakes, handshake_time: Duration::from_secs(10), ..Limits::default() })
    }

    fn address(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    /// A further client of an address that has half of the places takes that of its oldest one, once that has had its time. A
    /// client of another address does not wait.
    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn one_address_takes_half_of_the_places() {
        let doorway = doorway(4);
        let (mut first, mut second) = (doorway.enter(address(1)).await, doorway.enter(address(1)).await);
        let mut third = Box::pin(doorway.enter(address(1)));
        assert!((&mut third).now_or_never().is_none(), "the first has had no time yet");
        let other = doorway.enter(address(2)).now_or_never().expect("there is room");
        let third = third.await;
        assert!(first.taken().now_or_never().is_some() && second.taken().now_or_never().is_none());
        // Whoever goes makes room at once.
        let _fourth = doorway.enter(address(1)).await;
        assert!(second.taken().now_or_never().is_some());
        let mut fifth = Box::pin(doorway.enter(address(1)));
        assert!((&mut fifth).now_or_never().is_none(), "the third has had no time yet");
        drop(third);
        assert!(fifth.now_or_never().is_some());
        drop(other);
    }

    /// When all places are taken, the network with most of them loses its oldest.
    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn the_largest_goes_first() {
        let doorway = doorway(4);
        let mut places = Vec::new();
        for last in [1, 2, 2, 3] {
            places.push(doorway.enter(address(last)).await);
        }
        let _new = doorway.enter(address(4)).await;
        let gone: Vec<bool> = places.iter_mut().map(|place| place.taken().now_or_never().is_some()).collect();
        assert_eq!(gone, [false, true, false, false]);
    }

    /// While more than half of the places are taken, a handshake has less time.
    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn under_pressure_there_is_less_time() {
        let doorway = doorway(4);
        let mut times = Vec::new();
        let mut places = Vec::new();
        for last in 1..5 {
            let place = doorway.enter(address(last)).await;
            times.push(place.time.as_secs());
            places.push(place);
        }
        assert_eq!(times, [10, 10, 2, 2]);
    }

    #[test]
    fn a_subscriber_is_one_sender() {
        let same =
            |a: &str, b: &str| network(a.parse().expect("an address")) == network(b.parse().expect("an address"));
        assert!(same("2001:db8::1", "2001:db8::ffff:1") && same("::ffff:10.0.0.1", "10.0.0.1"));
        assert!(!same("2001:db8:0:1::1", "2001:db8::1") && !same("10.0.0.1", "10.0.0.2"));
    }
}
