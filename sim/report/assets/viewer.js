"use strict";
// Plays the runs of a page: lanes, a list of events, and the rows, the memory and the frames after each event.
(() => {
  const ROW = 26; // the height of an event in a list, in pixels, as in the style
  const LANE = 18; // the height of a lane, as in the style
  const data = [...document.querySelectorAll("script.data")];
  const $ = (id) => document.getElementById(id);
  const player = $("player");
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  // What is shown: a story, one or two runs of it, and the event of the run that is moved.
  let story = null;
  let panes = [];
  let active = 0;
  let scale = null;
  let difference = null;
  let announce = 0;
  let remember = 0;

  // The last state of a lane that began with the event or before it.
  function stateAt(lane, event) {
    let low = 0;
    let high = lane.states.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (lane.states[middle].event <= event) low = middle + 1;
      else high = middle;
    }
    return low > 0 ? lane.states[low - 1] : null;
  }

  // The last index whose event is not after the instant.
  function lastAt(events, at) {
    let low = 0;
    let high = events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (events[middle].at <= at) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  // One scale for all runs that are shown. An instant is as wide as its events need; a gap grows with the logarithm of its length.
  function scaleOf(runs) {
    const count = new Map();
    for (const run of runs) {
      const own = new Map();
      for (const event of run.events) own.set(event.at, (own.get(event.at) || 0) + 1);
      for (const [at, events] of own) count.set(at, Math.max(events, count.get(at) || 0));
    }
    const instants = [...count.keys()].sort((one, other) => one - other);
    const slots = new Map();
    let x = 0;
    instants.forEach((at, place) => {
      if (place > 0) x += 0.4 + Math.log2(1 + (at - instants[place - 1]) / 250);
      const width = 0.6 + 0.25 * Math.min(count.get(at), 24);
      slots.set(at, { x, width });
      x += width;
    });
    const all = Math.max(x, 1);
    for (const slot of slots.values()) {
      slot.x /= all;
      slot.width /= all;
    }
    return { instants, slots };
  }

  // Where each event of a run stands on the scale, from 0 to 1.
  function placesOf(run) {
    const places = new Float64Array(run.events.length);
    let first = 0;
    for (let place = 0; place < places.length; place += 1) {
      if (run.events[place].at !== run.events[first].at) first = place;
      let last = place;
      if (place === first) {
        while (last + 1 < places.length && run.events[last + 1].at === run.events[first].at) last += 1;
        const slot = scale.slots.get(run.events[first].at);
        for (let same = first; same <= last; same += 1) {
          places[same] = slot.x + (slot.width * (same - first)) / (last - first + 1);
        }
      }
    }
    return places;
  }

  // The first event at which two runs are not the same; null if they never differ.
  function firstDifference(one, other) {
    const name = (run, event) => (event.lane === undefined ? "" : run.lanes[event.lane].name);
    const length = Math.min(one.events.length, other.events.length);
    for (let place = 0; place < length; place += 1) {
      const [left, right] = [one.events[place], other.events[place]];
      if (left.at !== right.at || left.text !== right.text || name(one, left) !== name(other, right)) return place;
    }
    return one.events.length === other.events.length ? null : length;
  }

  class Pane {
    constructor(run, place) {
      this.run = run;
      this.place = place;
      this.event = 0;
      this.root = $("pane").content.firstElementChild.cloneNode(true);
      this.root.dataset.place = place;
      const find = (selector) => this.root.querySelector(selector);
      this.list = find(".list");
      this.window = find(".window");
      this.cursor = find(".cursor");
      this.bars = find(".bars");
      this.axis = find(".axis");
      this.rows = find(".rows");
      this.memory = find(".memory");
      this.frames = find(".frames");
      find("h3").replaceChildren(run.release, " ", make("span", `outcome ${run.outcome}`, run.outcome));
      this.list.setAttribute("aria-label", `Events under ${run.release}`);
      find(".overview").setAttribute("aria-label", `Lanes under ${run.release}`);
      this.rows.setAttribute("aria-label", `Rows under ${run.release}`);
      this.memory.setAttribute("aria-label", `Memory under ${run.release}`);
      find(".room").style.height = `${run.events.length * ROW}px`;
      this.framesOf = this.indexFrames();
      this.drawn = "";
      this.list.addEventListener("scroll", () => this.fill(), { passive: true });
      this.list.addEventListener("focus", () => activate(this.place));
      this.list.addEventListener("keydown", (key) => this.onKey(key));
      this.list.addEventListener("click", (click) => {
        const option = click.target.closest("[data-event]");
        if (option) seek(this.place, Number(option.dataset.event));
      });
      const seekAt = (pointer) => {
        const box = this.bars.getBoundingClientRect();
        seek(this.place, this.nearest((pointer.clientX - box.left) / box.width));
      };
      this.bars.addEventListener("pointerdown", (pointer) => {
        this.bars.setPointerCapture(pointer.pointerId);
        seekAt(pointer);
      });
      this.bars.addEventListener("pointermove", (pointer) => {
        if (pointer.buttons === 1) seekAt(pointer);
      });
    }

    // For each client the events that are its frames.
    indexFrames() {
      const frames = new Map();
      this.run.events.forEach((event, place) => {
        if (event.kind !== "sent" && event.kind !== "received") return;
        if (!frames.has(event.lane)) frames.set(event.lane, []);
        frames.get(event.lane).push(place);
      });
      return frames;
    }

    // The event that stands nearest to a place on the scale.
    nearest(x) {
      let low = 0;
      let high = this.places.length - 1;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (this.places[middle] < x) low = middle + 1;
        else high = middle;
      }
      return low > 0 && x - this.places[low - 1] < this.places[low] - x ? low - 1 : low;
    }

    // Draws the lanes, once for each pair of runs.
    draw() {
      this.places = placesOf(this.run);
      // A lane without a state has no bar, and is there only if a failure is about it.
      const about = new Set(this.run.events.flatMap((event) => event.about || []));
      this.lanes = this.run.lanes.map((lane, place) => ({ lane, place })).filter(({ lane, place }) => lane.states.length > 0 || about.has(place));
      const line = new Map(this.lanes.map(({ place }, index) => [place, index]));
      const height = this.lanes.length * LANE;
      const svg = this.root.querySelector("svg");
      svg.setAttribute("viewBox", `0 0 1000 ${height}`);
      svg.style.height = `${height}px`;
      const parts = [];
      const used = new Map();
      this.lanes.forEach(({ lane }, index) => {
        // Neighbouring states of one colour are one bar.
        const states = lane.states.filter((state, place) => place === 0 || state.word !== lane.states[place - 1].word);
        states.forEach((state, place) => {
          if (!state.word) return;
          const from = this.places[state.event] * 1000;
          const next = states[place + 1];
          const to = next ? this.places[next.event] * 1000 : 1000;
          const kind = state.word.replace(/ /g, "-");
          if (!used.has(`${lane.kind}-${kind}`)) used.set(`${lane.kind}-${kind}`, `${lane.kind} ${state.word}`);
          const thin = kind === "ended";
          parts.push(`<rect class="${lane.kind}-${kind}" x="${from.toFixed(2)}" y="${index * LANE + (thin ? 8 : 3)}" width="${Math.max(to - from, 1).toFixed(2)}" height="${thin ? 2 : LANE - 6}"/>`);
        });
      });
      for (const place of this.run.violations) {
        const x = (this.places[place] * 1000).toFixed(2);
        parts.push(`<rect class="fail-line" x="${x}" y="0" width="1.5" height="${height}"/>`);
        for (const of of this.run.events[place].about || []) {
          if (line.has(of)) parts.push(`<rect class="fail-mark" x="${x - 4}" y="${line.get(of) * LANE + 2}" width="9" height="${LANE - 4}"/>`);
        }
      }
      if (difference !== null && difference < this.places.length) {
        parts.push(`<rect class="differ-line" x="${(this.places[difference] * 1000).toFixed(2)}" y="0" width="2" height="${height}"/>`);
        used.set("differ-line", "first difference");
      }
      if (this.run.violations.length > 0) used.set("fail-line", "violation");
      svg.innerHTML = parts.join("");
      const word = { client: "", session: "", turn: " turn", grace: " grace", row: "" };
      this.root.querySelector(".names").replaceChildren(...this.lanes.map(({ lane }) => make("li", lane.kind, lane.name + word[lane.kind])));
      this.root.querySelector(".legend").replaceChildren(...[...used].map(([kind, text]) => {
        const item = make("li", "", text);
        item.prepend(make("i", kind));
        return item;
      }));
      this.ticks();
    }

    // Times along the scale, as many as there is room for.
    ticks() {
      const width = this.bars.clientWidth || 600;
      let free = -Infinity;
      const ticks = [];
      const texts = new Map(this.run.events.map((event) => [event.at, event.time]));
      for (const at of scale.instants) {
        const x = scale.slots.get(at).x * width;
        if (x < free || x > width - 30 || !texts.has(at)) continue;
        const tick = make("span", "", texts.get(at).replace(/\.?0+s$/, "s"));
        tick.style.left = `${x}px`;
        ticks.push(tick);
        free = x + 58;
      }
      this.axis.replaceChildren(...ticks);
    }

    onKey(key) {
      const page = Math.max(1, Math.floor(this.list.clientHeight / ROW) - 1);
      const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[key.key];
      if (by === undefined) return;
      key.preventDefault();
      seek(this.place, this.event + by);
    }

    // Shows the events around the part of the list that is in view.
    fill() {
      const first = Math.max(0, Math.floor(this.list.scrollTop / ROW) - 8);
      const last = Math.min(this.run.events.length, Math.ceil((this.list.scrollTop + this.list.clientHeight) / ROW) + 8);
      const drawn = `${first} ${last} ${this.event} ${difference}`;
      if (drawn === this.drawn) return;
      this.drawn = drawn;
      const options = [];
      for (let place = first; place < last; place += 1) options.push(this.option(place));
      this.window.style.transform = `translateY(${first * ROW}px)`;
      this.window.replaceChildren(...options);
      const present = this.event >= first && this.event < last;
      if (present) this.list.setAttribute("aria-activedescendant", `e${this.place}-${this.event}`);
      else this.list.removeAttribute("aria-activedescendant");
    }

    option(place) {
      const event = this.run.events[place];
      const before = this.run.events[place - 1];
      const option = make("div", event.kind === "violation" ? "event failed" : "event");
      option.id = `e${this.place}-${place}`;
      option.dataset.event = place;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", place === this.event);
      option.setAttribute("aria-setsize", this.run.events.length);
      option.setAttribute("aria-posinset", place + 1);
      const lane = event.lane === undefined ? null : this.run.lanes[event.lane];
      option.append(make("span", "time", before && before.at === event.at ? "" : event.time), make("span", `lane ${lane ? lane.kind : ""}`, lane ? lane.name : ""), make("span", "text", event.text));
      if (place === difference) option.append(make("span", "badge", "≠ first difference"));
      return option;
    }

    // Shows an event, and the state after it.
    show(event) {
      this.event = event;
      const top = event * ROW;
      if (top < this.list.scrollTop + ROW || top > this.list.scrollTop + this.list.clientHeight - 2 * ROW) {
        this.list.scrollTop = top - this.list.clientHeight / 2;
      }
      this.fill();
      this.cursor.style.transform = `translateX(${this.places[event] * this.bars.clientWidth}px)`;
      const lanes = (kind) => this.run.lanes.filter((lane) => lane.kind === kind);
      const states = (kind) => lanes(kind).map((lane) => [lane, stateAt(lane, event)]).filter(([, state]) => state && state.word);
      this.rows.replaceChildren(table(["row", "end", "messages", "continues", "title"], states("row"), event, "no row"));
      this.memory.replaceChildren(table(["session", "stage", "client", "timers", "work", "waiting", "row"], states("session"), event, "no live session"));
      const connected = states("client").map(([lane]) => lane.name);
      this.memory.append(make("p", "small", connected.length > 0 ? `Connected: ${connected.join(", ")}` : "No client is connected."));
      this.frames.replaceChildren(...[...this.framesOf].map(([lane, frames]) => this.lastFrames(this.run.lanes[lane], frames, event)).filter(Boolean));
    }

    // The last frame that a client sent and the last that it received.
    lastFrames(lane, frames, event) {
      const last = (kind) => {
        let low = 0;
        let high = frames.length;
        while (low < high) {
          const middle = (low + high) >> 1;
          if (frames[middle] <= event) low = middle + 1;
          else high = middle;
        }
        for (let place = low - 1; place >= 0 && place >= low - 200; place -= 1) {
          if (this.run.events[frames[place]].kind === kind) return frames[place];
        }
        return null;
      };
      const found = [last("sent"), last("received")].filter((place) => place !== null);
      if (found.length === 0) return null;
      const item = make("li", "", `${lane.name}: `);
      for (const place of found) {
        const button = make("button", "frame", `${this.run.events[place].text} at ${this.run.events[place].time}`);
        button.type = "button";
        button.addEventListener("click", () => seek(this.place, place));
        item.append(button, " ");
      }
      return item;
    }
  }

  function table(head, lines, event, none) {
    if (lines.length === 0) return make("p", "small", `There is ${none}.`);
    const element = make("table");
    const heads = make("tr");
    for (const text of head) {
      const cell = make("th", "", text);
      cell.scope = "col";
      heads.append(cell);
    }
    element.createTHead().append(heads);
    const body = element.createTBody();
    for (const [lane, state] of lines) {
      const row = make("tr", state.event === event ? "changed" : "");
      const name = make("th", "", lane.name);
      name.scope = "row";
      row.append(name, ...state.columns.map((text) => make("td", "", text)));
      body.append(row);
    }
    return element;
  }

  // Goes to an event of a run; the other run goes along to the same instant.
  function seek(place, event) {
    const pane = panes[place];
    if (!pane || pane.run.events.length === 0) return;
    active = place;
    const to = Math.min(Math.max(Math.trunc(event), 0), pane.run.events.length - 1);
    pane.show(to);
    for (const other of panes) {
      if (other !== pane && other.run.events.length > 0) other.show(along(pane, other, to));
    }
    showControls(pane, to);
    showEvent(pane, to);
    light(pane, to);
    clearTimeout(remember);
    remember = setTimeout(writeHash, 250);
  }

  // Up to the first difference both runs have the same events; from there on they share the time alone.
  function along(pane, other, event) {
    if (difference === null || event < difference) return Math.min(event, other.run.events.length - 1);
    return Math.max(difference === 0 ? 0 : difference - 1, lastAt(other.run.events, pane.run.events[event].at));
  }

  function activate(place) {
    if (place === active || !panes[place]) return;
    seek(place, panes[place].event);
  }

  function showControls(pane, event) {
    const { run } = pane;
    const text = `event ${event} of ${run.events.length - 1} · ${run.events[event].time}`;
    const slider = $("slider");
    slider.max = run.events.length - 1;
    slider.value = event;
    slider.setAttribute("aria-valuetext", `${run.release}, ${text}, ${run.events[event].text}`);
    $("where").textContent = text;
    for (const button of document.querySelectorAll("[data-pane]")) {
      button.setAttribute("aria-pressed", Number(button.dataset.pane) === active);
    }
    panes.forEach((one) => one.root.classList.toggle("active", one === pane));
    clearTimeout(announce);
    announce = setTimeout(() => { $("said").textContent = `${run.events[event].time}: ${run.events[event].text}`; }, 400);
  }

  function showEvent(pane, place) {
    const event = pane.run.events[place];
    const parts = [make("p", "what", event.text)];
    const lane = event.lane === undefined ? "the gateway" : pane.run.lanes[event.lane].name;
    const what = { sent: `a frame that ${lane} sent`, received: `a frame that ${lane} received`, connection: `the connection of ${lane}`, script: "the script", process: "the run", down: "the end of the process", store: "a call of the store", violation: "a claim that does not hold" }[event.kind] ?? `a change of ${lane}`;
    parts.push(make("p", "small", `${event.time} under ${pane.run.release}: ${what}${event.task ? `, in task ${event.task}` : ""}`));
    if (event.about) parts.push(make("p", "small", `About ${event.about.map((of) => pane.run.lanes[of].name).join(", ")}.`));
    if (event.full) {
      const full = make("pre", "", pretty(event.full));
      full.tabIndex = 0;
      parts.push(full);
    }
    $("event").replaceChildren(...parts);
  }

  function pretty(text) {
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  }

  // Lights the lines of the step that the run has come to.
  function light(pane, event) {
    let lit = null;
    for (const step of pane.run.steps) {
      if (step.event <= event) lit = step;
    }
    for (const line of $("text").querySelectorAll(".lit")) line.classList.remove("lit");
    if (!lit) return;
    const lines = $("text").children;
    let last = lit.line;
    const isEnd = (place) => /^\s*(\[|#|$)/.test(story.lines[place] ?? "[");
    while (!isEnd(last) && /^\s*\[\[/.test(story.lines[lit.line - 1])) last += 1;
    for (let place = lit.line - 1; place < last; place += 1) lines[place]?.classList.add("lit");
    const box = $("text");
    const first = lines[lit.line - 1];
    if (first && (first.offsetTop < box.scrollTop || first.offsetTop > box.scrollTop + box.clientHeight - 100)) {
      box.scrollTop = first.offsetTop - box.clientHeight / 3;
    }
  }

  const go = {
    first: () => seek(active, 0),
    back: () => seek(active, panes[active].event - 1),
    on: () => seek(active, panes[active].event + 1),
    last: () => seek(active, Infinity),
    violation: () => {
      const { run, event } = panes[active];
      if (run.violations.length > 0) seek(active, run.violations.find((place) => place > event) ?? run.violations[0]);
    },
    difference: () => {
      if (difference !== null) seek(active, difference);
    },
  };

  // Shows one or two runs of the story.
  function compare(left, right) {
    panes = [story.runs[left], story.runs[right]].filter(Boolean).map((run, place) => new Pane(run, place));
    active = Math.min(active, panes.length - 1);
    scale = scaleOf(panes.map((pane) => pane.run));
    difference = panes.length === 2 ? firstDifference(panes[0].run, panes[1].run) : null;
    const box = player.querySelector(".panes");
    box.classList.toggle("two", panes.length === 2);
    box.replaceChildren(...panes.map((pane) => pane.root));
    panes.forEach((pane) => pane.draw());
    $("left").value = left;
    $("right").value = panes.length === 2 ? right : "";
    const say = panes.length < 2 ? "" : difference === null ? "Both runs have the same events." : `The runs are the same up to event ${difference}, at ${(panes[0].run.events[difference] || panes[1].run.events[difference]).time}.`;
    $("differs").textContent = say;
    player.querySelector("[data-go=difference]").disabled = difference === null;
    player.querySelector("[data-go=violation]").disabled = panes.every((pane) => pane.run.violations.length === 0);
    player.querySelector(".switch").hidden = panes.length < 2;
    for (const button of document.querySelectorAll("[data-pane]")) {
      button.textContent = panes[Number(button.dataset.pane)]?.run.release ?? "";
    }
  }

  // A failing run and a passing one say most; the newest failing one comes first.
  function bestPair(runs) {
    const failing = runs.map((run, place) => ({ run, place })).filter(({ run }) => run.violations.length > 0);
    const left = failing.length > 0 ? failing[failing.length - 1].place : 0;
    const passing = runs.map((run, place) => ({ run, place })).filter(({ run, place }) => place !== left && run.violations.length === 0);
    return [left, passing.length > 0 ? passing[passing.length - 1].place : runs.length > 1 ? (left === 0 ? 1 : 0) : undefined];
  }

  function open(place) {
    const read = JSON.parse(data[place].textContent);
    story = { ...read, place, lines: read.text.split("\n") };
    for (const part of document.querySelectorAll("[data-story]")) part.hidden = Number(part.dataset.story) !== place;
    $("text").replaceChildren(...story.lines.map((line) => make("span", "line", `${line}\n`)));
    const options = story.runs.map((run, index) => new Option(run.release, index));
    $("left").replaceChildren(...options.map((option) => option.cloneNode(true)));
    $("right").replaceChildren(new Option("nothing", ""), ...options);
    player.querySelector(".choose").classList.toggle("alone", story.runs.length < 2);
    active = 0;
  }

  // `#e=12`, with the runs, the one that is moved and the story where they are not the first choice.
  function writeHash() {
    const hash = new URLSearchParams({ e: panes[active].event });
    const [left, right] = bestPair(story.runs);
    if (panes[0].run !== story.runs[left] || panes[1]?.run !== story.runs[right]) hash.set("r", panes.map((pane) => pane.run.release).join(" "));
    if (active > 0) hash.set("p", active);
    if (story.place > 0) hash.set("s", story.place);
    try {
      history.replaceState(null, "", `#${hash}`);
    } catch {
      // Some browsers keep the address of a page from a folder; the button still gives the link.
    }
  }

  function readHash() {
    const hash = new URLSearchParams(location.hash.slice(1));
    const number = (key, max) => Math.min(Math.max(Math.trunc(Number(hash.get(key))) || 0, 0), max);
    const wanted = number("s", data.length - 1);
    if (!story || story.place !== wanted) open(wanted);
    if ($("story")) $("story").value = wanted;
    const named = (hash.get("r") || "").split(" ").map((name) => story.runs.findIndex((run) => run.release === name));
    const [left, right] = named[0] >= 0 ? named : bestPair(story.runs);
    compare(left, right);
    active = number("p", panes.length - 1);
    const event = hash.get("e");
    const start = panes[active].run.violations[0] ?? difference ?? 0;
    seek(active, event === null ? start : Number(event) || 0);
  }

  player.hidden = false;
  for (const button of document.querySelectorAll("button.seek")) button.hidden = false;
  readHash();
  window.addEventListener("hashchange", readHash);
  window.addEventListener("resize", () => {
    panes.forEach((pane) => { pane.ticks(); pane.show(pane.event); });
  });
  $("slider").addEventListener("input", () => seek(active, Number($("slider").value)));
  $("left").addEventListener("change", () => { compare(Number($("left").value), $("right").value === "" ? undefined : Number($("right").value)); seek(0, panes[0].run.violations[0] ?? 0); });
  $("right").addEventListener("change", () => { compare(Number($("left").value), $("right").value === "" ? undefined : Number($("right").value)); seek(0, panes[0].run.violations[0] ?? 0); });
  $("link").addEventListener("click", () => { writeHash(); copyText(location.href, $("link")); });
  $("story")?.addEventListener("change", () => { location.hash = `s=${$("story").value}`; });
  document.addEventListener("click", (click) => {
    const button = click.target.closest("button");
    if (!button) return;
    if (button.dataset.go) go[button.dataset.go]();
    if (button.dataset.pane) activate(Number(button.dataset.pane));
    if (button.classList.contains("seek")) {
      let place = panes.findIndex((pane) => pane.run.release === button.dataset.release);
      if (place < 0) {
        const run = story.runs.findIndex((one) => one.release === button.dataset.release);
        const [, right] = bestPair(story.runs);
        compare(run, right === run ? undefined : right);
        place = 0;
      }
      seek(place, panes[place].run.violations[Number(button.dataset.violation)] ?? 0);
      player.scrollIntoView({ block: "start" });
      panes[place].list.focus({ preventScroll: true });
    }
  });
  // Arrow keys move wherever they have no other meaning; letters only inside the player.
  document.addEventListener("keydown", (key) => {
    if (key.altKey || key.ctrlKey || key.metaKey || key.target.closest("input, select, pre, .overview, .scroll")) return;
    const inside = player.contains(key.target);
    const keys = { ArrowLeft: "back", ArrowRight: "on", ...(inside ? { v: "violation", d: "difference" } : {}) };
    if (keys[key.key]) {
      key.preventDefault();
      go[keys[key.key]]();
    } else if (inside && key.key === "s") {
      activate(1 - active);
    }
  });
})();
