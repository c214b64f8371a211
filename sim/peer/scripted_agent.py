#!/usr/bin/env python3
"""Serves the real gateway of an installed hermes-agent, with turns from a file in place of a model's.

    target/peer/0.16.0/bin/python sim/peer/scripted_agent.py --turns SCENARIO.toml [--port 0] [--scale 1.0] ...

It prints `listening on ws://127.0.0.1:PORT/api/ws?token=TOKEN` when clients can connect, and `database FILE`; it ends at
SIGINT or SIGTERM. Run it with the Python of the environment that `install` makes.

What is real: the package's web server, its WebSocket, its methods, timers and reaper, its database, and (with `--agent
whole`, the default) its agent class as far as storing, compressing and closing go. What is replaced, from outside: the
conversation with a model, which follows a turn of the file instead; the text of a summary; titles by a model (none); the
helper process for slash commands (none, it would cost each session a second Python). `--agent light` replaces the agent
as a whole by an object that only says and stores what its turns say: what is left is the gateway's own cost.

A turn is a `[turns.NAME]` table as scenario files have it; a prompt that is NAME plays it, any other is answered with
itself. Steps: tool, tools, say, sleep, ask, compress, hang, flush, error, reply. The settings `orphan_grace`, `session_ttl`
and `busy_input_mode` of the file's `[gateway]`, and its `[agent]` table, hold too. Times are multiplied by `--scale`.

A line `memory` on its standard input is answered with a line of JSON: the live sessions, armed orphan timers and running turns.

A second process on the same `--home` goes on with its database. `--database-only` makes that database and ends, for a caller
that puts rows into it.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import re
import secrets
import socket
import sys
import tempfile
import threading
import time
import tomllib
import traceback
import types
import uuid

SUMMARY = "summary of the conversation so far"
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def main():
    arguments = parse()
    home = pathlib.Path(arguments.home or tempfile.mkdtemp(prefix="peer-"))
    home.mkdir(parents=True, exist_ok=True)
    token = secrets.token_urlsafe(16)
    # The package reads these when it is imported.
    os.environ["HERMES_HOME"] = str(home)
    os.environ["HERMES_DASHBOARD_SESSION_TOKEN"] = token
    script = Script(arguments.turns, arguments.scale)
    grace = script.gateway.get("orphan_grace", "20s") if arguments.grace is None else f"{arguments.grace}s"
    os.environ["HERMES_TUI_WS_ORPHAN_REAP_GRACE_S"] = str(script.seconds(grace))
    os.environ["HERMES_TUI_SESSION_TTL_S"] = str(script.seconds(script.gateway.get("session_ttl", "6h")))
    # Otherwise the package would install dependencies of tools that no turn here calls.
    os.environ["HERMES_DISABLE_LAZY_INSTALLS"] = "1"
    # No provider is ever called: port 9 is the discard port, if any process listens on it.
    (home / "config.yaml").write_text(
        "model: {default: scripted, provider: custom, base_url: 'http://127.0.0.1:9/v1', api_key: none,"
        " context_length: 200000}\n"
        "updates: {check: false}\n"
        "security: {allow_lazy_installs: false}\n"
        f"display: {{busy_input_mode: {script.gateway.get('busy_input_mode', 'interrupt')}}}\n"
    )
    if arguments.database_only:
        return make_database()
    make_whole = replace(script, arguments.agent)

    from hermes_cli import web_server

    port = arguments.port or free_port()
    threading.Thread(target=announce_or_end, args=(port, token, home, make_whole), daemon=True).start()
    web_server.start_server(host="127.0.0.1", port=port, open_browser=False)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=pathlib.Path, help="a TOML file with [turns.NAME] tables")
    parser.add_argument("--scale", type=float, default=1.0, help="how many seconds a second of the file takes")
    parser.add_argument("--grace", type=float, help="the orphan grace in seconds, before scaling; default: the file's, or 20")
    parser.add_argument("--port", type=int, default=0, help="0 takes any that is free")
    parser.add_argument("--home", help="HERMES_HOME, where state.db will be; a fresh folder if none is given")
    parser.add_argument("--agent", choices=["whole", "light"], default="whole")
    parser.add_argument("--database-only", action="store_true", help="make the database in --home and end")
    return parser.parse_args()


def make_database():
    """Makes the tables as the package does when it starts. The exit code is 1 if it does not."""
    from tui_gateway import server

    db = server._get_db()
    if db is None:
        return 1
    db.close()
    return 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def announce_or_end(*arguments):
    """A gateway that cannot be announced is waited for in vain."""
    try:
        announce(*arguments)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def announce(port, token, home, make_whole):
    """Says where clients can connect, once the first of them would not pay for what is made only once."""
    from tui_gateway import server

    server._get_db()
    if make_whole:
        # The first prompt for a model, which a compression sends, takes seconds.
        agent = make_whole("warm", "warm")
        agent._build_system_prompt(None)
        agent.close()
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.05)
    # The package has redirected standard output to standard error.
    print(f"database {home / 'state.db'}", file=sys.__stdout__, flush=True)
    print(f"listening on ws://127.0.0.1:{port}/api/ws?token={token}", file=sys.__stdout__, flush=True)
    for line in sys.stdin:
        if line.strip() == "memory":
            print(f"memory {json.dumps(memory(server))}", file=sys.__stdout__, flush=True)


def memory(server):
    """What the package has in its memory now."""
    timers = [timer for timer in threading.enumerate() if isinstance(timer, threading.Timer)]
    records = [record(server, sid, session) for sid, session in list(server._sessions.items())]
    running = sum(entry["running"] for entry in records)
    return {
        "sessions": len(records),
        "timers": sum(timer.interval == server._WS_ORPHAN_REAP_GRACE_S for timer in timers),
        "turns": Turn.running,
        "turns_without_session": max(0, Turn.running - running),
        "records": records,
    }


def record(server, sid, session):
    """A live session, in the words of a recording."""
    transport, ready = session.get("transport"), session.get("agent_ready")
    if transport is getattr(server, "_detached_ws_transport", None):
        kind = "detached"
    elif transport is server._stdio_transport:
        kind = "stdio"
    else:
        kind = "ws-closed" if getattr(transport, "_closed", False) else "ws-live"
    return {
        "sid": sid,
        "session_key": session.get("session_key"),
        "agent_session_id": getattr(session.get("agent"), "session_id", None),
        "ready": ready is not None and ready.is_set(),
        "running": bool(session.get("running")),
        "finalized": bool(session.get("_finalized")),
        "transport": kind,
        "queued_prompt": bool(session.get("queued_prompt")),
    }


class Script:
    """The turns of a file."""

    def __init__(self, path, scale):
        file = tomllib.loads(path.read_text()) if path else {}
        self.turns, self.gateway = file.get("turns", {}), file.get("gateway", {})
        self.scale = scale
        agent = file.get("agent", {})
        first = agent.get("first_build", [])
        self.builds = [self.seconds(length) for length in ([first] if isinstance(first, str) else first)]
        self.build, self.summary = self.seconds(agent.get("build", "0s")), self.seconds(agent.get("summary", "0s"))
        self.failures = agent.get("failures", 0)

    def wait_for_build(self):
        """Takes the time of the next build, or fails as the file says."""
        time.sleep(self.builds.pop(0) if self.builds else self.build)
        if self.failures > 0:
            self.failures -= 1
            raise RuntimeError("the script says so")

    def steps(self, prompt):
        # Prompts that were merged while they waited run the first turn that one of them names.
        named = next((name for name in [prompt, *prompt.split("\n\n")] if name in self.turns), None)
        steps = self.turns[named]["steps"] if named is not None else [{"reply": prompt}]
        # A turn without a final reply gets the reply of this project's scripted agent.
        return steps if steps and "reply" in steps[-1] else [*steps, {"reply": "done"}]

    def seconds(self, text):
        text = text.replace(" ", "")
        parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
        if "".join(map("".join, parts)) != text:
            raise ValueError(f"no length of time: {text}")
        return sum(float(number) * UNITS[unit] for number, unit in parts) * self.scale


class Interrupted(Exception):
    """The user has interrupted the turn."""


class Turn:
    """One turn of an agent: what it says goes to the callbacks that the gateway has given the agent."""

    # How many run now.
    running = 0
    lock = threading.Lock()

    def __init__(self, agent, script, store, stream):
        self.agent, self.script, self.store, self.stream = agent, script, store, stream
        self.calls = 0

    def run(self, prompt):
        text, interrupted = "", False
        # The package's loop tells its agent where to look for an interrupt; an approval looks there.
        self.agent._execution_thread_id = threading.get_ident()
        self.count(1)
        try:
            self.store.begin(prompt)
            try:
                for step in self.script.steps(prompt):
                    text = self.step(step) or text
            except Interrupted:
                text, interrupted = "", True
                self.store.interrupted()
            self.store.end()
        finally:
            self.count(-1)
        self.agent.clear_interrupt()
        return {"final_response": text, "messages": self.store.messages, "interrupted": interrupted}

    @classmethod
    def count(cls, change):
        with cls.lock:
            cls.running += change

    def step(self, step):
        # The package's loop looks before each call of the model.
        if self.is_interrupted():
            raise Interrupted
        if "tool" in step:
            self.tool(step["tool"], lambda: self.wait(step["takes"], step.get("interruptible", True)))
        elif "tools" in step:
            self.tools(step["tools"])
        elif "hang" in step:
            self.wait("24h")
        elif "sleep" in step:
            self.wait(step["sleep"])
        elif "say" in step:
            self.say(step["say"])
        elif "ask" in step:
            self.tool("ask", lambda: self.ask(step["ask"], step.get("text", "")))
        elif "compress" in step:
            self.store.compress(step["compress"], lambda: time.sleep(self.script.seconds(step.get("takes", "0s"))))
        elif "flush" in step:
            self.store.flush()
        elif "error" in step:
            raise RuntimeError(step["error"])
        elif "reply" in step:
            return self.say(step["reply"])
        else:
            raise RuntimeError(f"no such step here: {step}")

    def say(self, text):
        if self.stream:
            self.stream(text)
        self.store.add({"role": "assistant", "content": text})
        return text

    def tool(self, name, work):
        self.calls += 1
        call = f"call_{self.calls}_{uuid.uuid4().hex[:6]}"
        asked = {"id": call, "type": "function", "function": {"name": name, "arguments": "{}"}}
        self.store.add({"role": "assistant", "content": "", "tool_calls": [asked]})
        self.store.tool_asked()
        self.agent.tool_start_callback(call, name, {})
        result = work()
        if result is None:
            result = "interrupted" if self.is_interrupted() else "ok"
        self.agent.tool_complete_callback(call, name, {}, result)
        self.store.add({"role": "tool", "content": result, "tool_call_id": call, "tool_name": name})
        self.store.tool_done()

    def tools(self, calls):
        """One message with several calls, which run at once; their results come in the order in which they end."""
        asked = []
        for call in calls:
            self.calls += 1
            asked.append((f"call_{self.calls}_{uuid.uuid4().hex[:6]}", call["tool"], self.script.seconds(call["takes"])))
        function = lambda name: {"name": name, "arguments": "{}"}
        listed = [{"id": id, "type": "function", "function": function(name)} for id, name, _ in asked]
        self.store.add({"role": "assistant", "content": "", "tool_calls": listed})
        self.store.tool_asked()
        for id, name, _ in asked:
            self.agent.tool_start_callback(id, name, {})
        began = time.monotonic()
        for id, name, takes in sorted(asked, key=lambda call: call[2]):
            self.wait_until(began + takes)
            result = "interrupted" if self.is_interrupted() else "ok"
            self.agent.tool_complete_callback(id, name, {}, result)
            self.store.add({"role": "tool", "content": result, "tool_call_id": id, "tool_name": name})
        self.store.tool_done()

    def ask(self, kind, text):
        if kind == "clarify":
            return self.agent.clarify_callback(text, [])
        if kind == "approval":
            return self.approve(text)
        if kind == "sudo":
            from tools import terminal_tool

            return terminal_tool._get_sudo_password_callback()()
        raise RuntimeError(f"a `{kind}` cannot be asked here")

    def approve(self, command):
        """Waits for leave to run a command, in the queue in which the package's tools wait."""
        from tools import approval

        key = approval.get_current_session_key()
        notify = approval._gateway_notify_cbs.get(key)
        if notify is None:
            return "deny"
        asked = {"command": command, "description": command, "pattern_key": "scripted", "pattern_keys": ["scripted"]}
        choice = approval._await_gateway_decision(key, notify, asked)["choice"]
        # As this project's scripted agent answers a question that an interrupt has ended.
        return "" if self.is_interrupted() else choice or "deny"

    def wait(self, length, interruptible=True):
        self.wait_until(time.monotonic() + self.script.seconds(length), interruptible)

    def wait_until(self, over, interruptible=True):
        while (left := over - time.monotonic()) > 0:
            if interruptible and self.is_interrupted():
                return
            time.sleep(min(left, 0.02))

    def is_interrupted(self):
        return getattr(self.agent, "_interrupt_requested", False)


class WholeStore:
    """Messages go into the database by the agent class's own way, at the moments at which its release writes them."""

    def __init__(self, agent, release, history):
        self.agent, self.release = agent, release
        self.messages, self.known = list(history or []), list(history or [])

    def begin(self, prompt):
        self.agent._ensure_db_session()
        self.add({"role": "user", "content": prompt})
        if self.release >= (0, 17):
            self.flush()

    def add(self, message):
        self.messages.append(message)

    def tool_asked(self):
        if self.release >= (0, 18):
            self.flush()

    def tool_done(self):
        if self.release >= (0, 18):
            self.flush()

    def flush(self):
        self.agent._flush_messages_to_session_db(self.messages, self.known)

    def interrupted(self):
        from agent import message_sanitization

        # The releases that end such a conversation with a message have this.
        if close := getattr(message_sanitization, "close_interrupted_tool_sequence", None):
            close(self.messages)

    def end(self):
        self.flush()

    def compress(self, mode, work):
        def summarize(messages, **_):
            work()
            return summarized(messages, 0)

        asked_by_client = self.agent.context_compressor.compress
        # 0.16.0 compresses in one way only, and has no such field.
        in_place = getattr(self.agent, "compression_in_place", False)
        if mode != "default":
            self.agent.compression_in_place = mode == "in_place"
        self.agent.context_compressor.compress = summarize
        before = self.agent.session_id
        try:
            self.messages, _ = self.agent._compress_context(self.messages, None, force=True)
        finally:
            self.agent.context_compressor.compress = asked_by_client
            self.agent.compression_in_place = in_place
        # A new row has none of the messages yet; a row that was compacted in place has all of them.
        self.known = [] if self.agent.session_id != before else list(self.messages)


class LightStore:
    """Messages go into the database when the turn is over, each by one call."""

    def __init__(self, agent, history):
        self.agent, self.messages = agent, list(history or [])
        self.kept = len(self.messages)

    def begin(self, prompt):
        agent = self.agent
        agent._session_db.create_session(session_id=agent.session_id, source="tui", model=agent.model)
        self.add({"role": "user", "content": prompt})

    def add(self, message):
        self.messages.append(message)

    def tool_asked(self):
        pass

    def tool_done(self):
        pass

    def flush(self):
        for message in self.messages[self.kept :]:
            keys = ("tool_name", "tool_calls", "tool_call_id")
            more = {key: message[key] for key in keys if key in message}
            self.agent._session_db.append_message(
                session_id=self.agent.session_id, role=message["role"], content=message["content"], **more
            )
        self.kept = len(self.messages)

    def interrupted(self):
        pass

    def end(self):
        self.flush()

    def compress(self, mode, work):
        raise RuntimeError("a light agent does not compress")


class LightAgent:
    """What the gateway needs to find where it looks for an agent, and no more."""

    def __init__(self, script, session_id, session_db, callbacks):
        self.script, self.session_id, self._session_db = script, session_id, session_db
        self.model, self.provider, self.base_url, self.api_key = "scripted", "custom", "", ""
        self.tools, self._interrupt_requested = [], False
        self.__dict__.update(callbacks)

    def run_conversation(self, user_message, conversation_history=None, stream_callback=None):
        store = LightStore(self, conversation_history)
        return Turn(self, self.script, store, stream_callback).run(user_message)

    def interrupt(self, message=None):
        self._interrupt_requested = True

    def clear_interrupt(self):
        self._interrupt_requested = False

    def close(self):
        pass


class NoWorker:
    """The helper process for slash commands, which is not there."""

    def __init__(self, *_, **__):
        self.proc = types.SimpleNamespace(poll=lambda: 0, pid=0)

    def run(self, *_, **__):
        return ""

    def close(self):
        pass


def replace(script, agent):
    """Puts the script where the package would ask a model. Returns what makes the package's own agent, if that is used."""
    import run_agent
    from agent import title_generator
    from tui_gateway import server

    # `0.18.2` is (0, 18): releases with equal minor versions do not differ here.
    release = tuple(int(part) for part in importlib.metadata.version("hermes-agent").split(".")[:2])

    def run_conversation(self, user_message, system_message=None, conversation_history=None, stream_callback=None, **_):
        store = WholeStore(self, release, conversation_history)
        return Turn(self, script, store, stream_callback).run(user_message)

    def make_agent(sid, key, session_id=None, session_db=None, **_):
        return LightAgent(script, session_id or key, session_db or server._get_db(), server._agent_cbs(sid))

    run_agent.AIAgent.run_conversation = run_conversation
    title_generator.maybe_auto_title = lambda *_, **__: None
    server._SlashWorker = NoWorker
    make_whole = server._make_agent

    def make_whole_agent(*arguments, **settings):
        made = make_whole(*arguments, **settings)
        script.wait_for_build()
        made._compression_feasibility_checked = True
        made.context_compressor.compress = lambda messages, **_: summarized(messages, script.summary)
        return made

    server._make_agent = make_agent if agent == "light" else make_whole_agent
    return None if agent == "light" else make_whole


def summarized(messages, takes):
    """The summary that takes the place of the messages before the last, after the time that a model takes for it."""
    time.sleep(takes)
    # As the package's own agent does: a copy without the mark that it is stored already.
    last = {key: value for key, value in messages[-1].items() if not key.startswith("_")}
    return [{"role": "user", "content": SUMMARY}, last]


if __name__ == "__main__":
    sys.exit(main())
