//! A gateway that is served: the gateway, the way clients come to it, and their end.

use std::rc::Rc;

use futures_util::FutureExt;
use tokio::net::TcpListener;

use super::access::Access;
use super::limits::{Limits, Patience};
use super::metrics::{self, Counters};
use super::stdio::StdioTransport;
use super::watched::WatchedStore;
use super::websocket::{Door, WebSocketTransport};
use gateway_core::behavior::Behavior;
use gateway_core::clock::Millis;
use gateway_core::config::Config;
use gateway_core::env::Env;
use gateway_core::lifecycle::process::Signal;
use gateway_core::lifecycle::writing::Stalled;
use gateway_core::server;
use gateway_core::spawn::{TaskName, TaskRole};
use gateway_core::state::Gateway;
use gateway_core::transport::Transport;

/// A gateway with its clients. It belongs inside a `LocalSet`.
pub struct Served {
    gateway: Rc<Gateway>,
    front: Front,
}

/// How clients come.
enum Front {
    WebSocket(Rc<WebSocketTransport>),
    Stdio(Rc<StdioTransport>, Patience),
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
        let patience = patience(&env, &config, &behavior);
        let gateway = Gateway::new(watched(env, &counters), config, behavior);
        let (asked, counted) = (Rc::clone(&gateway), Rc::clone(&counters));
        let metrics = Box::new(move || {
            let (gateway, counters) = (Rc::clone(&asked), Rc::clone(&counted));
            async move { metrics::page(&gateway, &counters).await }.boxed_local()
        });
        let door = Door { access, limits, patience, counters, metrics };
        let transport = Rc::new(WebSocketTransport::start(listener, door));
        Self::start(gateway, Rc::clone(&transport) as _, Front::WebSocket(transport))
    }

    /// Serves one client over a transport of lines.
    pub fn over(transport: StdioTransport, env: Env, config: Config, behavior: Behavior) -> Self {
        let patience = patience(&env, &config, &behavior);
        let gateway = Gateway::new(watched(env, &Rc::default()), config, behavior);
        let transport = Rc::new(transport);
        Self::start(gateway, Rc::clone(&transport) as _, Front::Stdio(transport, patience))
    }

    fn start(gateway: Rc<Gateway>, transport: Rc<dyn Transport>, front: Front) -> Self {
        let acceptor = server::serve(Rc::clone(&gateway), transport);
        gateway.env.spawn(TaskName::gateway(TaskRole::Acceptor), acceptor);
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
            Front::Stdio(stdio, patience) => stdio.ended(patience).await,
        }
    }

    /// Takes no more clients, ends every session, then says goodbye to those who are connected.
    pub async fn end(&self, signal: Signal) {
        if let Front::WebSocket(transport) = &self.front {
            transport.stop();
        }
        server::shutdown(&self.gateway, signal).await;
        match &self.front {
            Front::WebSocket(transport) => transport.dismiss(),
            Front::Stdio(transport, _) => transport.dismiss(),
        }
        // Until just now a client could still make or resume a session.
        server::shutdown(&self.gateway, signal).await;
        match &self.front {
            Front::WebSocket(transport) => transport.drained().await,
            Front::Stdio(transport, patience) => transport.drained(patience).await,
        }
    }
}

/// An old release that goes on with a client that takes nothing does so here as well, and so does everyone with a timeout
/// of zero.
fn patience(env: &Env, config: &Config, behavior: &Behavior) -> Patience {
    let drops = matches!(behavior.writing.on_timeout(), Some(Stalled::Drop));
    let length = Some(config.write_timeout).filter(|length| drops && *length > Millis::ZERO);
    Patience { clock: Rc::clone(&env.clock), length }
}

fn watched(env: Env, counters: &Rc<Counters>) -> Env {
    let store = Rc::new(WatchedStore::new(Rc::clone(&env.store), Rc::clone(counters)));
    Env { store, ..env }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::time::Duration;

    use futures_util::StreamExt;
    use futures_util::future::LocalBoxFuture;
    use tokio::net::TcpStream;
    use tokio::sync::Notify;
    use tokio::task::LocalSet;
    use tokio_tungstenite::client_async;

    use super::*;
    use crate::real;
    use crate::real::sqlite::SqliteThread;
    use crate::real::websocket::PATH;
    use gateway_core::release::Release;
    use gateway_core::spawn::{Spawn, Window};
    use gateway_sqlite::Database;

    /// Only a hang takes longer.
    const HANG: Duration = Duration::from_secs(60);

    /// Starts the gateway's own tasks at once, and those for clients when it is told to.
    #[derive(Default)]
    struct Late {
        waiting: RefCell<Vec<LocalBoxFuture<'static, ()>>>,
        came: Notify,
    }

    impl Spawn for Late {
        #[expect(clippy::disallowed_methods, reason = "this is where tasks are started")]
        fn spawn(&self, name: TaskName, task: LocalBoxFuture<'static, ()>) {
            if name.role == TaskRole::Reader {
                self.waiting.borrow_mut().push(task);
                self.came.notify_one();
            } else {
                tokio::task::spawn_local(task);
            }
        }

        fn window(&self, _: Window) -> LocalBoxFuture<'static, ()> {
            std::future::ready(()).boxed_local()
        }
    }

    fn late() -> (Rc<Late>, Env) {
        let store = SqliteThread::start(Database::in_memory().expect("memory")).expect("a thread");
        let late = Rc::new(Late::default());
        (Rc::clone(&late), Env { spawn: late, ..real::env(Rc::new(store), BTreeMap::new()) })
    }

    /// A client of a gateway without a write timeout may take nothing for as long as it likes.
    #[tokio::test(flavor = "current_thread")]
    async fn a_write_timeout_of_zero_is_none() {
        let (_, env) = late();
        for (write_timeout, expected) in [(Millis(7), Some(Millis(7))), (Millis::ZERO, None)] {
            let config = Config { write_timeout, ..Config::default() };
            assert_eq!(patience(&env, &config, &Release::Current.behavior()).length, expected);
        }
    }

    /// Ends what is served while its one client was taken, and nobody has begun to read it.
    #[expect(clippy::disallowed_methods, reason = "a hang is a failure")]
    async fn check_end(served: &Served, late: &Late) {
        late.came.notified().await;
        // The reader begins when the end has come as far as it can without it.
        let reader = async {
            for reader in late.waiting.take() {
                tokio::task::spawn_local(reader).await.expect("it does not panic");
            }
        };
        let end = async { tokio::join!(served.end(Signal::Term), reader) };
        assert!(tokio::time::timeout(HANG, end).await.is_ok(), "it does not end");
        assert_eq!(served.gateway.sessions.links().len(), 0);
    }

    /// A client that was taken just before the end is sent away like any other.
    #[tokio::test(flavor = "current_thread")]
    async fn a_client_that_has_just_come_does_not_hold_up_the_end() {
        let story = async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("its address");
            let (late, env) = late();
            let door = (Access::default(), Limits::default());
            let served = Served::on(listener, env, Config::default(), Release::Current.behavior(), door);
            let stream = TcpStream::connect(address).await.expect("it listens");
            let (mut client, _) = client_async(format!("ws://{address}{PATH}"), stream).await.expect("the handshake");
            let reading = async { while client.next().await.is_some_and(|message| message.is_ok()) {} };
            tokio::join!(check_end(&served, &late), reading);
        };
        LocalSet::new().run_until(story).await;
    }

    /// The same on standard input, of which no more comes.
    #[tokio::test(flavor = "current_thread")]
    async fn a_client_on_standard_input_that_has_just_come_does_not_hold_up_the_end() {
        let story = async {
            let (input, _open) = std::io::pipe().expect("a pipe");
            let transport = StdioTransport::start(input, std::io::sink(), 1024).expect("threads");
            let (late, env) = late();
            let served = Served::over(transport, env, Config::default(), Release::Current.behavior());
            check_end(&served, &late).await;
        };
        LocalSet::new().run_until(story).await;
    }
}
