//! The gateway as a process: it starts, is killed or signalled, and starts again on the same database.

use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;

use gateway_core::Gateway;
use gateway_core::behavior::Behavior;
use gateway_core::clock::{Millis, Uptime};
use gateway_core::config::Config;
use gateway_core::env::Env;
use gateway_core::ids::SessionId;
use gateway_core::lifecycle::process::Signal;
use gateway_core::server;
use gateway_core::spawn::{self, TaskName};

use super::agent_log::Severing;
use super::answers::{self, State};
use super::network::Network;
use super::store::SimStore;
use super::{SimContext, World};
use crate::task::{Role, TaskTag};
use crate::trace::Site;
use sim_scenario::{Jump, ProcessStep, SettingChanges};

/// The process of the gateway, over all its starts.
pub(crate) struct Process {
    context: Rc<SimContext>,
    network: Rc<Network>,
    store: Rc<SimStore>,
    env: Env,
    /// The settings of each process so far, with the time of its start.
    settings: RefCell<Vec<(Uptime, Config)>>,
    behavior: Behavior,
    gateway: RefCell<Option<Rc<Gateway>>>,
    /// The number of starts and ends so far.
    generation: Cell<u64>,
    last_end: Cell<ProcessEnd>,
    /// When the process that is up, or was up last, started.
    since: Cell<Uptime>,
    /// From the first signal of a process to the start of the next, which is none yet for the last.
    signals: RefCell<Vec<SignalSpan>>,
}

/// The time from the signal to a process to the start of the next process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SignalSpan {
    pub(crate) from: Uptime,
    /// None as long as no process has started since.
    pub(crate) until: Option<Uptime>,
    /// When the time for the end is over, if it is bounded; by the strictest of several signals.
    pub(crate) due: Option<Uptime>,
}

/// The cause of a process's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProcessEnd {
    Killed,
    /// It has exited after a signal, with every session ended.
    Signalled,
    /// It has exited after a signal, and its time for that was over at this instant.
    CutShort(Uptime),
}

impl Process {
    /// A gateway that is up, with its database open.
    pub(crate) fn new(world: &World, config: Config, behavior: Behavior) -> Rc<Self> {
        let process = Rc::new(Self {
            context: Rc::clone(&world.context),
            network: Rc::clone(&world.network),
            store: Rc::clone(&world.store),
            env: world.env.clone(),
            settings: RefCell::new(vec![(Uptime::default(), config)]),
            behavior,
            gateway: RefCell::default(),
            generation: Cell::new(0),
            last_end: Cell::new(ProcessEnd::Killed),
            since: Cell::default(),
            signals: RefCell::default(),
        });
        let crashing = Rc::downgrade(&process);
        process.store.crashes_by(Rc::new(move || {
            if let Some(process) = crashing.upgrade() {
                process.kill();
            }
        }));
        let answering = Rc::downgrade(&process);
        process.context.checks_answers_by(Rc::new(move |client, frame| {
            if let Some(process) = answering.upgrade() {
                process.check_answer(client, frame);
            }
        }));
        process.serve();
        process
    }

    /// Compares the answer to a request of a client with the rows and the live sessions at this instant.
    fn check_answer(&self, client: &str, frame: &str) {
        let (Some(gateway), Some(number)) = (self.gateway(), answers::number(frame)) else { return };
        let Some(request) = self.context.client_log.in_flight(client, number) else { return };
        let (compared, grounds) = {
            let settings = self.settings();
            let state = State {
                gateway: &gateway,
                rows: &self.store.mirror(),
                is_quiet: self.store.last_commit_at() < Some(request.sent_at),
                models: &self.context.client_log.models(),
                settings: present(&settings),
                behavior: &self.behavior,
            };
            (state.differs(&request, frame), state.compared(&request))
        };
        match compared {
            None => {}
            Some(Err(excuse)) => self.context.client_log.note_compared(Some(excuse)),
            Some(Ok(_)) => self.context.client_log.note_compared(None),
        }
        if let Some(Ok(Some((subject, detail)))) = compared {
            let label = self.context.names.label(&SessionId::from(subject.as_str()));
            let subject = if label.is_empty() { client.to_owned() } else { label };
            self.context.client_log.note_untrue(subject, detail);
        }
        grounds.into_iter().for_each(|resource| self.context.footprints.observe(resource));
    }

    /// Carries out a step of the process. The caller carries out the steps of another program. The error says why the step
    /// has no effect.
    pub(crate) async fn carry_out<E: From<&'static str>>(
        self: &Rc<Self>,
        step: &ProcessStep,
        elsewhere: impl AsyncFnOnce(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        match step {
            ProcessStep::Kill | ProcessStep::Signal { .. } | ProcessStep::ScanIdle if !self.is_up() => {
                return Err(E::from("the gateway is down"));
            }
            ProcessStep::Restart { .. } if self.is_up() => return Err(E::from("the gateway is up")),
            ProcessStep::Kill => self.kill(),
            ProcessStep::Signal { signal, stop_timeout } => self.signal(*signal, *stop_timeout),
            ProcessStep::Restart { changes } => self.start(changes),
            ProcessStep::CliNew { session } => return elsewhere(session).await,
            ProcessStep::ScanIdle => self.scan_idle(),
            ProcessStep::Suspend { length } => self.suspend(*length),
            ProcessStep::SetClock { jump } => self.set_clock(*jump),
        }
        Ok(())
    }

    /// The gateway; none while the process is down.
    pub(crate) fn gateway(&self) -> Option<Rc<Gateway>> {
        self.gateway.borrow().clone()
    }

    /// The number of starts and ends so far.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.get()
    }

    /// The cause of the last end.
    pub(crate) fn last_end(&self) -> ProcessEnd {
        self.last_end.get()
    }

    /// When the process that is up, or was up last, started.
    pub(crate) fn since(&self) -> Uptime {
        self.since.get()
    }

    /// The settings of each process so far, with the time of its start, oldest first.
    pub(crate) fn settings(&self) -> Ref<'_, [(Uptime, Config)]> {
        Ref::map(self.settings.borrow(), Vec::as_slice)
    }

    /// When processes had received a signal, oldest first.
    pub(crate) fn signals(&self) -> Ref<'_, [SignalSpan]> {
        Ref::map(self.signals.borrow(), Vec::as_slice)
    }

    /// Whether the process is up.
    pub(crate) fn is_up(&self) -> bool {
        self.gateway.borrow().is_some()
    }

    /// Starts a new process, unless one is up.
    fn start(&self, changes: &SettingChanges) {
        if !self.is_up() {
            self.context.footprints.everywhere();
            self.context.enter(Site::Process, "starts".to_owned());
            if let Some(span) = self.signals.borrow_mut().last_mut() {
                span.until.get_or_insert(self.context.now());
            }
            self.store.open();
            let config = changes.apply(present(&self.settings()));
            self.settings.borrow_mut().push((self.context.now(), config));
            self.serve();
        }
    }

    /// Kills the process: sockets and store close first, then its tasks are cancelled.
    fn kill(&self) {
        if self.is_up() {
            self.context.enter(Site::Process, "is killed".to_owned());
            self.end(ProcessEnd::Killed);
        }
    }

    /// Sends a signal to the gateway. The process exits when the gateway has ended, or a last try after this time is over.
    fn signal(self: &Rc<Self>, signal: Signal, stop_timeout: Option<Millis>) {
        self.context.footprints.everywhere();
        let Some(gateway) = self.gateway() else { return };
        let due = stop_timeout.map(|time| self.context.now() + time);
        self.note_signal(due);
        self.context.enter(Site::Process, format!("gets SIG{}", signal.name()));
        let process = Rc::clone(self);
        let ending = async move {
            let late = server::end_within(&gateway, server::shutdown(&gateway, signal), stop_timeout).await;
            process.exit(late.and(due));
        };
        let task = TaskTag::new("gateway", Role::Gateway(spawn::TaskRole::Shutdown)).task();
        self.context.pool.spawn(task, Box::pin(ending));
    }

    fn note_signal(&self, due: Option<Uptime>) {
        let mut signals = self.signals.borrow_mut();
        match signals.last_mut().filter(|span| span.until.is_none()) {
            Some(span) => span.due = span.due.into_iter().chain(due).min(),
            None => signals.push(SignalSpan { from: self.context.now(), until: None, due }),
        }
    }

    /// The process exits; `late` says when its time for that was over, if it was.
    fn exit(&self, late: Option<Uptime>) {
        let (how, end) = match late {
            None => ("ends", ProcessEnd::Signalled),
            Some(due) => ("ends before its sessions have", ProcessEnd::CutShort(due)),
        };
        self.context.enter(Site::Process, how.to_owned());
        self.end(end);
    }

    /// Makes the idle reaper scan now, in a task of the gateway: an end that it has begun outlives the script.
    fn scan_idle(&self) {
        if let Some(gateway) = self.gateway() {
            let task = TaskTag::new("gateway", Role::Gateway(spawn::TaskRole::Idle)).task();
            self.context.pool.spawn(task, Box::pin(async move { server::scan_idle(&gateway).await }));
        }
    }

    /// Suspends the machine: wall time advances, uptime does not.
    fn suspend(&self, length: Millis) {
        self.context.footprints.everywhere();
        self.context.enter(Site::Process, format!("is suspended for {length}"));
        self.context.clock.suspend(length);
    }

    /// Sets the wall clock; uptime is not affected.
    fn set_clock(&self, jump: Jump) {
        self.context.footprints.everywhere();
        let way = match jump {
            Jump::Forward(far) => format!("forward by {far}"),
            Jump::Back(far) => {
                self.store.note_set_back();
                format!("back by {far}")
            }
        };
        self.context.enter(Site::Process, format!("has its clock set {way}"));
        self.context.clock.jump_wall(jump);
    }

    fn serve(&self) {
        let gateway = Gateway::new(self.env.clone(), present(&self.settings()).clone(), self.behavior.clone());
        let serving = server::serve(Rc::clone(&gateway), Rc::clone(&self.network) as _);
        self.env.spawn(TaskName::gateway(spawn::TaskRole::Acceptor), serving);
        self.store.wait_while_busy(gateway.busy_wait());
        *self.gateway.borrow_mut() = Some(gateway);
        self.generation.set(self.generation.get() + 1);
        self.since.set(self.context.now());
    }

    fn end(&self, how: ProcessEnd) {
        self.context.footprints.everywhere();
        self.last_end.set(how);
        self.network.sever();
        self.store.sever();
        self.context.agent_log.sever(Some(match how {
            // What is left at a late end is cut off as by a kill.
            ProcessEnd::Killed | ProcessEnd::CutShort(_) => Severing::Kill,
            ProcessEnd::Signalled => Severing::Exit,
        }));
        self.context.pool.cancel(|task| task.tag.role.is_gateway());
        self.context.agent_log.sever(None);
        *self.gateway.borrow_mut() = None;
        self.generation.set(self.generation.get() + 1);
    }
}

/// The settings of the process that is up, or was up last.
fn present(settings: &[(Uptime, Config)]) -> &Config {
    &settings.last().expect("the first process has settings").1
}
