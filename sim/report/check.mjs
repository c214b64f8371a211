// Opens the pages of a folder in Chromium. Fails at a finding of axe-core, an error of a script, a request to a network, a page that is
// wider than its window, or a link to an event that leads elsewhere.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

const folder = resolve(process.argv[2]);
const require = createRequire(`${folder}/node_modules/`);
const puppeteer = require("puppeteer-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
const complaints = [];

const views = [
  { name: "desktop", viewport: { width: 1400, height: 900 } },
  { name: "phone", viewport: { width: 390, height: 844, isMobile: true, hasTouch: true } },
  { name: "dark", viewport: { width: 1400, height: 900 }, dark: true },
];

async function open(page, view, hash = "") {
  const tab = await browser.newPage();
  const complain = (text) => complaints.push(`${page}, ${view.name}: ${text}`);
  tab.on("pageerror", (error) => complain(error.message));
  tab.on("request", (request) => {
    if (!request.url().startsWith("file:") && !request.url().startsWith("data:")) complain(`asks for ${request.url()}`);
  });
  await tab.setBypassCSP(true);
  await tab.setViewport(view.viewport);
  await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: view.dark ? "dark" : "light" }]);
  await tab.goto(`${pathToFileURL(`${folder}/${page}.html`)}${hash}`, { waitUntil: "load" });
  return tab;
}

async function look(page, view) {
  const tab = await open(page, view);
  const complain = (text) => complaints.push(`${page}, ${view.name}: ${text}`);
  const [wide, room] = await tab.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  if (wide > room) complain(`${wide} pixels wide in a window of ${room}`);
  await tab.evaluate(() => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
  await tab.evaluate(axe);
  const result = await tab.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  for (const violation of result.violations) {
    complain(`axe: ${violation.id}: ${violation.help}: ${violation.nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(" | ")}`);
  }
  await tab.screenshot({ path: `${folder}/${page}-${view.name}.png`, fullPage: true });
  await tab.close();
  return result.passes.length;
}

let passes = 0;
for (const page of ["issue", "one", "several", "explore", "campaign", "audit"]) {
  for (const view of views) passes += await look(page, view);
}
console.log(`axe-core: ${passes} rules passed on 6 pages in 3 views`);

// Keys move, and a link leads to its event.
const tab = await open("issue", views[0], "#e=5");
const present = () => tab.$eval("#slider", (slider) => Number(slider.value));
const expect = (what, found, wanted) => {
  if (found !== wanted) complaints.push(`${what}: ${found}, not ${wanted}`);
};
expect("#e=5", await present(), 5);
await tab.keyboard.press("ArrowRight");
expect("after →", await present(), 6);
await tab.focus(".list");
await tab.keyboard.press("ArrowUp");
await tab.keyboard.press("ArrowUp");
expect("after ↑ ↑", await present(), 4);
await tab.keyboard.press("v");
expect("after v", await tab.$eval(".pane.active [aria-selected=true]", (option) => option.classList.contains("failed")), true);
expect("rows then", await tab.$eval(".pane .rows", (rows) => rows.textContent.includes("open")), true);
expect("lit line", await tab.$eval("#text .lit", (line) => line.textContent.trim()), "[[steps]]");
await tab.evaluate(() => { location.hash = "#e=7"; });
await new Promise((done) => setTimeout(done, 200));
expect("after another link", await present(), 7);
await tab.close();

// Each frame goes to the next event of 10,000: how long after the one before it is shown, and how long the script takes.
const many = await open("many", views[0], "#e=0");
const events = await many.$eval("#slider", (slider) => Number(slider.max) + 1);
const times = await many.evaluate(() => new Promise((done) => {
  const [scripts, frames] = [[], []];
  const slider = document.getElementById("slider");
  let [before, left] = [performance.now(), 600];
  const next = () => {
    const now = performance.now();
    frames.push(now - before);
    before = now;
    slider.value = Number(slider.value) + 1 + (left % 7 === 0 ? 900 : 0) - (left % 11 === 0 ? 500 : 0);
    slider.dispatchEvent(new Event("input"));
    scripts.push(performance.now() - now);
    left -= 1;
    if (left > 0) requestAnimationFrame(next);
    else done({ scripts, frames: frames.slice(5) });
  };
  requestAnimationFrame(next);
}));
const part = (list, share) => [...list].sort((one, other) => one - other)[Math.floor((list.length - 1) * share)].toFixed(1);
console.log(`${events} events: a frame each ${part(times.frames, 0.5)} ms (99 %: ${part(times.frames, 0.99)} ms), of which the script takes ${part(times.scripts, 0.5)} ms (99 %: ${part(times.scripts, 0.99)} ms)`);
if (events < 10_000) complaints.push(`only ${events} events`);
await many.screenshot({ path: `${folder}/many.png` });

await browser.close();
for (const complaint of complaints) console.error(complaint);
process.exit(complaints.length > 0 ? 1 : 0);
