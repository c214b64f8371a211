//! A running gateway with its transport, from the start to an orderly end.

use std::rc::Rc;

use futures_util::FutureExt;
use tokio::net::TcpListener;

use super::access::Access;
use super::limits::{Limits, WriteTimeout};
use super::metered::{LossObserver, MeteredStore};
use super::metrics::{self, Counters};
use super::stdio::StdioTransport;
use super::websocket::{Endpoint, WebSocketTransport};
use gateway_core::behavior::Behavior;
use gateway_core::clock::Millis;
use gateway_core::config::Config;
use gateway_core::env::Env;
use gateway_core::lifecycle::process::Signal;
use gateway_core::lifecycle::writing::Stalled;
use gateway_core::observe::Observe;
use gateway_core::server::{self, Left};
use gateway_core::spawn::{TaskName, TaskRole};
use gateway_core::state::Gateway;
use gateway_core::transport::Transport;

/// A gateway with its transport. It must be used inside a `LocalSet`.
pub struct Served {
    gateway: Rc<Gateway>,
    counters: Rc<Counters>,
    frontend: Frontend,
}

/// How a gateway has ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every session has ended, and all that was accepted is stored.
    Whole,
    /// Every session has ended, and something was given up for it, now or before. The log says what.
    WithLoss,
    /// The time was over, and this is left.
    Late(Left),
}

/// The transport in use.
enum Frontend {
    WebSocket(Rc<WebSocketTransport>),
    Stdio(Rc<StdioTransport>, WriteTimeout),
}

impl Served {
    /// Serves WebSocket clients of a listener.
    pub fn on(
        listener: TcpListener,
        env: Env,
        config: Config,
        behavior: Behavior,
        (access, limits): (Access, Limits),
    ) -> Self {
        let counters = Rc::new(Counters::default());
        let write_timeout = effective_write_timeout(&env, &config, &behavior);
        let gateway = Gateway::new(metered(env, &counters), config, behavior);
        let (asked, counted) = (Rc::clone(&gateway), Rc::clone(&counters));
        let metrics = Box::new(move || {
            let (gateway, counters) = (Rc::clone(&asked), Rc::clone(&counted));
            async move { metrics::page(&gateway, &counters).await }.boxed_local()
        });
        let (asked, counted) = (Rc::clone(&gateway), Rc::clone(&counters));
        let health = Box::new(move || {
            let (gateway, counters) = (Rc::clone(&asked), Rc::clone(&counted));
            async move { metrics::health(&gateway, &counters).await }.boxed_local()
        });
        let counted = Rc::clone(&counters);
        let endpoint = Endpoint { access, limits, write_timeout, counters, metrics, health };
        let transport = Rc::new(WebSocketTransport::start(listener, endpoint));
        Self::start(gateway, counted, Rc::clone(&transport) as _, Frontend::WebSocket(transport))
    }

    /// Serves one client on standard input and output.
    pub fn over(transport: StdioTransport, env: Env, config: Config, behavior: Behavior) -> Self {
        let write_timeout = effective_write_timeout(&env, &config, &behavior);
        let counters = Rc::default();
        let gateway = Gateway::new(metered(env, &counters), config, behavior);
        let transport = Rc::new(transport);
        Self::start(gateway, counters, Rc::clone(&transport) as _, Frontend::Stdio(transport, write_timeout))
    }

    fn start(gateway: Rc<Gateway>, counters: Rc<Counters>, transport: Rc<dyn Transport>, frontend: Frontend) -> Self {
        let acceptor = server::serve(Rc::clone(&gateway), transport);
        gateway.env.spawn(TaskName::gateway(TaskRole::Acceptor), acceptor);
        Self { gateway, counters, frontend }
    }

    /// The number of live sessions.
    pub fn sessions(&self) -> usize {
        self.gateway.sessions.count(|_| true)
    }

    /// Completes when the client on standard input is gone. Never completes for a listener.
    pub async fn client_gone(&self) {
        match &self.frontend {
            Frontend::WebSocket(_) => std::future::pending().await,
            Frontend::Stdio(stdio, write_timeout) => stdio.ended(write_timeout).await,
        }
    }

    /// Ends as [`end`](Self::end) does, within `time` if there is a bound. When it is over, each session that is left has one last
    /// try to be stored and ended, whatever holds it.
    pub async fn end_within(&self, signal: Signal, time: Option<Millis>) -> Ended {
        let left = server::end_within(&self.gateway, self.end(signal), time).await;
        let Some(left) = left else { return self.ended() };
        self.counters.gave_up("messages", left.messages as u64);
        self.counters.gave_up("rows", left.rows as u64);
        if left == Left::default() { self.ended() } else { Ended::Late(left) }
    }

    fn ended(&self) -> Ended {
        if self.counters.has_given_up() { Ended::WithLoss } else { Ended::Whole }
    }

    /// Stops accepting, ends every session, then closes the connections and waits until their sockets are gone.
    ///
    /// Cancelling it leaves sessions unended; the next start ends their rows.
    pub async fn end(&self, signal: Signal) {
        if let Frontend::WebSocket(transport) = &self.frontend {
            transport.stop();
        }
        server::shutdown(&self.gateway, signal).await;
        match &self.frontend {
            Frontend::WebSocket(transport) => transport.close_all(),
            Frontend::Stdio(transport, _) => transport.close_all(),
        }
        // Until the connections were closed a client could still create or resume a session.
        server::shutdown(&self.gateway, signal).await;
        match &self.frontend {
            Frontend::WebSocket(transport) => transport.drained().await,
            Frontend::Stdio(transport, write_timeout) => transport.drained(write_timeout).await,
        }
    }
}

/// The write timeout; none for a timeout of zero, or under a release that keeps clients that read nothing.
fn effective_write_timeout(env: &Env, config: &Config, behavior: &Behavior) -> WriteTimeout {
    let drops = matches!(behavior.writing.on_timeout(), Some(Stalled::Drop));
    let length = Some(config.write_timeout).filter(|length| drops && *length > Millis::ZERO);
    WriteTimeout { clock: Rc::clone(&env.clock), length }
}

fn metered(env: Env, counters: &Rc<Counters>) -> Env {
    let store = Rc::new(MeteredStore::new(Rc::clone(&env.store), Rc::clone(counters)));
    let observe = Observe::by(Rc::new(LossObserver(Rc::clone(counters))));
    Env { store, observe, ..env }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

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

    /// The timeout of a test; only a hang takes longer.
    const HANG: std::time::Duration = std::time::Duration::from_secs(60);

    /// Starts the gateway's own tasks at once, and holds back the readers of clients.
    #[derive(Default)]
    struct Late {
        waiting: RefCell<Vec<LocalBoxFuture<'static, ()>>>,
        came: Notify,
    }

    impl Spawn for Late {
        #[expect(clippy::disallowed_methods, reason = "the one place that starts tasks")]
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

    /// A write timeout of zero means no timeout.
    #[tokio::test(flavor = "current_thread")]
    async fn a_write_timeout_of_zero_is_none() {
        let (_, env) = late();
        for (write_timeout, expected) in [(Millis(7), Some(Millis(7))), (Millis::ZERO, None)] {
            let config = Config { write_timeout, ..Config::default() };
            assert_eq!(effective_write_timeout(&env, &config, &Release::Current.behavior()).length, expected);
        }
    }

    /// Ends the gateway after its one client was accepted and before its reader has started.
    #[expect(clippy::disallowed_methods, reason = "a hang is a failure")]
    async fn check_end(served: &Served, late: &Late) {
        late.came.notified().await;
        // The reader starts when the end waits for it.
        let reader = async {
            for reader in late.waiting.take() {
                tokio::task::spawn_local(reader).await.expect("it does not panic");
            }
        };
        let end = async { tokio::join!(served.end(Signal::Term), reader) };
        assert!(tokio::time::timeout(HANG, end).await.is_ok(), "it does not end");
        assert_eq!(served.gateway.sessions.links().len(), 0);
    }

    /// A client that was accepted just before the end does not block it.
    #[tokio::test(flavor = "current_thread")]
    async fn a_new_client_does_not_block_the_end() {
        let body = async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("its address");
            let (late, env) = late();
            let endpoint = (Access::default(), Limits::default());
            let served = Served::on(listener, env, Config::default(), Release::Current.behavior(), endpoint);
            let stream = TcpStream::connect(address).await.expect("it listens");
            let (mut client, _) = client_async(format!("ws://{address}{PATH}"), stream).await.expect("the handshake");
            let reading = async { while client.next().await.is_some_and(|message| message.is_ok()) {} };
            tokio::join!(check_end(&served, &late), reading);
        };
        LocalSet::new().run_until(body).await;
    }

    /// The same on standard input.
    #[tokio::test(flavor = "current_thread")]
    async fn a_new_client_on_standard_input_does_not_block_the_end() {
        let body = async {
            let (input, _open) = std::io::pipe().expect("a pipe");
            let transport = StdioTransport::start(input, std::io::sink(), 1024).expect("threads");
            let (late, env) = late();
            let served = Served::over(transport, env, Config::default(), Release::Current.behavior());
            check_end(&served, &late).await;
        };
        LocalSet::new().run_until(body).await;
    }
}
