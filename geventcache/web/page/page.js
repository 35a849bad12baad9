// The page: one look a second at live.json, of which it shows the differences; keys, clients and the slow log on demand.
// What comes from the server is put into the page as text, never as markup.
"use strict";

const LOOK_MS = 1000, SLOW_LOOKS = 5, POINTS = 120, PATIENCE_MS = 5000, CHART_HEIGHT = 100;
const at = id => document.getElementById(id);
let last = null, looks = 0, token = "", isWritable = false, worker = 0, lastWorkers = [];

function element(name, text, attributes) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  return made;
}

async function ask(path, options) {
  if (worker) path += (path.includes("?") ? "&" : "?") + "worker=" + worker;
  const stop = new AbortController(), timer = setTimeout(() => stop.abort(), PATIENCE_MS);
  try {
    const reply = await fetch(path, { cache: "no-store", signal: stop.signal, ...options });
    if (!reply.ok) throw Object.assign(new Error((await reply.text()).trim() || reply.statusText), { status: reply.status });
    return await reply.json();
  } finally {
    clearTimeout(timer);
  }
}

// ---------------------------------------------------------------- how numbers are shown

const round = number => number >= 100 ? Math.round(number).toLocaleString("en") : String(+number.toPrecision(3));
function count(number) { return number >= 1e6 ? round(number / 1e6) + " M" : number >= 1e4 ? round(number / 1e3) + " k" : round(number); }
function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (number >= 1024 && i < units.length - 1) { number /= 1024; i++; }
  return round(number) + " " + units[i];
}
function micros(usec) { return usec === null ? "–" : usec >= 1e6 ? round(usec / 1e6) + " s" : usec >= 1e3 ? round(usec / 1e3) + " ms" : round(usec) + " µs"; }
const millis = ms => ms === null ? "–" : micros(ms * 1000);
function span(seconds) {
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) if (seconds >= size) return Math.floor(seconds / size) + " " + unit;
  return Math.floor(seconds) + " s";
}
const percent = part => part === null ? "–" : round(100 * part) + " %";

// ---------------------------------------------------------------- charts

class Chart {
  constructor(title, show, names, most) {
    this.show = show; this.names = names; this.most = most;
    this.series = names.map(() => []);
    const figure = element("figure"), space = "http://www.w3.org/2000/svg";
    this.figure = figure;
    figure.dataset.chart = title;
    this.number = element("strong", "–");
    this.scale = element("small", "");
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("viewBox", `0 0 ${POINTS - 1} ${CHART_HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", title);
    this.paths = names.map((_, i) => {
      const path = document.createElementNS(space, "path");
      if (i) path.setAttribute("class", "two");
      return svg.appendChild(path);
    });
    figure.append(element("figcaption", title), this.number, svg, this.scale);
    at("charts").append(figure);
  }
  add(...values) {
    values.forEach((value, i) => {
      this.series[i].push(value);
      if (this.series[i].length > POINTS) this.series[i].shift();
    });
    this.number.replaceChildren(...values.map((value, i) => element("span", `${this.names[i]} ${this.show[i](value)}`.trim())));
    const shared = this.show.every(one => one === this.show[0]);
    const tops = this.series.map(one => Math.max(...one.map(value => value ?? 0)));
    const top = Math.max(...tops);
    this.scale.textContent = "up to " + (shared ? this.show[0](top) : tops.map((one, i) => this.show[i](one)).join(" · "));
    this.series.forEach((one, i) => this.draw(i, one, this.most || (shared ? top : tops[i]) || 1));
  }
  draw(i, values, top) {
    let text = "", move = "M";
    const start = POINTS - values.length;
    values.forEach((value, x) => {
      if (value === null) { move = "M"; return; }
      text += `${move}${start + x} ${(CHART_HEIGHT - CHART_HEIGHT * Math.min(value / top, 1)).toFixed(1)}`;
      move = "L";
    });
    this.paths[i].setAttribute("d", text);
  }
}

const charts = {
  requests: new Chart("Requests a second", [count], [""]),
  latency: new Chart("Latency of commands", [micros, micros], ["p50", "p99"]),
  hits: new Chart("Hit ratio", [percent], [""], 1),
  memory: new Chart("Memory", [bytes, bytes], ["used", "resident"]),
  clients: new Chart("Clients", [count, count], ["connected", "blocked"]),
  network: new Chart("Network a second", [bytes, bytes], ["in", "out"]),
  expired: new Chart("Keys gone a second", [count, count], ["expired", "evicted"]),
  lag: new Chart("How late keys expire", [millis, millis], ["p50", "p99"]),
  queue: new Chart("Keys that wait to expire", [count], [""]),
};

function percentile(now, before, part) {
  const grown = Object.keys(now).map(Number).sort((a, b) => a - b).map(bound => [bound, now[bound] - (before[bound] || 0)]).filter(one => one[1] > 0);
  let left = part * grown.reduce((sum, one) => sum + one[1], 0);
  for (const [bound, times] of grown) { left -= times; if (left <= 1e-9) return bound; }
  return null;
}

function since(now, before) {
  const seconds = Math.max((now.now_ms - before.now_ms) / 1000, 0.001);
  const rate = name => Math.max(0, now[name] - before[name]) / seconds;
  const hits = rate("hits"), looked = hits + rate("misses");
  return { seconds, rate, hitRatio: looked ? hits / looked : null };
}

function draw(now, before) {
  const { seconds, rate, hitRatio } = since(now, before);
  charts.requests.add(rate("commands"));
  charts.latency.add(percentile(now.latency_us, before.latency_us, .5), percentile(now.latency_us, before.latency_us, .99));
  charts.hits.add(hitRatio);
  charts.memory.add(now.memory, now.resident);
  charts.clients.add(now.clients, now.blocked);
  charts.network.add(rate("bytes_in"), rate("bytes_out"));
  charts.expired.add(rate("expired"), rate("evicted"));
  charts.lag.add(percentile(now.lag_ms, before.lag_ms, .5), percentile(now.lag_ms, before.lag_ms, .99));
  charts.queue.add(now.queue);
  const old = new Map(before.top.map(([name, calls, usec]) => [name, [calls, usec]]));
  const rows = now.top.map(([name, calls, usec]) => {
    const [c, u] = old.get(name) || [0, 0];
    return { name, calls, usec, rate: Math.max(0, calls - c) / seconds, share: Math.max(0, usec - u) / 1e6 / seconds };
  }).sort((a, b) => b.share - a.share || b.rate - a.rate || b.usec - a.usec).slice(0, 12);
  fill("commands", rows.map(one => [one.name, n(count(one.rate)), n(percent(one.share)), n(micros(one.usec / one.calls)), n(count(one.calls))]));
}

// ---------------------------------------------------------------- tables

const n = text => ({ text, className: "n" }), data = text => ({ text, className: "data" });

function fill(id, rows) {
  at(id).replaceChildren(...rows.map(cells => {
    const row = element("tr");
    for (const cell of cells) {
      if (cell instanceof Node) { row.append(cell); continue; }
      const made = element("td", cell.text ?? cell);
      if (cell.className) made.className = cell.className;
      row.append(made);
    }
    return row;
  }));
}

function about(now) {
  at("about").textContent = `${now.version} · ${now.address} · up ${span(now.uptime_s)} · ${count(now.commands)} commands, ${count(now.errors)} errors` + (now.memory_limit ? ` · at most ${bytes(now.memory_limit)}` : "");
  fill("databases", now.databases.map(([index, keys, volatile]) => [String(index), n(count(keys)), n(count(volatile)), n(count(keys - volatile))]));
}

function showReplication(told) {
  const shown = Object.entries(told).filter(([name]) => /^(role|master_host|master_port|master_link_status|master_link_down|master_sync_perc|master_failover|master_repl_offset|slave\d)/.test(name));
  at("replication-section").hidden = !shown.length;
  fill("replication", shown.map(([name, value]) => [name.replaceAll("_", " "), data(String(value))]));
}

async function lookSlowly() {
  for (const [path, show] of [["clients.json", showClients], ["slow.json", showSlow]]) {
    try { show(await ask(path)); } catch (error) { if (error.status) show(null, error.message); }
  }
}

function showClients(told, problem) {
  if (!told) return fill("clients", [["", problem]]);
  at("h-clients").textContent = told.total > told.clients.length ? `Clients: the last ${told.clients.length} of ${told.total}` : `Clients: ${told.total}`;
  fill("clients", told.clients.map(one => [n(one.id), one.address, data(one.name), data(one.user), data(one.library), one.command, n(span(one.age_s)), n(span(one.idle_s)), n(bytes(one.memory))]));
}

function showSlow(told, problem) {
  if (!told) return fill("slow", [["", "", problem]]);
  fill("slow", told.entries.map(one => [new Date(one.time_s * 1000).toLocaleTimeString(), n(micros(one.usec)), data(one.request), one.client]));
}

// ---------------------------------------------------------------- workers side by side

function figures(now, before) {
  const { rate, hitRatio } = since(now, before);
  return [n(count(rate("commands"))), n(micros(percentile(now.latency_us, before.latency_us, .99))), n(percent(hitRatio)), n(bytes(now.memory)), n(count(now.clients)), n(count(now.databases.reduce((sum, one) => sum + one[1], 0))), n(count(rate("expired"))), n(millis(percentile(now.lag_ms, before.lag_ms, .99)))];
}

async function lookAtWorkers() {
  const told = await ask("workers.json");
  at("workers-section").hidden = false;
  fill("workers", told.map((now, i) => {
    const before = lastWorkers[i], cell = element("td"), button = element("button", String(i), { type: "button", "aria-pressed": String(i === worker) });
    button.addEventListener("click", () => choose(i));
    cell.append(button);
    if (!now) return [cell, { text: "does not answer", className: "gone" }];
    return [cell, now.address, ...(before && before.run_id === now.run_id ? figures(now, before) : [])];
  }));
  lastWorkers = told;
}

function choose(i) {
  worker = i; last = null; looks = 0; opened = null;
  at("value").replaceChildren();
  for (const chart of Object.values(charts)) chart.series.forEach(one => one.splice(0));
  search("0");
}

// ---------------------------------------------------------------- one look a second

function setGone(problem) {
  document.body.classList.toggle("gone", Boolean(problem));
  at("gone").hidden = !problem;
  if (problem) at("gone").textContent = problem;
  at("state").textContent = problem ? "not connected" : "live";
  at("state").className = problem ? "" : "good";
}

async function look() {
  if (!document.hidden) {
    try {
      const now = await ask("live.json");
      token = now.token; isWritable = now.is_writable;
      setGone("");
      about(now);
      showReplication(now.replication);
      if (last && last.run_id === now.run_id) draw(now, last);
      last = now;
      if (now.workers > 1) await lookAtWorkers();
      if (looks++ % SLOW_LOOKS === 0) await lookSlowly();
    } catch (error) {
      setGone(error.status ? `The server refuses: ${error.message}` : "The server is gone: it does not answer. The page goes on asking.");
    }
  }
  setTimeout(look, LOOK_MS);
}

// ---------------------------------------------------------------- keys

let query = null, turn = 0, opened = null;

function shownAs(item) {
  const rest = item.size - item.hex.length / 2;
  const text = at("form").value === "hex" ? item.hex.replace(/(..)(?=.)/g, "$1 ") : item.text;
  return rest > 0 ? `${text} … (${bytes(rest)} more)` : text;
}

const toLive = ms => ms < 0 ? "–" : ms < 1000 ? ms + " ms" : span(ms / 1000);
const sizeOf = one => one.size === null ? "" : one.type === "string" ? bytes(one.size) : count(one.size);

async function search(cursor) {
  const mine = ++turn;  // of several searches only the last one shows what it found
  if (cursor === "0") query = { db: at("db").value || "0", match: at("match").value || "*", type: at("type").value };
  at("found").textContent = "searching …";
  at("more").disabled = true;
  let found = [];
  try {
    do {
      const told = await ask("keys.json?" + new URLSearchParams({ ...query, cursor }));
      if (mine !== turn) return;
      found = found.concat(told.keys);
      cursor = told.cursor;
    } while (cursor !== "0" && !found.length);
    at("found").textContent = found.length ? `${found.length} ${found.length > 1 ? "keys" : "key"}` + (cursor === "0" ? ", the last ones" : "") : "no keys";
    showKeys(found);
  } catch (error) {
    if (mine !== turn) return;
    at("found").textContent = error.message;
    cursor = "0";
  }
  query.next = cursor;
  at("more").disabled = cursor === "0";
  at("first").disabled = false;
}

function showKeys(found) {
  at("keys").keysShown = found;
  fill("keys", found.map(one => {
    const cell = element("td", null, { class: "data" });
    if (one.id === null) cell.textContent = shownAs(one.name);
    else {
      const button = element("button", shownAs(one.name) || "(empty)", { type: "button" });
      button.addEventListener("click", () => open(one, "0"));
      cell.append(button);
    }
    return [cell, one.type, n(sizeOf(one)), n(toLive(one.ttl_ms))];
  }));
}

async function open(key, from) {
  const box = at("value");
  try {
    const told = await ask("value.json?" + new URLSearchParams({ db: query.db, key: key.id, from }));
    opened = { key, from, told };
    showValue();
    box.focus({ preventScroll: true });
    if (box.getBoundingClientRect().top > innerHeight - 80) box.scrollIntoView({ block: "nearest" });
  } catch (error) {
    box.replaceChildren(element("p", error.message, { role: "alert" }));
  }
}

function showValue() {
  const { key, from, told } = opened, box = at("value");
  if (told.type === "none") return box.replaceChildren(element("p", "The key has gone."));
  const facts = element("dl");
  for (const [name, text] of [["key", shownAs(told.name)], ["type", `${told.type} (${told.encoding})`], ["size", sizeOf(told)], ["memory", bytes(told.memory || 0)], ["to live", toLive(told.ttl_ms)]])
    facts.append(element("dt", name), element("dd", text));
  box.replaceChildren(facts);
  if (told.type === "string") box.append(element("pre", told.rows.map(row => shownAs(row[0])).join(""), { tabindex: "0" }));
  else {
    const list = element("table"), body = element("tbody");
    for (const row of told.rows) {
      const line = element("tr");
      for (const item of row) line.append(element("td", shownAs(item), { class: "data" }));
      body.append(line);
    }
    list.append(body);
    box.append(list);
  }
  const actions = element("div", null, { class: "actions" });
  const action = (text, run, danger) => {
    const button = element("button", text, { type: "button", class: danger ? "danger" : "" });
    button.addEventListener("click", run);
    actions.append(button);
  };
  if (from !== "0") action("Its beginning", () => open(key, "0"));
  if (told.next !== null) action("More of it", () => open(key, told.next));
  if (isWritable) addChanges(key, told, box, action);
  box.append(actions);
}

function addChanges(key, told, box, action) {
  const item = told.type === "string" && told.next === null && told.rows[0][0];
  if (item && opened.from === "0" && new TextEncoder().encode(item.text).length === item.size && !item.text.includes("\\x")) {
    const area = element("textarea", item.text, { "aria-label": "New value", rows: "4" });
    box.append(area);
    action("Save", () => change(key, { action: "set", value: [...new TextEncoder().encode(area.value)].map(one => one.toString(16).padStart(2, "0")).join("") }));
  }
  action("Expire in a minute", () => change(key, { action: "expire", ttl_ms: 60000 }));
  if (told.ttl_ms >= 0) action("Keep for ever", () => change(key, { action: "persist" }));
  action("Delete", () => { if (confirm("Delete this key?")) change(key, { action: "delete" }); }, true);
}

async function change(key, wanted) {
  try {
    await ask("change", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Page-Token": token },
      body: JSON.stringify({ db: query.db, key: key.id, ...wanted }),
    });
    open(key, "0");
  } catch (error) {
    at("value").append(element("p", error.message, { role: "alert" }));
  }
}

at("search").addEventListener("submit", event => { event.preventDefault(); search("0"); });
at("first").addEventListener("click", () => search("0"));
at("more").addEventListener("click", () => search(query.next));
at("form").addEventListener("change", () => { showKeys(at("keys").keysShown || []); if (opened) showValue(); });
document.addEventListener("keydown", event => {
  const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key === "/" && !isTyping) { event.preventDefault(); at("match").focus(); at("match").select(); }
  if (event.key === "Escape" && opened) { opened = null; at("value").replaceChildren(); at("match").focus(); }
});
document.addEventListener("visibilitychange", () => { if (document.hidden) last = null; });

look();
search("0");
