//! A gateway that is served: the gateway, the way clients come to it, and their end.

use std::rc::Rc;

use futures_util::FutureExt;
use tokio::net::TcpListener;

use super::access::Access;
use super::limits::Limits;
use super::metrics::{self, Counters};
use super::stdio::StdioTransport;
use super::watched::WatchedStore;
use super::websocket::{Door, WebSocketTransport};
use crate::behavior::Behavior;
use crate::config::Config;
use crate::env::Env;
use crate::lifecycle::process::Signal;
use crate::server::Gateway;
use crate::spawn::TaskName;
use crate::transport::Transport;

/// A gateway with its clients. It belongs inside a `LocalSet`.
pub struct Served {
    gateway: Rc<Gateway>,
    front: Front,
}

/// How clients come.
enum Front {
    WebSocket(Rc<WebSocketTransport>),
    Stdio(Rc<StdioTransport>),
}

impl Served {
    /// Serves the clients of a listener.
    pub fn on(
        listener: TcpListener,
        env: Env,
        config: Config,
        behavior: Behavior,
        (access, limits): (Access, Limits),
    ) -> Self {
        let counters = Rc::new(Counters::default());
        let gateway = Gateway::new(watched(env, &counters), config, behavior);
        let (asked, counted) = (Rc::clone(&gateway), Rc::clone(&counters));
        let metrics = Box::new(move || {
            let (gateway, counters) = (Rc::clone(&asked), Rc::clone(&counted));
            async move { metrics::page(&gateway, &counters).await }.boxed_local()
        });
        let transport = Rc::new(WebSocketTransport::start(listener, Door { access, limits, counters, metrics }));
        Self::start(gateway, Rc::clone(&transport) as _, Front::WebSocket(transport))
    }

    /// Serves one client over a transport of lines.
    pub fn over(transport: StdioTransport, env: Env, config: Config, behavior: Behavior) -> Self {
        let gateway = Gateway::new(watched(env, &Rc::default()), config, behavior);
        let transport = Rc::new(transport);
        Self::start(gateway, Rc::clone(&transport) as _, Front::Stdio(transport))
    }

    fn start(gateway: Rc<Gateway>, transport: Rc<dyn Transport>, front: Front) -> Self {
        let acceptor = Rc::clone(&gateway).serve(transport);
        gateway.env.spawn(TaskName::gateway("acceptor"), acceptor);
        Self { gateway, front }
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.gateway.sessions.count(|_| true)
    }

    /// Waits until no client can come any more. Those of a port can for ever.
    pub async fn deserted(&self) {
        match &self.front {
            Front::WebSocket(_) => std::future::pending().await,
            Front::Stdio(stdio) => stdio.ended().await,
        }
    }

    /// Takes no more clients, ends every session, then says goodbye to those who are connected.
    pub async fn end(&self, signal: Signal) {
        if let Front::WebSocket(transport) = &self.front {
            transport.stop();
        }
        self.gateway.shutdown(signal).await;
        for link in self.gateway.sessions.links() {
            link.connection.close();
        }
        // Until just now a client could still make or resume a session.
        self.gateway.shutdown(signal).await;
        match &self.front {
            Front::WebSocket(transport) => transport.drained().await,
            Front::Stdio(transport) => transport.drained().await,
        }
    }
}

fn watched(env: Env, counters: &Rc<Counters>) -> Env {
    let store = Rc::new(WatchedStore::new(Rc::clone(&env.store), Rc::clone(counters)));
    Env { store, ..env }
}
