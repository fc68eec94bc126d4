// The panels of the health screen that show what the server answered.

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { get, LONG_MS, may } from "../api.js";
import { useSecond } from "../elements/alarms.js";
import { useAsked } from "../elements/asked.js";
import { durationText, numberText, unitText } from "../format.js";
import { said, t } from "../i18n.js";
import { ageS, counts, outdated } from "../live.js";
import { stations } from "../plant.js";
import { aheadS, heapMb, longTasks, rates } from "../thiswindow.js";

const SOON_DAYS = 30;

/** Names and values, one below the other. rows: [words, value, bad]. */
function Facts({ rows }) {
  return html`<dl class="fact-list">${rows.filter(Boolean).map(([words, value, bad]) => html`<div key=${words}><dt>${words}</dt><dd>${bad ? html`<strong>⊘ ${value}</strong>` : value}</dd></div>`)}</dl>`;
}

/** A figure of the line as people read it: bytes as MB, the rest with its unit. */
export function figureText(row) {
  if (!row) return "–";
  if (row.value === null) return said(row.quality_text);
  if (row.label) return said(row.label);
  const whole = Number.isInteger(row.value);
  const digits = whole || Math.abs(row.value) >= 100 ? 0 : 1;
  return `${numberText(row.value, digits)} ${unitText(row.unit)}`.trim();
}

/** The line's own figures: queue, disk, what was lost. Those of failing state 0 or 1 are words. */
export function History({ found }) {
  const { line } = found;
  const rows = Object.entries(line).filter(([tag]) => /\.(HISTORY|DISK|RECORD)\./.test(tag)).map(([tag, row]) => {
    const failing = tag.endsWith(".FAILING"), lost = tag.endsWith(".DROPPED");
    if (tag.endsWith(".BYTES") && row.value !== null) return [said(row.text), `${numberText(row.value / 1e6, 1)} MB`];
    return [said(row.text), failing && row.value !== null ? t(row.value ? "health.yes" : "health.no") : figureText(row), (failing || lost) && row.value > 0];
  });
  if (!rows.length) return html`<p class="empty">${t("health.no_line")}</p>`;
  return html`<${Facts} rows=${rows} />`;
}

export function Sinks({ found }) {
  if (!found.sinks.length) return html`<p class="empty">${t("health.no_sinks")}</p>`;
  return found.sinks.map((sink) => html`<h3 key=${sink.name}>${sink.name} <span class="note">${sink.kind}</span></h3>
    <${Facts} rows=${Object.entries(sink.figures).map(([tag, row]) => [said(row.text), figureText(row), tag.endsWith("DROPPED") && row.value > 0])} />`);
}

/** Frames a second are those since the look before. */
export function Api({ found, at }) {
  const { api } = found, before = useRef({ at: 0, frames: 0, rate: null });
  useEffect(() => {
    const was = before.current, s = (found.t - was.at) / 1000;
    if (s > 0) before.current = { at: found.t, frames: api.frames, rate: was.at ? (api.frames - was.frames) / s : null };
  }, [at, found]);
  const { rate } = before.current, windows = Object.values(api.windows).reduce((a, b) => a + b, 0);
  return html`<${Facts} rows=${[
    [t("health.windows"), windows],
    [t("health.frames"), rate === null ? "–" : `${numberText(rate, 1)} /s`],
    [t("health.encoded"), api.encoded],
    [t("health.sent"), `${numberText(api.frame_bytes / 1e6, 1)} MB`],
    [t("health.all_conflated"), api.conflated], [t("health.all_stalls"), api.stalls],
    [t("health.sockets_refused"), api.refused],
    [t("health.closed"), Object.entries(api.closed).map(([code, n]) => `${code}: ${n}`).join(", ") || "0"],
    [t("health.requests"), Object.entries(api.requests).map(([status, n]) => `${status}: ${n}`).join(", ") || "0"],
    [t("health.pools"), api.pools.map((p) => `${p.name} ${p.inside}`).join(", ")],
    [t("health.turned_away"), api.pools.reduce((sum, p) => sum + p.turned_away, 0), api.pools.some((p) => p.turned_away > 0)],
    [t("health.records"), found.audit.records],
    [t("health.trail_size"), `${numberText(found.audit.bytes / 1e6, 1)} MB`],
  ]} />`;
}

export function ThisWindow({ found }) {
  useSecond();
  const look = useRef(/** @type {any} */ (null));
  look.current ??= rates();
  const { frames, bytes } = look.current(), heap = heapMb(), ahead = aheadS();
  return html`<${Facts} rows=${[
    [t("health.frame_age"), `${ageS.value} s`],
    [t("health.frames"), `${numberText(frames, 1)} /s`],
    [t("health.received"), `${numberText(bytes / 1e3, 1)} kB/s`],
    [t("health.reconnects"), counts.reconnects], [t("health.gaps"), counts.gaps],
    [t("health.long_tasks"), longTasks.known ? `${longTasks.count} (${numberText(longTasks.longestMs, 0)} ms)` : t("health.not_said")],
    [t("health.heap"), heap === null ? t("health.not_said") : `${numberText(heap, 1)} MB`],
    [t("health.plant_ahead"), seconds(found.api.clock_ahead_s)],
    [t("health.browser_ahead"), ahead === null ? "–" : seconds(ahead)],
    [t("health.page_version"), outdated.value ? t("frame.reload") : t("health.current"), outdated.value],
  ]} />`;
}

const seconds = (s) => (Math.abs(s) < 120 ? `${numberText(s, 1)} s` : `${s < 0 ? "-" : ""}${durationText(Math.abs(s))}`);

export function Versions({ found }) {
  const title = (name) => said(stations().find((s) => s.name === name)?.title ?? name);
  return html`<${Facts} rows=${[
    [t("health.software"), found.software], [t("health.api_version"), `${found.api.app} · ${found.api.boot}`],
    ...found.controllers.map((c) => [t("health.controller_of", { stations: (c.stations ?? []).map(title).join(", ") }), `${c.software} · ${t("health.pid", { pid: c.pid })}`]),
    ...Object.entries(found.recipes).map(([name, r]) => [t("health.recipe_of", { station: title(name) }), html`${r.recipe} <span class="hash">${(r.content_hash ?? "").slice(0, 12)}</span>`]),
  ]} />${!found.controllers.length && html`<p><strong>⊘ ${t("health.no_controllers")}</strong></p>`}`;
}

export function Certificates({ found }) {
  const rows = [...(found.certificate ? [{ of: "api", ...found.certificate }] : []), ...(found.certificates ?? [])];
  const name = (of) => (["api", "controller"].includes(of) ? t(`health.certificate_of.${of}`) : t("health.certificate_of.plc", { station: said(stations().find((s) => s.name === of)?.title ?? of) }));
  return html`${!found.certificate && html`<p class="note">${t("health.no_tls")}</p>`}
    <${Facts} rows=${rows.map((r) => (r.days_left === null ? [name(r.of), r.text, true] : [name(r.of), t("health.days_left", { days: numberText(r.days_left, 0), date: String(r.not_after).slice(0, 10) }), r.days_left < SOON_DAYS]))} />
    ${!rows.length && html`<p class="empty">${t("health.no_certificates")}</p>`}`;
}

/** Who has windows open; for administrators also who is logged in without one. */
export function People({ found }) {
  const windows = Object.entries(found.api.windows);
  return html`<${Facts} rows=${windows.map(([who, n]) => [who, t("health.windows_open", { count: n })])} />
    ${may("administer") && html`<${SessionCount} />`}`;
}

function SessionCount() {
  const asked = useAsked("/sessions", (signal) => get("/sessions", {}, { signal, deadline: LONG_MS }), 10000);
  if (!asked.found) return null;
  const users = asked.found.sessions.map((one) => one.user), counted = [...new Set(users)].map((who) => `${who} ×${users.filter((u) => u === who).length}`);
  return html`<p>${t("health.sessions", { count: users.length })} ${counted.join(", ")} <a class="nav-link" href="/users?view=sessions">${t("health.see_sessions")}</a></p>`;
}
