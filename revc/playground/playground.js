// The page's script: shows the text in colour, asks the server about it, shows the answer.
"use strict";

const $ = (id) => document.getElementById(id);
const known = JSON.parse($("known").textContent);
const keywords = new Set(known.keywords);
const types = new Set(known.types);
const text = $("text");
const REST = 150; // ms that keys rest before the server is asked
const TOKEN = /#[^\n]*|"[^"\n]*"?|Q\d+\.\d+\b|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[A-Za-z_]\w*/g;

let findings = [];
let asked = 0;
let timer;

// --- the editor ---------------------------------------------------------------------------------

function kindOf(token, at) {
  if (token[0] === "#") return "comment";
  if (token[0] === '"') return "string";
  if (/^Q\d/.test(token) || types.has(token)) return "type";
  if (/^\d/.test(token)) return "number";
  const named = /^\s*=(?!=)/.test(text.value.slice(at + token.length, at + token.length + 8));
  if (keywords.has(token) && !(named && inParens(at))) return "keyword";
  return text.value[at + token.length] === "(" ? "call" : "";
}

function inParens(at) {
  const before = text.value.slice(text.value.lastIndexOf("\n", at - 1) + 1, at);
  return before.split("(").length > before.split(")").length;
}

/** Returns the stretches of the text: where each starts, and how it looks. */
function stretches() {
  const cuts = new Map([[0, { kind: "", mark: "" }]]);
  const borders = new Set([0, text.value.length]);
  const coloured = [];
  for (const match of text.value.matchAll(TOKEN)) {
    const kind = kindOf(match[0], match.index);
    if (kind) {
      coloured.push([match.index, match.index + match[0].length, kind]);
      borders.add(match.index).add(match.index + match[0].length);
    }
  }
  const marked = findings
    .filter((one) => one.start !== null)
    .map((one) => [one.start, Math.max(one.end, one.start + 1), one.level]);
  for (const [start, end] of marked) borders.add(start).add(end);
  const at = [...borders].filter((border) => border <= text.value.length).sort((a, b) => a - b);
  let next = 0;
  for (const start of at) {
    while (next < coloured.length && coloured[next][1] <= start) next += 1;
    const inside = next < coloured.length && coloured[next][0] <= start;
    const levels = marked.filter(([from, to]) => from <= start && start < to);
    const mark = levels.some(([, , level]) => level === "deny") ? "deny" : levels[0]?.[2] ?? "";
    cuts.set(start, { kind: inside ? coloured[next][2] : "", mark });
  }
  return { at, cuts };
}

function draw() {
  const { at, cuts } = stretches();
  const shown = document.createDocumentFragment();
  at.forEach((start, index) => {
    const part = text.value.slice(start, at[index + 1] ?? text.value.length);
    const { kind, mark } = cuts.get(start);
    const node = document.createElement(mark ? "mark" : "span");
    node.className = [kind, mark].filter(Boolean).join(" ");
    node.textContent = mark && (part === "" || part === "\n") ? ` ${part}` : part;
    shown.append(node);
  });
  shown.append("\n");
  $("shown").replaceChildren(shown);
  const lines = text.value.split("\n").length;
  $("numbers").textContent = Array.from({ length: lines }, (_, i) => i + 1).join("\n");
  scroll();
}

function scroll() {
  $("shown").scrollTop = $("numbers").scrollTop = text.scrollTop;
  $("shown").scrollLeft = text.scrollLeft;
}

/** Keeps marks where their text is when the text changes before the next answer. */
function move(before) {
  const after = text.value;
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  const by = after.length - before.length;
  const moved = (at) => (at <= start ? at : Math.max(start, at + by));
  findings = findings.map((one) =>
    one.start === null ? one : { ...one, start: moved(one.start), end: moved(one.end) });
}

// --- asking -------------------------------------------------------------------------------------

async function ask(what) {
  const body = JSON.stringify(text.value);
  const headers = { "Content-Type": "application/json" };
  const reply = await fetch(what, { method: "POST", headers, body });
  if (!reply.ok) throw new Error(`${reply.status} ${reply.statusText}`);
  return reply.json();
}

async function check() {
  const number = ++asked;
  try {
    const found = await ask("check");
    if (number === asked) show(found);
  } catch (error) {
    if (number === asked) state(`no answer: ${error.message}`, "bad");
  }
}

async function format() {
  const found = await ask("format");
  if (found.text !== null && found.text !== text.value) replace(found.text);
}

function replace(value) {
  text.value = value;
  findings = [];
  draw();
  void check();
}

// --- showing ------------------------------------------------------------------------------------

function show(found) {
  if (found.bug) {
    state(found.bug, "bad");
    return;
  }
  findings = found.findings;
  draw();
  const denied = findings.filter((one) => one.level === "deny").length;
  const warned = findings.length - denied;
  const counts = [denied && `${denied} denied`, warned && `${warned} to mind`].filter(Boolean);
  state(counts.join(", ") || "no findings", denied ? "bad" : warned ? "warn" : "good");
  $("findings").replaceChildren(...findings.map(findingItem));
  showPicture(found);
  $("verdicts").replaceChildren(...found.verdicts.map(verdictItem));
  if (!found.verdicts.length) say("verdicts", "No verdict while the text does not parse.");
  showInverse(found);
}

function state(words, kind) {
  $("state").textContent = words;
  $("state").className = kind;
}

function say(pane, words) {
  const node = document.createElement("p");
  node.textContent = words;
  $(pane).replaceChildren(node);
}

/** The last drawing stays, pale, while there is none. */
function showPicture(found) {
  if (found.picture !== null) $("picture").innerHTML = found.picture; // our own server's SVG
  else if (!$("picture").firstChild) say("picture", "No drawing while something is denied.");
  $("picture").classList.toggle("stale", found.picture === null);
}

function showInverse(found) {
  if (found.inverse === null) {
    say("inverse", found.no_inverse ?? "No inverse.");
    return;
  }
  const node = document.createElement("pre");
  node.textContent = found.inverse;
  $("inverse").replaceChildren(node);
}

function findingItem(one) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.className = one.level;
  const code = document.createElement("b");
  code.textContent = one.code;
  const place = one.file ? `${one.file}, line ${one.line}` : `line ${one.line}`;
  button.append(code, one.message);
  for (const line of [`${place}: ${one.name}`, ...one.notes, ...one.help.map((help) => `help: ${help}`)]) {
    const small = document.createElement("small");
    small.textContent = line;
    button.append(small);
  }
  button.addEventListener("click", () => {
    if (one.start === null) return;
    text.focus();
    text.setSelectionRange(one.start, one.end);
  });
  item.append(button);
  return item;
}

function verdictLine(one) {
  const badge = document.createElement("span");
  badge.className = `badge ${one.verdict}`;
  badge.textContent = one.verdict;
  const name = document.createElement("b");
  name.textContent = one.subject;
  const small = document.createElement("small");
  small.textContent = ` line ${one.line}: ${one.reason}`;
  return [badge, name, small];
}

function verdictItem(one) {
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  summary.append(...verdictLine(one));
  const steps = document.createElement("ul");
  for (const step of one.steps) {
    const item = document.createElement("li");
    item.append(...verdictLine(step));
    steps.append(item);
  }
  for (const note of one.notes) {
    const item = document.createElement("li");
    item.textContent = note;
    steps.append(item);
  }
  details.append(summary, steps);
  return details;
}

function choose(tab) {
  for (const button of document.querySelectorAll("[data-tab]")) {
    const chosen = button.dataset.tab === tab;
    button.setAttribute("aria-selected", String(chosen));
    $(button.dataset.tab).hidden = !chosen;
  }
}

// --- events -------------------------------------------------------------------------------------

let before = text.value;
text.addEventListener("input", () => {
  move(before);
  before = text.value;
  draw();
  clearTimeout(timer);
  timer = setTimeout(check, REST);
});
text.addEventListener("scroll", scroll);
text.addEventListener("keydown", (event) => {
  if (event.key === "Tab" && !event.shiftKey && !event.ctrlKey) {
    event.preventDefault();
    text.setRangeText("  ", text.selectionStart, text.selectionEnd, "end");
    text.dispatchEvent(new Event("input"));
  }
});
$("format").addEventListener("click", () => void format());
$("examples").addEventListener("change", (event) => {
  const chosen = known.examples[event.target.value];
  if (chosen !== undefined) replace(chosen);
  before = text.value;
});
for (const button of document.querySelectorAll("[data-tab]")) {
  button.addEventListener("click", () => choose(button.dataset.tab));
}
draw();
void check();
