//! Simulated connections: whole frames, in order in each direction, each with a latency of its own.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use gateway_core::clock::{Clock, Millis, Uptime};
use gateway_core::transport::{Connection, Died, Transport, Unsent};
use interleaving::Task;
use tokio::sync::Notify;

use super::SimContext;
use super::client_log::HadRoom;
use crate::footprint::Resource;
use crate::task::TaskTag;
use sim_scenario::{Latency, NetworkSettings};

/// Creates connections and hands them to the gateway.
pub(crate) struct Network {
    context: Rc<SimContext>,
    settings: NetworkSettings,
    arrivals: RefCell<VecDeque<Rc<dyn Connection>>>,
    arrived: Notify,
    closed: Cell<bool>,
    /// The connections that a kill of the gateway breaks.
    established: RefCell<Vec<Established>>,
    /// Counts changes of what [`reaches_client`](Self::reaches_client) says.
    revision: Rc<Cell<u64>>,
}

/// Both ends of a connection.
struct Established {
    client: ClientEnd,
    gateway: Rc<dyn Connection>,
}

/// A client's end of a connection.
#[derive(Clone)]
pub(crate) struct ClientEnd {
    name: Rc<str>,
    to_gateway: Rc<Pipe>,
    to_client: Rc<Pipe>,
    /// See [`NetworkSettings::ping`].
    ping: Millis,
    revision: Rc<Cell<u64>>,
}

struct GatewayEnd {
    name: Rc<str>,
    from_client: Rc<Pipe>,
    to_client: Rc<Pipe>,
    revision: Rc<Cell<u64>>,
}

/// One direction of a connection.
struct Pipe {
    context: Rc<SimContext>,
    /// The site of the pipe's latency choices.
    site: String,
    /// The end that receives the frames.
    to: To,
    latency: Cell<Latency>,
    queue: RefCell<VecDeque<(Uptime, Item)>>,
    changed: Notify,
    /// The number of frames that the pipe holds before it is full. Only the gateway checks it.
    buffer: usize,
    /// Whether it was never full when the gateway sent a frame.
    had_room: Cell<HadRoom>,
    /// When the gateway began to wait for room; none while it does not wait.
    waited_for: Cell<Option<Uptime>>,
    receiver: Cell<Receiver>,
    /// Whether the network is cut: no item arrives.
    cut: Cell<bool>,
    /// When the receiver last heard something of the sender, a ping's answer included.
    heard_at: Cell<Uptime>,
    /// When the receiver counts the sender as gone, because it answers no ping; none while it answers.
    lost_at: Cell<Option<Uptime>>,
    /// Whether the receiver has seen the end, or the sender has closed the pipe.
    over: Cell<bool>,
}

/// The receiving end of a pipe.
#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    Gateway,
    Client,
}

/// The state of the receiver.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Receiver {
    /// It reads every frame that arrives.
    Takes,
    /// It reads nothing until it resumes.
    Stalled,
    /// It is gone without notice to the sender. Frames stay in the pipe.
    Vanished,
}

/// An item that travels through a pipe.
enum Item {
    Frame(String),
    Close,
    Death,
}

impl Network {
    pub(crate) fn new(context: Rc<SimContext>, settings: NetworkSettings) -> Rc<Self> {
        Rc::new(Self {
            context,
            settings,
            arrivals: RefCell::default(),
            arrived: Notify::new(),
            closed: Cell::new(false),
            established: RefCell::default(),
            revision: Rc::default(),
        })
    }

    /// Opens a connection of a client.
    pub(crate) fn connect(&self, name: &str) -> ClientEnd {
        let pipe =
            |direction: &str, to: To| Pipe::new(&self.context, format!("net.{name}.{direction}"), to, self.settings);
        let (to_gateway, to_client) = (pipe("out", To::Gateway), pipe("in", To::Client));
        let name: Rc<str> = name.into();
        let (from_client, of_client) = (Rc::clone(&to_gateway), Rc::clone(&to_client));
        let revision = || Rc::clone(&self.revision);
        let end = GatewayEnd { name: Rc::clone(&name), from_client, to_client: of_client, revision: revision() };
        let gateway: Rc<dyn Connection> = Rc::new(end);
        self.context.footprints.write(|| Resource::Arrivals);
        self.arrivals.borrow_mut().push_back(Rc::clone(&gateway));
        self.arrived.notify_waiters();
        let client = ClientEnd { name, to_gateway, to_client, ping: self.settings.ping, revision: revision() };
        let mut established = self.established.borrow_mut();
        established.retain(|end| !end.client.to_gateway.over.get());
        established.push(Established { client: client.clone(), gateway });
        client
    }

    /// Whether a frame that the gateway sends now on a connection reaches its client: both ends are up, and the client reads.
    pub(crate) fn reaches_client(&self, connection: &Rc<dyn Connection>) -> bool {
        let established = self.established.borrow();
        established.iter().any(|end| Rc::ptr_eq(&end.gateway, connection) && end.client.reaches_client())
    }

    /// Whether the gateway finds out by pings that a client has vanished.
    pub(crate) fn pings(&self) -> bool {
        self.settings.ping > Millis::ZERO
    }

    /// Counts changes of what [`reaches_client`](Self::reaches_client) says.
    pub(crate) fn revision(&self) -> u64 {
        self.revision.get()
    }

    /// The clients that read nothing while frames wait for them, and since when.
    pub(crate) fn stalled(&self) -> Vec<(Rc<str>, Uptime)> {
        let established = self.established.borrow();
        let served = established.iter().map(|end| &end.client).filter(|end| end.is_up());
        served.filter_map(|end| Some((Rc::clone(&end.name), end.to_client.waited_for.get()?))).collect()
    }

    /// Breaks every connection in both directions, because the gateway's process is gone. Frames on their way are lost.
    pub(crate) fn sever(&self) {
        self.arrivals.borrow_mut().clear();
        for Established { client: end, .. } in self.established.take() {
            end.to_gateway.stop();
            end.to_client.stop();
        }
    }

    /// Ends the arrivals. Cut connections are mended, and the gateway learns of vanished clients.
    pub(crate) fn close(&self) {
        for Established { client: end, .. } in self.established.take() {
            end.cut(false);
            if end.to_client.receiver.get() == Receiver::Vanished {
                end.to_gateway.push(Item::Death);
            }
        }
        self.closed.set(true);
        self.arrived.notify_waiters();
    }
}

impl Transport for Network {
    fn accept(&self) -> LocalBoxFuture<'_, Option<Rc<dyn Connection>>> {
        async move {
            loop {
                let arrived = self.arrived.notified();
                self.context.footprints.write(|| Resource::Arrivals);
                if let Some(connection) = self.arrivals.borrow_mut().pop_front() {
                    return Some(connection);
                }
                if self.closed.get() {
                    return None;
                }
                arrived.await;
            }
        }
        .boxed_local()
    }
}

impl ClientEnd {
    /// Whether both are ends of the same connection.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.to_gateway, &other.to_gateway)
    }

    /// Declares that the task with this tag receives the frames of this connection.
    pub(crate) fn receiver(&self, tag: TaskTag) -> Task<TaskTag, Resource> {
        let task = tag.task().early();
        if self.to_client.is_instant() { task.absorbing() } else { task }
    }

    pub(crate) fn send(&self, frame: String) {
        self.to_gateway.push(Item::Frame(frame));
    }

    /// The next frame; `None` when the connection is closed.
    pub(crate) async fn receive(&self) -> Option<String> {
        self.to_client.receive().await.ok().flatten()
    }

    /// Whether neither end has closed the connection.
    fn is_up(&self) -> bool {
        !self.to_gateway.over.get() && !self.to_client.over.get()
    }

    /// Whether a frame that the gateway sends now reaches the client.
    fn reaches_client(&self) -> bool {
        self.is_up() && !self.to_client.cut.get() && self.to_client.receiver.get() == Receiver::Takes
    }

    /// Call when the result of [`reaches_client`](Self::reaches_client) may have changed.
    fn changes(&self) {
        self.to_client.context.footprints.write(|| Resource::Receivers);
        self.revision.set(self.revision.get() + 1);
    }

    /// Stops or resumes the reading of frames.
    pub(crate) fn stall(&self, stalled: bool) {
        self.changes();
        self.to_client.context.footprints.write(|| Resource::Flow(self.to_client.site.clone()));
        self.to_client.receiver.set(if stalled { Receiver::Stalled } else { Receiver::Takes });
        self.to_client.changed.notify_waiters();
    }

    /// Sets the latency of all later frames in both directions.
    pub(crate) fn lag(&self, takes: Millis) {
        self.to_client.context.footprints.everywhere();
        for pipe in [&self.to_gateway, &self.to_client] {
            pipe.latency.set(Latency::fixed(takes));
        }
    }

    /// Cuts or mends the network in both directions. Items that waited arrive after the mend.
    pub(crate) fn cut(&self, cut: bool) {
        self.changes();
        self.to_client.context.footprints.everywhere();
        self.answers_pings(!cut);
        for pipe in [&self.to_gateway, &self.to_client] {
            pipe.cut.set(cut);
            pipe.changed.notify_waiters();
        }
    }

    /// Whether the client answers pings from now on. Those up to now were answered, each after an interval of silence; the first
    /// that is not answered has an interval too.
    fn answers_pings(&self, answers: bool) {
        if self.ping == Millis::ZERO {
            return;
        }
        let (pipe, now) = (&self.to_gateway, self.to_gateway.context.now());
        if answers {
            pipe.heard_at.set(now);
            pipe.lost_at.set(None);
            return;
        }
        let silence = now - pipe.heard_at.get();
        let answered = pipe.heard_at.get() + self.ping.times(silence.0 / self.ping.0);
        pipe.lost_at.set(pipe.lost_at.get().or(Some(answered + self.ping.times(2))));
        pipe.changed.notify_waiters();
    }

    /// The client vanishes. The gateway is notified after `notice_after`, or never. Frames to the client stay in the
    /// pipe.
    pub(crate) fn vanish(&self, notice_after: Option<Millis>) {
        self.changes();
        self.to_client.context.footprints.everywhere();
        self.answers_pings(false);
        self.to_client.receiver.set(Receiver::Vanished);
        self.to_client.changed.notify_waiters();
        if let Some(length) = notice_after {
            self.to_gateway.push_at(self.to_gateway.context.now() + length, Item::Death);
        }
    }

    /// Closes the connection with a close frame.
    pub(crate) fn close(&self) {
        self.to_gateway.push(Item::Close);
        self.close_to_client();
    }

    /// Breaks the connection without a close frame. Frames to the gateway still arrive; those to the client do not.
    pub(crate) fn die(&self) {
        self.to_gateway.push(Item::Death);
        self.close_to_client();
    }

    /// Closes the client's direction. On a cut network the gateway does not notice that.
    fn close_to_client(&self) {
        self.changes();
        if self.to_client.cut.get() { self.vanish(None) } else { self.to_client.stop() }
    }
}

impl Connection for GatewayEnd {
    fn name(&self) -> &str {
        &self.name
    }

    fn receive(&self) -> LocalBoxFuture<'_, Result<Option<String>, Died>> {
        async {
            let received = self.from_client.receive().await;
            if received.is_err() && self.from_client.is_lost() {
                // The client finds the end when its network carries frames again.
                self.to_client.context.footprints.write(|| Resource::Receivers);
                self.revision.set(self.revision.get() + 1);
                self.to_client.push(Item::Death);
            }
            received
        }
        .boxed_local()
    }

    fn send(&self, frame: String) -> Result<(), Unsent> {
        // The gateway learns of a death when its reader does. Frames that it sends until then are lost.
        if self.from_client.is_over() {
            return Err(Died.into());
        }
        if self.to_client.is_full() {
            self.to_client.had_room.set(HadRoom::NotAlways);
            return Err(Unsent::Full(frame));
        }
        self.to_client.context.client_log.sent_by_gateway(&self.name, &frame, self.to_client.had_room.get());
        self.to_client.push(Item::Frame(frame));
        Ok(())
    }

    fn room(&self) -> LocalBoxFuture<'_, Result<(), Died>> {
        async move {
            self.to_client.room().await;
            if self.from_client.is_over() { Err(Died) } else { Ok(()) }
        }
        .boxed_local()
    }

    fn close(&self) {
        self.to_client.context.footprints.write(|| Resource::Receivers);
        self.revision.set(self.revision.get() + 1);
        self.to_client.push(Item::Close);
        self.from_client.stop();
    }
}

impl Pipe {
    fn new(context: &Rc<SimContext>, site: String, to: To, settings: NetworkSettings) -> Rc<Self> {
        Rc::new(Self {
            context: Rc::clone(context),
            site,
            to,
            latency: Cell::new(settings.latency),
            buffer: settings.buffer.get() as usize,
            had_room: Cell::new(HadRoom::Always),
            waited_for: Cell::new(None),
            heard_at: Cell::new(context.now()),
            lost_at: Cell::new(None),
            receiver: Cell::new(Receiver::Takes),
            cut: Cell::new(false),
            queue: RefCell::default(),
            changed: Notify::new(),
            over: Cell::new(false),
        })
    }

    fn push(&self, item: Item) {
        if self.is_over() {
            return;
        }
        self.push_at(self.context.now() + self.context.latency(&self.site, self.latency.get()), item);
    }

    fn push_at(&self, arrival: Uptime, item: Item) {
        self.context.footprints.write(|| Resource::Tail(self.site.clone()));
        let mut queue = self.queue.borrow_mut();
        // A frame never overtakes the one before it.
        let arrival = queue.back().map_or(arrival, |(before, _)| arrival.max(*before));
        queue.push_back((arrival, item));
        drop(queue);
        self.changed.notify_waiters();
    }

    /// Closes the pipe for its receiver, and drops its items.
    fn stop(&self) {
        self.ends();
        self.queue.borrow_mut().clear();
        self.changed.notify_waiters();
    }

    async fn receive(&self) -> Result<Option<String>, Died> {
        loop {
            let changed = self.changed.notified();
            self.note_read();
            if self.is_over() || self.receiver.get() == Receiver::Vanished {
                return Ok(None);
            }
            let is_held = self.cut.get() || self.receiver.get() == Receiver::Stalled;
            let head = self.queue.borrow().front().map(|(arrival, _)| *arrival).filter(|_| !is_held);
            // No item overtakes the head, so the next event is the head's arrival, the end by a ping, or a change of the pipe.
            match [head, self.lost_at.get()].into_iter().flatten().min() {
                Some(next) if next <= self.context.now() => {
                    return if head == Some(next) { self.take() } else { self.lose() };
                }
                Some(next) => tokio::select! {
                    biased; // both branches repeat the loop
                    () = changed => {}
                    () = self.context.clock.sleep_until(next) => {}
                },
                None => changed.await,
            }
        }
    }

    /// The sender has answered no ping: what is on its way is dropped.
    fn lose(&self) -> Result<Option<String>, Died> {
        self.stop();
        Err(Died)
    }

    /// Whether the sender counts as gone because it answers no ping.
    fn is_lost(&self) -> bool {
        self.lost_at.get().is_some_and(|at| at <= self.context.now())
    }

    /// Whether the pipe is closed.
    fn is_over(&self) -> bool {
        self.context.footprints.read(|| Resource::Flow(self.site.clone()));
        self.over.get()
    }

    /// Closes the pipe for good.
    fn ends(&self) {
        self.context.footprints.write(|| Resource::Flow(self.site.clone()));
        self.over.set(true);
    }

    /// Reports the read of the queue's end. A client without latency reads all items, so its reads commute with
    /// additions. The gateway executes one request before it reads the next, and a delayed frame has an arrival time of
    /// its own.
    fn note_read(&self) {
        let tail = || Resource::Tail(self.site.clone());
        match self.to {
            To::Client if self.is_instant() => self.context.footprints.absorb(tail),
            To::Client | To::Gateway => self.context.footprints.read(tail),
        }
    }

    fn is_instant(&self) -> bool {
        self.latency.get().max == Millis::ZERO
    }

    /// Whether the buffer has no room for another frame.
    fn is_full(&self) -> bool {
        let is_full = self.queue.borrow().len() >= self.buffer;
        if is_full {
            // A pipe that is not full stays so when an item is taken, so only a full pipe depends on the head.
            self.context.footprints.read(|| Resource::Head(self.site.clone()));
        }
        is_full
    }

    /// Waits until the buffer has room or the pipe is closed.
    async fn room(&self) {
        loop {
            let changed = self.changed.notified();
            if self.is_over() || !self.is_full() {
                return;
            }
            self.waited_for.set(self.waited_for.get().or_else(|| Some(self.context.now())));
            changed.await;
        }
    }

    fn take(&self) -> Result<Option<String>, Died> {
        self.context.footprints.write(|| Resource::Head(self.site.clone()));
        self.heard_at.set(self.context.now());
        // The taken item makes room in the buffer.
        self.waited_for.set(None);
        self.changed.notify_waiters();
        match self.queue.borrow_mut().pop_front() {
            Some((_, Item::Frame(frame))) => Ok(Some(frame)),
            Some((_, Item::Close)) | None => {
                self.ends();
                Ok(None)
            }
            Some((_, Item::Death)) => {
                self.ends();
                Err(Died)
            }
        }
    }
}
