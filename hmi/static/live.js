// The live socket of this window: one connection, one picture of the tags, and how old it is.
//
// What it hears it puts into cells (cells.js) and signals; when it hears nothing it says so.

import { batch, signal } from "@preact/signals";
import { Acknowledging } from "./acknowledging.js";
import { cell, cells, frozen, link, tellAll } from "./cells.js";
import { NOT_THERE } from "./quality.js";

export { cell, frozen, link } from "./cells.js";

const VERSION = 1;
const STALE_MS = 1000;
const HIDDEN_STALE_MS = 2500;
const CHECK_MS = 100;
const DEAD_MS = 10000; // a socket that says nothing for so long is given up: nobody may be at its other end
const FIRST_WAIT_MS = 250, LONGEST_WAIT_MS = 8000;
const LOCK_MS = 500;
const SCANS = ".SCAN.COUNT";
const ALWAYS = [`*${SCANS}`, "*.SERVICE.STATE", "*.SERVICE.LEFT", "*.LINK.UP", "*.RUN.PROMPT"];
const ENDED = 4001, CHANGED_ROLE = 4003, OTHER_VERSION = 4009;

/** Whole seconds since the newest frame. */
export const ageS = signal(0);
/** Server time (ms) of the newest frame, changed once a second. */
export const serverT = signal(0);
/** Another version runs at the server than this page came from. */
export const outdated = signal(false);
/** Why the server let go of us: "" or ended, roles. */
export const endedBy = signal("");
/** Another one whenever the server was started anew: what is known of the plant may be another thing. */
export const serverBoot = signal("");
/** Nothing may be tapped for a moment after the picture came back. */
export const locked = signal(false);
/** Alarms that are not normal, by id. */
export const alarms = signal(new Map());
export const floods = signal([]);
/** Unacknowledged ones of priority 1 to 4. */
export const unacknowledged = signal([0, 0, 0, 0]);
/** What each station says of itself, by name: state, step, until_t, waiting_for, cannot_start ... */
export const procedures = signal(new Map());
/** Newest state of each command of ours, by id. */
export const commands = signal(new Map());

/** Figures for the health screen. */
export const counts = { frames: 0, full: 0, bytes: 0, reconnects: 0, gaps: 0 };

const byIndex = new Map();
const watches = new Map();
const scans = new Map();
let socket = null, boot = "", build = "", position = -1, viewId = 0, viewKey = "";
let waitMs = FIRST_WAIT_MS, retry = 0, frameAt = -Infinity, frameT = 0, wanted = false, backAgain = false;
let staleMs = STALE_MS, told = false, viewTags = "", resumed = false, openedAt = 0, shownAt = -Infinity, unlock = 0;

/** Server time of the newest frame, to be sent with what a person does: he saw no newer picture. */
export const seenT = () => frameT;

/** good | stale: whether what is said of a station is of now. For texts that are no values. */
export const pictureOf = (station) =>
  link.value === "live" && !frozen.value.has(station) ? "good" : "stale";

/** May something be commanded from this picture? */
export const fresh = () => link.peek() === "live" && !locked.peek();

/**
 * Show tags from now on (* stands for any part of a name); call the result to end it.
 * @param {string[]} tags
 */
export function watch(tags) {
  for (const tag of tags) watches.set(tag, (watches.get(tag) ?? 0) + 1);
  lookAnew();
  let over = false;
  return () => {
    if (over) return;
    over = true;
    for (const tag of tags) {
      const left = watches.get(tag) - 1;
      if (left) watches.set(tag, left);
      else watches.delete(tag);
    }
    lookAnew();
  };
}

let looking = false;
function lookAnew() {
  if (looking) return;
  looking = true;
  setTimeout(() => { // after everything that changes with a screen has been said
    looking = false;
    sendView(false);
  }, 0);
}

const wantedTags = () => [...new Set([...ALWAYS, ...watches.keys()])].sort();

function sendView(anyway) {
  const tags = wantedTags();
  const rate = document.hidden ? 1 : 10;
  const key = JSON.stringify([tags, rate]);
  if (!told || (key === viewKey && !anyway)) return;
  viewKey = key;
  viewTags = tags.join(" ");
  viewId += 1;
  say({ op: "view", id: viewId, tags, alarms: true, stations: true, rate });
}

const say = (message) => {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
};

const acknowledging = new Acknowledging((position) => say({ ack: position }));

// -- connecting -----------------------------------------------------------------------------------

/** Connect, and stay so. */
export function connect() {
  wanted = true;
  endedBy.value = "";
  link.value = "connecting";
  open();
}

/** Leave: nobody is logged in any more. */
export function disconnect() {
  wanted = false;
  clearTimeout(retry);
  socket?.close();
  socket = null;
  acknowledging.end();
  forget();
  link.value = "closed";
}

function open() {
  clearTimeout(retry);
  if (!wanted || socket) return;
  const address = new URL("/api/v1/live", location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  const mine = (socket = new WebSocket(address));
  told = false;
  openedAt = performance.now();
  mine.onopen = () => {
    // Only what changed since is sent again, so other tags than before need everything.
    const same = wantedTags().join(" ") === viewTags;
    const resume = boot && position >= 0 && same ? { boot, pos: position } : {};
    resumed = same;
    say({ op: "hello", v: VERSION, ...resume });
  };
  mine.onmessage = (event) => mine === socket && hear(event.data);
  mine.onclose = (event) => mine === socket && closed(event.code);
}

function closed(code) {
  socket = null;
  told = false;
  acknowledging.end();
  counts.reconnects += 1;
  setStale();
  if (code === ENDED || code === CHANGED_ROLE) {
    wanted = false;
    endedBy.value = code === ENDED ? "ended" : "roles";
    return;
  }
  if (code === OTHER_VERSION) outdated.value = true;
  retry = setTimeout(open, waitMs * (0.7 + 0.6 * Math.random()));
  waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2);
}

/** A silent socket is left behind: whether it ever says that it is closed does not matter. */
function giveUp() {
  const silent = socket;
  closed(0);
  silent.close();
}

/** Try at once: the network or the window is back. */
function hurry() {
  if (!wanted) return;
  waitMs = FIRST_WAIT_MS;
  if (!socket) open();
}

function forget() {
  position = -1;
  boot = "";
  for (const one of cells.values()) {
    one.quality = NOT_THERE;
    one.tell();
  }
  alarms.value = new Map();
  procedures.value = new Map();
}

// -- what comes -----------------------------------------------------------------------------------

const HEARD = { hello: onHello, meta: onMeta, f: onFrame, c: onCommand, error: onError };

function hear(text) {
  counts.bytes += text.length;
  const message = JSON.parse(text);
  HEARD[message.op]?.(message);
}

function onHello(message) {
  const runs = `${message.app} ${message.screens ?? ""}`;
  if (build && build !== runs) outdated.value = true;
  build ||= runs;
  if (message.boot !== boot) {
    boot = message.boot;
    position = -1;
    byIndex.clear();
  }
  serverBoot.value = boot;
  staleMs = Math.min(STALE_MS, message.stale_ms);
  told = true;
  waitMs = FIRST_WAIT_MS;
  const before = viewTags;
  sendView(true);
  if (resumed && viewTags !== before) say({ op: "full" });
}

function onMeta(message) {
  const shown = new Set();
  for (const meta of message.tags) {
    const one = cell(meta.n);
    one.meta = meta;
    byIndex.set(meta.i, one);
    shown.add(one);
  }
  for (const name of scans.keys()) if (!shown.has(cell(name))) scans.delete(name);
  for (const one of shown) {
    if (!one.name.endsWith(SCANS) || scans.has(one.name)) continue;
    scans.set(one.name, { at: performance.now(), station: one.meta.s });
  }
  for (const one of cells.values()) {
    if (!shown.has(one) && one.quality !== NOT_THERE) {
      one.quality = NOT_THERE;
      one.tell();
    }
  }
}

function onError(message) {
  for (const name of message.tags ?? []) cells.get(name)?.tell();
}

function onFrame(message) {
  if (!message.full && message.p !== position) {
    counts.gaps += 1;
    position = message.s;
    say({ op: "full" });
    acknowledging.atOnce(message.s, performance.now());
    return;
  }
  counts.frames += 1;
  const now = performance.now();
  const wasLive = link.peek() === "live";
  position = message.s;
  frameT = message.t;
  frameAt = now;
  if (message.full) counts.full += 1;
  batch(() => {
    if (!wasLive) setLive();
    for (const [index, value, quality = 0, timeMs = message.t] of message.v) {
      const one = byIndex.get(index);
      if (!one) continue;
      if (one.value !== value && scans.has(one.name)) scans.get(one.name).at = now;
      one.value = value;
      one.quality = quality;
      one.timeMs = timeMs;
      one.tell();
    }
    if (message.a) takeAlarms(message);
    if (message.ss) takeProcedures(message);
  });
  if (!wasLive) tellAll();
  acknowledging.took(message.s, now);
}

function takeAlarms(message) {
  const found = message.full ? new Map() : new Map(alarms.peek());
  for (const alarm of message.a) {
    if (alarm.state === "normal") found.delete(alarm.id);
    else found.set(alarm.id, alarm);
  }
  alarms.value = found;
  unacknowledged.value = message.n;
  floods.value = message.fl;
}

function takeProcedures(message) {
  const found = message.full ? new Map() : new Map(procedures.peek());
  for (const one of message.ss) found.set(one.s, one);
  procedures.value = found;
}

function onCommand(message) {
  const found = new Map(commands.peek());
  found.delete(message.cmd);
  found.set(message.cmd, message);
  while (found.size > 200) found.delete(found.keys().next().value);
  commands.value = found;
}

// -- how old it is --------------------------------------------------------------------------------

/** After a gap nothing may be tapped for a moment: a finger may already be on its way. */
function setLive() {
  link.value = "live";
  ageS.value = 0;
  const now = performance.now();
  for (const scan of scans.values()) scan.at = now;
  if (frozen.peek().size) frozen.value = new Set();
  if (!backAgain) return;
  backAgain = false;
  locked.value = true;
  clearTimeout(unlock);
  unlock = setTimeout(() => { locked.value = false; }, LOCK_MS);
}

function setStale() {
  if (link.peek() !== "live") return;
  backAgain = true;
  link.value = "stale";
  tellAll();
}

function check() {
  const now = performance.now();
  const seldom = document.hidden || now - shownAt < HIDDEN_STALE_MS; // frames come once a second until it is asked for more
  const limit = seldom ? HIDDEN_STALE_MS : staleMs;
  const age = now - frameAt;
  if (age > limit) setStale();
  if (socket && now - Math.max(frameAt, openedAt) > DEAD_MS) giveUp();
  if (Number.isFinite(age)) {
    const whole = Math.floor(age / 1000);
    if (ageS.peek() !== whole) ageS.value = whole;
  }
  const second = Math.floor(frameT / 1000) * 1000;
  if (serverT.peek() !== second) serverT.value = second;
  checkScans(now, limit);
}

/** The scan counter of each station must move, else the middle is frozen. */
function checkScans(now, limit) {
  if (link.peek() !== "live") return;
  const still = new Set();
  for (const scan of scans.values()) if (now - scan.at > limit) still.add(scan.station);
  const was = frozen.peek();
  if (still.size === was.size && [...still].every((s) => was.has(s))) return;
  frozen.value = still;
  tellAll();
}

setInterval(check, CHECK_MS);
addEventListener("online", hurry);
addEventListener("offline", setStale);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) shownAt = performance.now();
  check();
  hurry();
  sendView(false);
});
