// Alarm lists: in the order in which they ask, and still under a finger.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { may, post, Problem } from "../api.js";
import { momentText, numberText, unitText } from "../format.js";
import { ofAlarm, problemText, said, t } from "../i18n.js";
import { alarms, fresh, link, locked, serverT } from "../live.js";
import { metaOf } from "../plant.js";
import { openFaceplate } from "../router.js";
import { AlarmSymbol, ASIDE } from "./symbol.js";

const QUIET_MS = 2000, MOST_DIGITS = 4;

/** What asks first, then the graver, then the newer. */
export function ranked(found) {
  return [...found].sort((a, b) =>
    Number(b.asks) - Number(a.asks) || a.priority - b.priority || b.since_ns - a.since_ns || a.id.localeCompare(b.id));
}

/** Alarms that ask or hold, of a station when it is named. */
export function standing(all, station = "") {
  return [...all.values()].filter((a) => !ASIDE.includes(a.state) && (!station || a.station === station));
}

/**
 * Rows in an order that waits while a pointer is down, and two seconds after. Rows that are new come
 * below meanwhile; those that are gone keep their place, quiet, so that no other comes under the finger.
 */
export function useStillOrder(rows) {
  const until = useRef(0), kept = useRef(/** @type {string[]} */ ([])), seen = useRef(new Map()), turn = useSignal(0);
  turn.value; // drawn again when the rest is over
  const still = until.current > performance.now();
  const byId = new Map(rows.map((row) => [row.id, row]));
  const order = still
    ? [...kept.current, ...rows.map((r) => r.id).filter((id) => !kept.current.includes(id))]
    : rows.map((r) => r.id);
  kept.current = order;
  seen.current = still ? new Map([...seen.current, ...byId]) : byId;
  const gone = (id) => alarms.peek().get(id) ?? { ...seen.current.get(id), state: "normal", asks: false, condition: false };
  const hold = (ms) => { until.current = performance.now() + ms; };
  const down = () => hold(60000);
  const up = () => {
    hold(QUIET_MS);
    setTimeout(() => { turn.value += 1; }, QUIET_MS + 50);
  };
  return { rows: order.map((id) => byId.get(id) ?? gone(id)), handlers: { onPointerDown: down, onPointerUp: up, onPointerCancel: up, onPointerLeave: (e) => e.buttons && up() } };
}

/** "-41.8 > -45.0 °C": the value beside the limit, where there are numbers, or its word. Nothing of a switch:
 * "off" beside an alarm would read as if the alarm were. */
export function measured({ value, limit, tag, unit = metaOf(tag)?.u }) {
  if (value === null) return "";
  const meta = metaOf(tag), label = meta?.lb?.[Math.round(value)];
  if (label) return said(label);
  if (meta?.k === "bool") return "";
  if (limit === null || !unit) return `${numberText(value, value % 1 ? digitsOf(value) : 0)} ${unitText(unit)}`.trim();
  const sign = value > limit ? ">" : value < limit ? "<" : "=";
  let digits = digitsOf(limit);
  while (sign !== "=" && digits < MOST_DIGITS && numberText(value, digits) === numberText(limit, digits)) digits += 1;
  return `${numberText(value, digits)} ${sign} ${numberText(limit, digits)} ${unitText(unit)}`;
}

const digitsOf = (value) => (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 1 : 2);

/** Words for where an alarm stands. */
export const stateWords = (alarm) => t(`alarm.state.${alarm.state}`);

/** Acknowledge alarms one by one; what one is refused for is told, the others are done all the same. Without an answer it ends. */
export async function acknowledge(found) {
  const problems = [];
  for (const alarm of found) {
    try {
      await post(`/alarms/${encodeURIComponent(alarm.id)}/ack`, { occurrence: alarm.occurrence });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problems.push(error);
      if (error.code === "unconfirmed") break;
    }
  }
  return problems;
}

/** Acknowledging: one click, no second step; what the server refuses is told. onDone(): it was asked for. */
export function AckButton({ list, words, cls = "act", onDone }) {
  const told = useSignal(""), busy = useSignal(false);
  const asking = list.filter((a) => a.asks);
  const dead = !asking.length || busy.value || link.value !== "live" || locked.value || !may("acknowledge");
  const run = async (event) => {
    event.stopPropagation();
    if (!fresh()) return;
    busy.value = true;
    const [problem] = await acknowledge(asking);
    told.value = problem ? `${problemText(problem)} ${said(problem.reasons[0])}` : "";
    busy.value = false;
    onDone?.();
  };
  return html`<button type="button" class=${cls} disabled=${dead} onClick=${run}>${words ?? t("alarm.ack")}</button>
    ${told.value && html`<span class="told" role="alert">${told.value}</span>`}`;
}

/** One row of a short list: symbol, time, tag, text; a tap opens the faceplate. */
export function AlarmRow({ alarm }) {
  const state = link.value === "live" ? "" : " stale";
  return html`<li class=${`alarm-row${alarm.asks ? " asks" : ""}${state}`}>
    <button type="button" class="row" onClick=${() => openFaceplate(alarm.tag)}>
      <${AlarmSymbol} priority=${alarm.priority} asks=${alarm.asks} />
      <span class="tag">${alarm.tag}</span>
      <time>${momentText(alarm.since_ns / 1e6, serverT.value)}</time>
      <span class="words">${ofAlarm(alarm, "text")}</span>
      <span class="measured">${alarm.condition ? measured(alarm) : t("alarm.returned")}</span>
    </button></li>`;
}

/** A short list for a display. most: so many rows, the rest is counted. */
export function AlarmList({ station = "", most = 8 }) {
  const rows = ranked(standing(alarms.value, station));
  const { rows: shown, handlers } = useStillOrder(rows.slice(0, most));
  if (!rows.length) return html`<p class="empty">${t("alarm.none")}</p>`;
  return html`<ul class="alarm-list" ...${handlers}>${shown.map((a) => html`<${AlarmRow} key=${a.id} alarm=${a} />`)}
    ${rows.length > most && html`<li class="more"><a href="/alarms">${t("alarm.more", { count: rows.length - most })}</a></li>`}</ul>`;
}

/** How many alarms wait aside: shelved, suppressed, out of service. */
export function AsideCounts() {
  const count = (state) => [...alarms.value.values()].filter((a) => a.state === state).length;
  return html`<span class="aside-counts">${t("alarm.aside", { shelved: count("shelved"), suppressed: count("suppressed-by-design"), out: count("out-of-service") })}</span>`;
}

/** Draw again when the clock of the plant goes on: for ages and times. */
export function useSecond() {
  const turn = useSignal(0);
  useEffect(() => {
    const timer = setInterval(() => { turn.value += 1; }, 1000);
    return () => clearInterval(timer);
  }, []);
  return turn.value;
}

