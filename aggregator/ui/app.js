// The operator's page. It only reads the public REST interface.
// Alerts carry text that attackers chose: everything goes through textContent, nothing through HTML.
"use strict";

const POLL_MS = 2000;
const PAGE_ALERTS = 100;
// Rows kept in the table; older ones are a click away.
const ROWS_MAX = 2000;
const TOKEN_KEY = "tiercel-token";
const FILTER_NAMES = ["text", "priority", "rule", "hostname", "since"];

const $ = (id) => document.getElementById(id);

const view = {
  alerts: [],        // newest first
  head: null,        // what the next poll asks to be newer than
  nextCursor: null,  // where older alerts go on
  selected: null,    // id of the alert in the drawer
  live: true,
  generation: 0,     // changes with the filters: answers to older questions are dropped
};

/* ---- talking to the node ---- */

class Unauthorized extends Error {}

async function get(path) {
  const token = sessionStorage.getItem(TOKEN_KEY);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch(path, { headers, cache: "no-store" });
  if (response.status === 401) throw new Unauthorized((await errorOf(response)).message);
  if (!response.ok) {
    const error = await errorOf(response);
    throw new Error(error.hint ? `${error.message} (${error.hint})` : error.message);
  }
  return response.json();
}

async function errorOf(response) {
  try {
    return (await response.json()).error;
  } catch {
    return { message: `the node answered ${response.status}` };
  }
}

function question(extra) {
  const parameters = new URLSearchParams();
  for (const name of FILTER_NAMES) {
    const value = $("filters").elements[name].value.trim();
    if (value) parameters.set(name, value);
  }
  for (const [name, value] of Object.entries(extra)) {
    if (value !== null) parameters.set(name, value);
  }
  return `/api/v1/alerts?${parameters}`;
}

/* ---- loading ---- */

async function reload() {
  const generation = ++view.generation;
  const page = await get(question({ limit: PAGE_ALERTS }));
  if (generation !== view.generation) return;
  Object.assign(view, { alerts: page.alerts, head: page.head, nextCursor: page.next_cursor });
  drawRows();
}

async function loadOlder() {
  const generation = view.generation;
  const page = await get(question({ limit: PAGE_ALERTS, cursor: view.nextCursor }));
  if (generation !== view.generation) return;
  view.alerts.push(...page.alerts);
  view.nextCursor = page.next_cursor;
  drawRows();
}

async function loadNewer() {
  const generation = view.generation;
  if (view.head === null) return reload();
  const page = await get(question({ limit: PAGE_ALERTS, after: view.head }));
  if (generation !== view.generation) return;
  // More than a page came at once: the gap would be shown as if it were none.
  if (page.next_cursor !== null) return reload();
  view.head = page.head;
  if (page.alerts.length === 0) return;
  view.alerts.unshift(...page.alerts);
  if (view.alerts.length > ROWS_MAX) {
    view.alerts.length = ROWS_MAX - PAGE_ALERTS;
    return reload();
  }
  drawRows();
}

async function loadStatus() {
  drawStatus(await get("/api/v1/status"));
}

async function attempt(action) {
  try {
    await action();
    showProblem(null);
    setState("connected", false);
    return true;
  } catch (error) {
    if (error instanceof Unauthorized) {
      askForToken(error.message);
    } else {
      const unreachable = error instanceof TypeError;
      showProblem(unreachable ? "The node does not answer. Trying again." : error.message);
      setState(unreachable ? "not connected" : "connected", unreachable);
    }
    return false;
  }
}

async function poll() {
  if (!document.hidden && !$("login").open) {
    await attempt(async () => {
      await loadStatus();
      if (view.live) await loadNewer();
    });
  }
  setTimeout(poll, POLL_MS);
}

/* ---- drawing ---- */

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function setState(text, bad) {
  $("state").textContent = text;
  $("state").toggleAttribute("data-bad", bad);
}

function showProblem(text) {
  $("problem").hidden = text === null;
  $("problem").textContent = text ?? "";
}

function drawStatus(status) {
  const leader = status.leader === null ? "no leader" : status.leader === status.node.id ? "leader" : `${status.role}, leader is node ${status.leader}`;
  const members = status.members.length === 1 ? "single node" : `${status.members.length} nodes`;
  $("node").textContent = `${status.node.name} · ${leader} · term ${status.term} · ${members} · ${status.node.version}`;
  if (!status.ready) showProblem(`Not ready: ${status.not_ready}`);
  drawCounters(status);
}

function drawCounters(status) {
  const sums = status.counters;
  const total = (map) => Object.values(map).reduce((sum, n) => sum + n, 0);
  const rows = [
    ["Accepted", sums.accepted, "Alerts taken in, each once"],
    ["Notified", sums.notified, "Alerts that at least one receiver hears of"],
    ["Repeats", sums.suppressed.repeat, "Alerts that repeat a finding within its window"],
    ["Over limit", sums.suppressed.rate_limit, "Alerts told in a storm summary"],
    ["No receiver", sums.suppressed.no_receiver, "Alerts that no receiver wants"],
    ["Resent", sums.duplicates, "Alerts that came again under the same number, not counted again"],
    ["Lost", total(sums.lost), "Alerts that agents had to give up", total(sums.lost) > 0],
    ["Outbox", sums.notifications.waiting, "Notifications that are not delivered yet"],
    ["Given up", total(sums.notifications.dead), "Notifications that will never arrive", total(sums.notifications.dead) > 0],
    ["Stored", status.history.alerts, "Alerts in the history of this node"],
  ];
  if (sums.imbalance !== 0) rows.push(["Imbalance", sums.imbalance, "Sums that must be equal are not: please report this", true]);
  $("counters").replaceChildren(...rows.map(([name, value, title, bad]) => {
    const pair = element("div", { title }, element("dt", { text: name }), element("dd", { text: value.toLocaleString() }));
    if (bad) pair.className = "bad";
    return pair;
  }));
}

function drawRows() {
  const focused = document.activeElement?.closest?.("#rows tr")?.dataset.id;
  $("rows").replaceChildren(...view.alerts.map(row));
  $("more").hidden = view.nextCursor === null;
  const filtered = FILTER_NAMES.some((name) => $("filters").elements[name].value.trim());
  $("empty").hidden = view.alerts.length > 0;
  $("empty").textContent = view.nextCursor !== null
    ? "No match among the newest alerts. Older ones have not been searched yet."
    : filtered ? "No alert matches these filters." : "No alerts yet. They appear here as soon as an agent sends one.";
  offer("rules", "rule");
  offer("hosts", "hostname");
  if (focused) $("rows").querySelector(`tr[data-id="${CSS.escape(focused)}"]`)?.focus();
}

function row(alert) {
  const cell = (name, text, title) => element("td", { class: name, text, ...(title ? { title } : {}) });
  const node = element("tr", { tabindex: "0", "data-id": alert.id, "aria-selected": String(alert.id === view.selected) },
    cell("time", localTime(alert.time), alert.time),
    element("td", {}, element("span", { class: "priority", "data-priority": alert.priority, text: alert.priority })),
    cell("rule", alert.rule, alert.rule),
    cell("host", alert.hostname),
    cell("output", message(alert), alert.output),
    cell("verdict", verdictShort(alert), verdictLong(alert)));
  node.addEventListener("click", () => select(alert.id));
  return node;
}

function offer(list, key) {
  const values = [...new Set(view.alerts.map((alert) => alert[key]))].filter(Boolean).sort();
  $(list).replaceChildren(...values.map((value) => element("option", { value })));
}

// The output without the time and priority that stand in columns of their own.
function message(alert) {
  return alert.output.replace(/^\S+: (Emergency|Alert|Critical|Error|Warning|Notice|Informational|Debug) /, "");
}

function localTime(text) {
  const time = new Date(text);
  const two = (n) => String(n).padStart(2, "0");
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

function verdictShort(alert) {
  switch (alert.verdict.kind) {
    case "told": return alert.verdict.receivers.join(", ");
    case "repeat": return `repeat ${alert.repeats}`;
    case "folded": return "in summary";
    case "unrouted": return "nobody";
    default: return alert.verdict.kind;
  }
}

function verdictLong(alert) {
  switch (alert.verdict.kind) {
    case "told": return `Receivers: ${alert.verdict.receivers.join(", ")}`;
    case "repeat": return `Repeat ${alert.repeats} of the same finding within its window; the first was ${alert.verdict.of}`;
    case "folded": return "The rule was over its limit: a storm summary tells of this alert";
    case "unrouted": return "No route sends this alert to a receiver";
    default: return alert.verdict.kind;
  }
}

/* ---- details ---- */

const GROUPS = [
  ["Process", (key) => key.startsWith("proc.") || key.startsWith("thread.")],
  ["User", (key) => key.startsWith("user.") || key.startsWith("group.")],
  ["File and network", (key) => key.startsWith("fd.") || key.startsWith("fs.")],
  ["Container", (key) => key.startsWith("container.") || key.startsWith("k8s.")],
  ["Event", () => true],
];

function select(id) {
  view.selected = id;
  const alert = view.alerts.find((candidate) => candidate.id === id);
  for (const node of $("rows").children) node.setAttribute("aria-selected", String(node.dataset.id === id));
  $("drawer").hidden = !alert;
  document.body.classList.toggle("drawer-open", Boolean(alert));
  if (!alert) return;
  $("drawer-title").textContent = alert.rule;
  $("details").replaceChildren(...details(alert));
  $("drawer").scrollTop = 0;
}

function details(alert) {
  const parts = [element("p", { class: "output", text: alert.output }), section("Alert", facts([
    ["priority", alert.priority],
    ["host", alert.hostname],
    ["time", alert.time],
    ["received", alert.received_at],
    ["told", verdictLong(alert)],
    ["repeats", String(alert.repeats)],
    ["source", alert.source],
    ["id", alert.id],
    ["fingerprint", alert.fingerprint],
  ]))];
  const chain = lineage(alert.output_fields);
  if (chain.length > 1) parts.push(section("Lineage", lineageList(chain)));
  const left = new Map(Object.entries(alert.output_fields));
  for (const [title, belongs] of GROUPS) {
    const pairs = [...left].filter(([key]) => belongs(key));
    pairs.forEach(([key]) => left.delete(key));
    if (pairs.length) parts.push(section(title, facts(pairs)));
  }
  if (alert.tags.length) parts.push(section("Tags", element("div", { class: "tags" }, ...alert.tags.map(tag))));
  return parts;
}

function section(title, content) {
  return element("section", {}, element("h3", { text: title }), content);
}

function facts(pairs) {
  const list = element("dl", { class: "facts" });
  for (const [key, value] of pairs) {
    const none = value === null || value === "";
    const text = none ? "none" : typeof value === "object" ? JSON.stringify(value) : String(value);
    list.append(element("dt", { text: key }), element("dd", none ? { class: "none", text } : { text }));
  }
  return list;
}

// The ancestors, the oldest first, then the process itself.
function lineage(fields) {
  const at = (level, name) => fields[`proc.a${name}[${level}]`] ?? (level === 1 ? fields[`proc.p${name}`] : null);
  const chain = [];
  for (let level = 7; level >= 1; level -= 1) {
    const name = at(level, "name");
    if (name) chain.push({ name, detail: at(level, "cmdline") ?? at(level, "exepath"), role: ["", "parent", "grandparent"][level] ?? `ancestor ${level}` });
  }
  if (fields["proc.name"]) chain.push({ name: fields["proc.name"], detail: fields["proc.cmdline"], role: fields["proc.pid"] ? `pid ${fields["proc.pid"]}` : "" });
  return chain;
}

function lineageList(chain) {
  return element("ol", { class: "lineage" }, ...chain.map((step, depth) =>
    element("li", { class: `d${Math.min(depth, 6)}` },
      step.detail && step.detail !== step.name ? `${step.name}: ${step.detail} ` : `${step.name} `,
      element("span", { class: "role", text: step.role }))));
}

function tag(name) {
  return element("button", { type: "button", text: name, title: "Search for this tag", onclick: () => {
    $("filters").elements.text.value = name;
    filtersChanged();
  } });
}

function closeDrawer() {
  const id = view.selected;
  select(null);
  if (id) $("rows").querySelector(`tr[data-id="${CSS.escape(id)}"]`)?.focus();
}

async function copyAlert() {
  const alert = view.alerts.find((candidate) => candidate.id === view.selected);
  if (!alert) return;
  await navigator.clipboard.writeText(JSON.stringify(alert, null, 2));
  $("copy").textContent = "Copied";
  setTimeout(() => { $("copy").textContent = "Copy JSON"; }, 1500);
}

/* ---- filters, keys, sign-in ---- */

// The filters live in the address, so that a view can be handed on.
function readAddress() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  for (const name of FILTER_NAMES) $("filters").elements[name].value = parameters.get(name) ?? "";
}

function filtersChanged() {
  const parameters = new URLSearchParams();
  for (const name of FILTER_NAMES) {
    const value = $("filters").elements[name].value.trim();
    if (value) parameters.set(name, value);
  }
  history.replaceState(null, "", parameters.size ? `#${parameters}` : location.pathname);
  return attempt(reload);
}

let typing = 0;
function filtersTyped() {
  clearTimeout(typing);
  typing = setTimeout(filtersChanged, 250);
}

function setLive(live) {
  view.live = live;
  $("live").setAttribute("aria-pressed", String(live));
  $("live").textContent = live ? "Live" : "Paused";
  if (live) attempt(loadNewer);
}

function moveFocus(from, step) {
  const next = step > 0 ? from.nextElementSibling : from.previousElementSibling;
  if (!next) return;
  next.focus();
  if (!$("drawer").hidden) select(next.dataset.id);
}

function keyPressed(event) {
  if ($("login").open) return;
  const rowNode = event.target.closest?.("#rows tr");
  const inField = event.target.matches?.("input, select, textarea");
  if (event.key === "Escape" && !$("drawer").hidden) {
    closeDrawer();
  } else if (rowNode && (event.key === "Enter" || event.key === " ")) {
    event.preventDefault();
    select(rowNode.dataset.id);
    $("drawer-title").focus();
  } else if (rowNode && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    moveFocus(rowNode, event.key === "ArrowDown" ? 1 : -1);
  } else if (!inField && !event.ctrlKey && !event.metaKey && !event.altKey && event.key === "/") {
    event.preventDefault();
    $("filters").elements.text.focus();
  } else if (!inField && !event.ctrlKey && !event.metaKey && !event.altKey && event.key === "p") {
    setLive(!view.live);
  }
}

function askForToken(message) {
  const tried = sessionStorage.getItem(TOKEN_KEY) !== null;
  $("login-problem").hidden = !tried;
  $("login-problem").textContent = tried ? `Not accepted: ${message}.` : "";
  if (!$("login").open) $("login").showModal();
}

function signIn() {
  const field = $("login-form").elements.token;
  sessionStorage.setItem(TOKEN_KEY, field.value.trim());
  field.value = "";
  attempt(async () => {
    await loadStatus();
    await reload();
  });
}

$("filters").addEventListener("input", filtersTyped);
$("filters").addEventListener("submit", (event) => { event.preventDefault(); filtersChanged(); });
$("filters").addEventListener("reset", () => setTimeout(filtersChanged));
$("live").addEventListener("click", () => setLive(!view.live));
$("more").addEventListener("click", () => attempt(loadOlder));
$("close").addEventListener("click", closeDrawer);
$("copy").addEventListener("click", () => attempt(copyAlert));
$("login-form").addEventListener("submit", () => setTimeout(signIn));
$("login").addEventListener("cancel", (event) => event.preventDefault());
document.addEventListener("keydown", keyPressed);
window.addEventListener("hashchange", () => { readAddress(); attempt(reload); });

readAddress();
poll();
