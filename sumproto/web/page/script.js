"use strict";

// Shows what the stream of events tells. Whatever peers sent is text: it is only ever set as the
// textContent of an element.

const MOST_ROWS = 200;
const SUMMARY_MS = 10000; // between two summaries for screen readers
const RETRY_MS = 5000;

const element = (id) => document.getElementById(id);

function make(tag, text, className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

// How things are written

const clock = new Intl.DateTimeFormat([], { timeStyle: "medium", hourCycle: "h23" });
const timeOf = (seconds) => clock.format(seconds * 1000);
const count = (number, noun) => `${number.toLocaleString()} ${noun}${number === 1 ? "" : "s"}`;

function exchangeRow(exchange) {
  const row = make("tr", "", "fresh");
  const name = make("th", exchange.name);
  name.scope = "row";
  name.dir = "auto";
  name.title = exchange.name;
  row.append(
    make("td", timeOf(exchange.time), "quiet"),
    name,
    make("td", `${exchange.number} + ${exchange.reply}`, "number"),
    make("td", exchange.sum, "number sum"),
    make("td", exchange.dialect),
    make("td", exchange.transport.toUpperCase()),
    make("td", `${(exchange.seconds * 1000).toFixed(2)} ms`, "number quiet"),
  );
  return row;
}

function errorRow(error) {
  const row = make("li", "", "fresh");
  const about = [timeOf(error.time), error.peer, error.transport.toUpperCase(), error.code];
  row.append(
    make("p", error.why, "why"),
    make("p", error.hint),
    make("p", about.join(" · "), "meta"),
  );
  return row;
}

// Begun messages that do not go on

function waitingRow(waiting) {
  const row = make("li", "");
  const about = [`for ${waiting.seconds} s`, waiting.peer, waiting.transport.toUpperCase()];
  row.append(
    make("p", waiting.why, "why"),
    make("p", waiting.hint),
    make("p", about.join(" · "), "meta"),
  );
  return row;
}

function showWaiting(waiting, all) {
  element("waiting").hidden = all === 0;
  element("waiting-rows").replaceChildren(...waiting.map(waitingRow));
  const more = all - waiting.length;
  element("more-waiting").textContent = more > 0 ? `and ${more.toLocaleString()} more` : "";
}

// The two lists, the latest first

class List {
  constructor(id, emptyId, makeRow) {
    this.rows = element(id);
    this.empty = element(emptyId);
    this.makeRow = makeRow;
    this.held = [];
    this.isStale = false;
  }

  // What comes now is all there is, but what is shown stays until it is shown.
  renew() {
    this.held = [];
    this.isStale = true;
  }

  add(news) {
    this.held = this.held.concat(news).slice(-MOST_ROWS);
  }

  show() {
    if (this.isStale) {
      this.rows.replaceChildren();
      this.empty.hidden = false;
      this.isStale = false;
    }
    if (this.held.length === 0) return;
    this.rows.prepend(...this.held.map(this.makeRow).reverse());
    while (this.rows.childElementCount > MOST_ROWS) this.rows.lastElementChild.remove();
    this.held = [];
    this.empty.hidden = true;
  }
}

const exchanges = new List("exchange-rows", "no-exchanges", exchangeRow);
const errors = new List("error-rows", "no-errors", errorRow);

// The chart

const SVG = "http://www.w3.org/2000/svg";
const bars = [];

function drawRates(rates) {
  while (bars.length < rates.length) {
    const bar = document.createElementNS(SVG, "rect");
    bar.setAttribute("x", bars.length + 0.1);
    bar.setAttribute("width", 0.8);
    element("chart").append(bar);
    bars.push(bar);
  }
  const peak = Math.max(...rates);
  rates.forEach((rate, i) => {
    const height = peak ? rate / peak : 0;
    bars[i].setAttribute("y", 1 - height);
    bars[i].setAttribute("height", height);
  });
  element("peak").textContent = peak.toLocaleString();
  return peak;
}

// What screen readers are told, not too often

let summary = "";

setInterval(() => {
  if (element("summary").textContent !== summary) element("summary").textContent = summary;
}, SUMMARY_MS);

function show(news) {
  const total = news.total;
  const lastMinute = news.rates.reduce((sum, rate) => sum + rate, 0);
  const peak = drawRates(news.rates);
  element("chart").setAttribute(
    "aria-label",
    `${count(lastMinute, "exchange")} in the last minute, at most ${peak} in a second`,
  );
  element("exchanges-total").textContent = total.exchanges.toLocaleString();
  element("minute-total").textContent = lastMinute.toLocaleString();
  element("errors-total").textContent = total.errors.toLocaleString();
  element("errors-total").className = total.errors ? "" : "none";
  element("connections-total").textContent = total.connections.toLocaleString();
  summary = `${count(total.exchanges, "exchange")}, ${count(total.errors, "error")}, ` +
    `${count(total.connections, "connection")} open`;
}

// Pause and resume

let paused = false;

function showLists() {
  if (!paused) {
    exchanges.show();
    errors.show();
  }
  const held = exchanges.held.length;
  element("pause").textContent = !paused ? "Pause" : held ? `Resume (${held} new)` : "Resume";
}

element("pause").addEventListener("click", () => {
  paused = !paused;
  showLists();
});

// The stream

function setState(text, className = "") {
  const state = element("state");
  if (state.textContent !== text) state.textContent = text;
  state.className = className;
}

function greet(about) {
  const where = about.where.join(" or ");
  document.title = `${about.name}: sum exchange`;
  element("name").textContent = about.name;
  element("where").textContent = where;
  element("connect-to").textContent = where;
  exchanges.renew();
  errors.renew();
}

let stopping = false;

function connect() {
  const stream = new EventSource("events");
  stream.addEventListener("message", (event) => {
    const news = JSON.parse(event.data);
    if (news.about) greet(news.about);
    stopping = news.stopping !== null;
    if (stopping) setState(`Stopping: ${news.stopping}`, "stopping");
    else setState("Live", "live");
    exchanges.add(news.exchanges);
    errors.add(news.errors);
    show(news);
    showWaiting(news.waiting, news.total.waiting);
    showLists();
  });
  stream.addEventListener("error", () => {
    if (stopping) setState("The server has stopped", "stopping");
    else setState("Reconnecting");
    if (stream.readyState === EventSource.CLOSED) setTimeout(connect, RETRY_MS);
  });
}

connect();
