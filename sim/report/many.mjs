// Prints a scenario whose run has more than 10,000 events: ten clients with a session each, whose turns call many tools.
const lines = ['about = "Many events."', 'until = "2000s"', "", "[turns.work]", "steps = ["];
for (let call = 0; call < 50; call += 1) lines.push('    { tool = "terminal", takes = "1s" },');
lines.push('    { reply = "done" },', "]");
const step = (at, client, rest) => lines.push("", "[[steps]]", `at = "${at}s"`, `client = "${client}"`, ...rest);
const clients = Array.from({ length: 10 }, (_, place) => `client${place}`);
const talks = [];
clients.forEach((client, place) => {
  talks.push([0, client, ['do = "connect"']]);
  talks.push([0, client, ['do = "session.create"', `as = "talk${place}"`]]);
  for (let turn = 0; turn < 6; turn += 1) {
    talks.push([1 + turn * 60, client, ['do = "prompt.submit"', `session = "talk${place}"`, 'turn = "work"']]);
  }
});
talks.sort((one, other) => one[0] - other[0]);
talks.forEach(([at, client, rest]) => step(at, client, rest));
console.log(lines.join("\n"));
