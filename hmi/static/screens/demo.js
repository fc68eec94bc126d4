// The demo panel: what can be broken in a simulated plant, in words, and the way from a fault to its
// alarm, its trend and the acknowledgement. Not there on a real line.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { may, post, Problem } from "../api.js";
import { AckButton, AlarmRow, ranked, standing } from "../elements/alarms.js";
import { ProblemBox } from "../elements/confirm.js";
import { typedNumber, unitText } from "../format.js";
import { said, t } from "../i18n.js";
import { alarms, fresh, link, locked } from "../live.js";
import { plant, stations } from "../plant.js";
import { learnSimulator, simulator } from "../simulator.js";

const ASK_MS = 2000, DEADLINE_MS = 5000;
/** What a newcomer tries first: something is seen within seconds. */
const FIRST = { enclosure: "door_open", coater: "emergency_stop", calender: "emergency_stop" };
const STEPS = ["raise", "alarm", "trend", "acknowledge", "clear"];

export default function Demo() {
  const told = useSignal(/** @type {any} */ (null));
  useEffect(() => {
    let timer = 0, over = false;
    const ask = async () => {
      try {
        await learnSimulator();
        told.value = null;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        told.value = error;
      }
      if (!over) timer = setTimeout(ask, ASK_MS);
    };
    ask();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, []);
  const found = simulator.value;
  if (!found || !plant.value) return html`<div class="empty"><p>${t("screen.asking")}</p><${ProblemBox} problem=${told.value} /></div>`;
  if (!found.running) return html`<p class="empty">${t("demo.real")} <a href="/">${t("frame.home")}</a></p>`;
  return html`<h1 class="unseen">${t("screen.demo")}</h1><div class="demo"><${Way} found=${found} />
    ${told.value && html`<${ProblemBox} problem=${told.value} />`}
    <div class="demo-stations">${stations().map((s) => html`<${StationFaults} key=${s.name} station=${s} found=${found} />`)}</div></div>`;
}

/** Where a newcomer is on the way, with what comes next at hand. */
function Way({ found }) {
  const active = found.faults.filter((f) => f.active !== null), rows = ofFaults(active, ranked(standing(alarms.value)));
  const [first] = rows.filter((a) => a.asks), shown = first ?? rows[0];
  const at = !active.length ? (first ? "acknowledge" : "raise") : first ? "alarm" : rows.length ? "clear" : "wait";
  return html`<section class="panel way"><h2>${t("demo.way")}</h2>
    <p class="note">${t("demo.simulated", { speed: found.speed })} ${may("operate") ? "" : t("demo.look_only")}</p>
    <ol class="way-steps">${STEPS.map((step) => html`<li key=${step} class=${step === at ? "now" : ""} aria-current=${step === at ? "step" : undefined}>${t(`demo.step.${step}`)}</li>`)}</ol>
    <div class="way-now" role="status">${at === "wait" && html`<p>${t("demo.wait")}</p>`}
      ${shown ? html`<ul class="alarm-list"><${AlarmRow} alarm=${shown} /></ul><div class="buttons"><a class="nav-link" href=${trendOf(shown)}>${t("demo.open_trend", { tag: shown.tag })}</a><${AckButton} list=${[shown]} words=${t("demo.acknowledge")} /><a class="nav-link" href="/alarms">${t("demo.all_alarms", { count: rows.length })}</a></div>` : at !== "wait" && html`<p class="note">${t("demo.no_alarm")}</p>`}</div></section>`;
}

/** Alarms of the stations that were broken, if there are any: what still holds, the graver, then the one that came first, so that nothing moves under a finger. */
function ofFaults(active, rows) {
  const own = rows.filter((a) => active.some((f) => f.station === a.station));
  return (own.length ? own : rows).sort((a, b) => Number(b.asks) - Number(a.asks) || Number(b.condition) - Number(a.condition) || a.priority - b.priority || a.since_ns - b.since_ns);
}

/** Ten minutes of what an alarm watches, with its marks. */
const trendOf = (alarm) => `/trends?${new URLSearchParams({ pens: alarm.tag, min: "10" })}`;

function StationFaults({ station, found }) {
  const all = found.faults.filter((f) => f.station === station.name);
  const active = all.filter((f) => f.active !== null);
  const order = [...all].sort((a, b) => Number(b.name === FIRST[station.name]) - Number(a.name === FIRST[station.name]));
  return html`<section class="panel faults"><h2>${said(station.title)} <small>${active.length ? t("demo.active", { count: active.length }) : t("demo.healthy")}</small></h2>
    <p class="note">${t("demo.plc", { state: t(`demo.plc.${found.plcs[station.name] ?? "unknown"}`) })}</p>
    ${all.length ? html`<ul>${order.map((fault) => html`<${FaultRow} key=${fault.name} fault=${fault} first=${fault.name === FIRST[station.name]} />`)}</ul>` : html`<p class="empty">${t("demo.none")}</p>`}</section>`;
}

/** The beginning in capitals; a fault whose name the catalogue does not know shows its own. */
const faultTitle = (fault) => said(fault.name.replaceAll("_", " "));

function FaultRow({ fault, first }) {
  const level = useSignal(String(fault.level)), busy = useSignal(false), told = useSignal(/** @type {any} */ (null));
  const there = fault.active !== null, graded = !(fault.unit === "-" && fault.low === 0 && fault.high === 1);
  const typed = typedNumber(level.value), wrong = graded && (typed === null || typed < fault.low || typed > fault.high);
  const dead = busy.value || link.value !== "live" || locked.value || !may("operate");
  const run = async () => {
    if (!fresh()) return;
    busy.value = true;
    const { station, name } = fault;
    try {
      if (there) await post("/simulator/faults/clear", { station, name }, { deadline: DEADLINE_MS });
      else await post("/simulator/faults", { station, name, level: graded ? typed : null }, { deadline: DEADLINE_MS });
      told.value = null;
      await learnSimulator();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      told.value = error;
    }
    busy.value = false;
  };
  return html`<li class=${`fault${there ? " there" : ""}`}><div class="fault-words"><b>${faultTitle(fault)}</b>${first ? html` <span class="note">${t("demo.try_first")}</span>` : ""}<p class="note">${said(fault.effect)}</p>
      ${there && html`<p><span aria-hidden="true">●</span> ${t(graded ? "demo.there_level" : "demo.there", { level: fault.active, unit: unitText(fault.unit) })}</p>`}<${ProblemBox} problem=${told.value} /></div>
    ${graded && !there && html`<label class="field">${t("demo.level", { low: fault.low, high: fault.high, unit: unitText(fault.unit) })} <input inputmode="decimal" value=${level.value} aria-invalid=${wrong} onInput=${(e) => { level.value = e.currentTarget.value; }} /></label>`}
    <button type="button" class="act" data-fault=${`${fault.station} ${fault.name}`} disabled=${dead || (!there && wrong)} aria-label=${`${t(there ? "demo.clear" : "demo.raise")}: ${faultTitle(fault)}`} onClick=${run}>${t(there ? "demo.clear" : "demo.raise")}</button></li>`;
}
