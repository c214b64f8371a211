//! Stands between the gateway and the agents of a run: every call is passed on, and noted in the agents' log.

use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use gateway_core::agent::{Agent, Agents, BuildError, CompressError, Interrupt, Turn, TurnEvent};
use gateway_core::clock::Uptime;
use gateway_core::store::NewMessage;

use super::SimContext;
use super::agent_log::AgentTurn;

/// Agents whose work is logged.
pub(super) struct WatchedAgents {
    pub(super) agents: Rc<dyn Agents>,
    pub(super) context: Rc<SimContext>,
}

impl Agents for WatchedAgents {
    fn build(&self) -> LocalBoxFuture<'static, Result<Rc<dyn Agent>, BuildError>> {
        let (built, context) = (self.agents.build(), Rc::clone(&self.context));
        async move {
            let agent = built.await?;
            // The task of a build belongs to its session.
            let session = context.current().tag.owner.clone();
            let built = session.map(|session| (context.agent_log.built(&session, context.now()), session));
            Ok(Rc::new(WatchedAgent { agent, context, built }) as Rc<dyn Agent>)
        }
        .boxed_local()
    }
}

struct WatchedAgent {
    agent: Rc<dyn Agent>,
    context: Rc<SimContext>,
    /// Its place among the agents of its session, and that session.
    built: Option<(usize, Rc<str>)>,
}

impl Agent for WatchedAgent {
    fn start(&self, request: &[NewMessage], prompt: &str) -> Box<dyn Turn> {
        let (turn, context) = (self.agent.start(request, prompt), Rc::clone(&self.context));
        // The task of a turn belongs to its session.
        let Some(session) = context.current().tag.owner.clone() else { return turn };
        let place = context.agent_log.begin(&session, request, prompt, context.now());
        Box::new(WatchedTurn { turn, context, session, place })
    }

    fn outcome(&self, job: &str) -> LocalBoxFuture<'static, String> {
        self.agent.outcome(job)
    }

    fn compress<'a>(&'a self, interrupt: &'a Interrupt) -> LocalBoxFuture<'a, Result<String, CompressError>> {
        let log = &self.context.agent_log;
        // The task belongs to the session.
        let session = self.context.current().tag.owner.clone();
        let note = move || {
            if let Some(session) = &session {
                log.summarizes(session, self.context.now());
            }
        };
        async move {
            note();
            let summary = self.agent.compress(interrupt).await;
            note();
            summary
        }
        .boxed_local()
    }
}

impl Drop for WatchedAgent {
    fn drop(&mut self) {
        if let Some((place, session)) = &self.built {
            self.context.agent_log.dropped(session, *place);
        }
    }
}

struct WatchedTurn {
    turn: Box<dyn Turn>,
    context: Rc<SimContext>,
    session: Rc<str>,
    /// Its place among the turns of its session.
    place: usize,
}

impl WatchedTurn {
    fn note(&self, change: impl FnOnce(&mut AgentTurn, Uptime)) {
        let now = self.context.now();
        self.context.agent_log.change(&self.session, self.place, now, |turn| change(turn, now));
    }
}

impl Turn for WatchedTurn {
    fn next<'a>(&'a mut self, interrupt: &'a Interrupt) -> LocalBoxFuture<'a, TurnEvent> {
        async move {
            self.note(|turn, _| turn.goes_on());
            let event = self.turn.next(interrupt).await;
            self.note(|turn, now| turn.report(&event, interrupt.is_raised(), now));
            if let TurnEvent::JobStarted { job } = &event {
                self.context.agent_log.job_started(&self.session, job);
            }
            event
        }
        .boxed_local()
    }

    fn review(&mut self) -> Option<Box<dyn Turn>> {
        self.turn.review()
    }

    fn answer(&mut self, text: String) {
        self.note(|turn, at| turn.answered(&text, at));
        self.turn.answer(text);
    }
}

impl Drop for WatchedTurn {
    fn drop(&mut self) {
        let severed = self.context.agent_log.severed();
        self.note(|turn, now| turn.dropped(severed, now));
    }
}
