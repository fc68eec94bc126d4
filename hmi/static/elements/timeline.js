// The course of a run on one time axis: states, phases, alarms, commands, and what else happened.

import { html } from "htm/preact";
import { lanesOf, ROWS, spanAt } from "../courses.js";
import { durationText } from "../format.js";
import { said, t } from "../i18n.js";
import { AxisBelow, placeText } from "./curves.js";
import { AlarmSymbol } from "./symbol.js";

const MOST_LANES = 5;
const NEAR = 0.006; // of the axis: what the cursor is said to be on

/** timeline: as the server gives it; alarms: spans; lastsS: of the axis; cursor: signal, shared. */
export function Timeline({ timeline, alarms, lastsS, cursor, below }) {
  const { states, phases, marks } = timeline;
  const move = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    cursor.value = Math.max(0, Math.min(lastsS, ((event.clientX - box.left) / box.width) * lastsS));
  };
  const handlers = { onPointerMove: move, onPointerDown: move, onPointerLeave: () => { cursor.value = null; } };
  const lanes = lanesOf(alarms, MOST_LANES, lastsS);
  return html`<div class="run-course">
    <${Row} name=${t("run.states")} handlers=${handlers}>${states.map((s) => html`<${Span} key=${s.begin_s} span=${s} lastsS=${lastsS} kind=${`st-${s.state === "EXECUTE" ? "execute" : "other"}`} text=${t(`state.${s.state}`)} />`)}<//>
    ${phases.length > 0 && html`<${Row} name=${t("run.phases")} handlers=${handlers}>${phases.map((p) => html`<${Span} key=${p.begin_s} span=${p} lastsS=${lastsS} kind="phase" text=${phaseText(p)} />`)}<//>`}
    <${Row} name=${t("run.alarms")} handlers=${handlers} lanes=${Math.max(1, lanes.length)}>${lanes.map((lane, n) => lane.map((a) => html`<span key=${`${a.alarm}${a.begin_s}`} class=${`alarm-span${a.open ? " open" : ""}`} style=${{ left: part(a.begin_s, lastsS), width: part(a.end_s - a.begin_s, lastsS), top: `${n * 28}px` }}><${AlarmSymbol} priority=${a.priority} /><span>${a.subject}</span></span>`))}
      ${!alarms.length && html`<span class="row-empty">${t("run.no_alarms")}</span>`}<//>
    ${Object.entries(ROWS).map(([row, kinds]) => html`<${Row} key=${row} name=${t(`run.row.${row}`)} handlers=${handlers}>${marks.filter((m) => kinds.includes(m.kind)).map((m, k) => html`<i key=${k} class=${`tickmark ${row}`} style=${{ left: part(m.at_s, lastsS) }}></i>`)}<//>`)}
    ${below}
    <${AxisBelow} low=${0} high=${lastsS} unit="s" text=${t("run.axis")} cursor=${cursor} />
    <p class="course-reading">${cursor.value === null ? t("run.read_hint") : reading(timeline, alarms, cursor.value, lastsS)}</p></div>`;
}

const part = (seconds, lastsS) => `${Math.max(0, Math.min(100, (seconds / lastsS) * 100))}%`;

/** "3 rolls up" of a phase: its number, and its name where the recipe is known. */
export const phaseText = (p) => `${p.number}${p.name ? ` ${said(p.name)}` : ""}`;

function Row({ name, handlers, lanes = 1, children }) {
  return html`<div class="course-row"><span class="course-name">${name}</span><div class="course-track" style=${{ height: `${lanes * 28 + 4}px` }} ...${handlers}>${children}</div></div>`;
}

function Span({ span, lastsS, kind, text }) {
  return html`<span class=${`stretch ${kind}`} style=${{ left: part(span.begin_s, lastsS), width: part(span.end_s - span.begin_s, lastsS) }} title=${`${text} ${durationText(span.end_s - span.begin_s)}`}>${text}</span>`;
}

/** What stands under the cursor, in words. */
function reading({ states, phases, marks }, alarms, atS, lastsS) {
  const state = spanAt(states, atS), phase = spanAt(phases, atS);
  const standing = alarms.filter((a) => a.begin_s <= atS && atS <= a.end_s).map((a) => a.subject);
  const near = marks.filter((m) => m.kind !== "state" && Math.abs(m.at_s - atS) <= NEAR * lastsS).map((m) => said(m.text));
  return [`${placeText(atS, "s")}`, state && t(`state.${state.state}`), phase && phaseText(phase), standing.length > 0 && `${t("run.alarms")}: ${standing.join(", ")}`, ...near.slice(0, 2), near.length > 2 && `+${near.length - 2}`].filter(Boolean).join(" · ");
}

/** The same for who does not see pictures, and on paper. */
export function CourseTable({ timeline }) {
  const rows = [...timeline.states.map((s) => ({ ...s, what: t("run.states"), text: t(`state.${s.state}`) })), ...timeline.phases.map((p) => ({ ...p, what: t("run.phases"), text: phaseText(p) }))].sort((a, b) => a.begin_s - b.begin_s);
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("run.course_table")}><table class="grid"><thead><tr><th scope="col">${t("run.after_start")}</th><th scope="col">${t("run.lasts")}</th><th scope="col">${t("run.what")}</th><th scope="col">${t("run.text")}</th></tr></thead>
    <tbody>${rows.map((r) => html`<tr key=${`${r.what}${r.begin_s}`}><td class="number">${durationText(r.begin_s)}</td><td class="number">${durationText(r.end_s - r.begin_s)}</td><td>${r.what}</td><td>${r.text}</td></tr>`)}</tbody></table></div>`;
}
