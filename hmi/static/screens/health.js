// Level 4: is everything well? Links with the age of what they bring, scans, history, sinks, the API,
// this window, versions, certificates, who is here.

import { html } from "htm/preact";
import { useEffect, useMemo } from "preact/hooks";
import { get, LONG_MS } from "../api.js";
import { useWatch } from "../bind.js";
import { Answer, useAsked } from "../elements/asked.js";
import { Value } from "../elements/value.js";
import { clockText, numberText } from "../format.js";
import { said, t } from "../i18n.js";
import { cell, frozen, link } from "../live.js";
import { plant, stations } from "../plant.js";
import { countScans } from "../scans.js";
import { Api, Certificates, History, People, Sinks, ThisWindow, Versions } from "./healthparts.js";
import { Windows } from "./healthwindows.js";

const EVERY_MS = 2000;

export default function Health() {
  const asked = useAsked("/health/figures", (signal) => get("/health/figures", {}, { signal, deadline: LONG_MS }), EVERY_MS);
  if (!plant.value) return html`<p class="empty">${t("screen.asking")}</p>`;
  const old = asked.old || link.value !== "live";
  return html`<h1 class="unseen">${t("screen.health")}</h1><div class="health">
    <${Insecure} found=${asked.found} /><${Troubles} found=${asked.found} />
    <section class="panel wide"><h2>${t("health.stations")}</h2><${Stations} found=${asked.found} /></section>
    <${Answer} asked=${asked}>${(found) => html`
      <section class="panel wide" data-q=${old ? "stale" : "good"}><h2>${t("health.each_window")}</h2><${Windows} rows=${found.windows} /></section>
      <section class="panel" data-q=${old ? "stale" : "good"}><h2>${t("health.history")}</h2><${History} found=${found} /></section>
      <section class="panel" data-q=${old ? "stale" : "good"}><h2>${t("health.sinks")}</h2><${Sinks} found=${found} /></section>
      <section class="panel" data-q=${old ? "stale" : "good"}><h2>${t("health.api")}</h2><${Api} found=${found} at=${asked.at} /></section>
      <section class="panel"><h2>${t("health.window")}</h2><${ThisWindow} found=${found} /></section>
      <section class="panel" data-q=${old ? "stale" : "good"}><h2>${t("health.versions")}</h2><${Versions} found=${found} /></section>
      <section class="panel" data-q=${old ? "stale" : "good"}><h2>${t("health.certificates")}</h2><${Certificates} found=${found} /></section>
      <section class="panel" data-q=${old ? "stale" : "good"}><h2>${t("health.people")}</h2><${People} found=${found} /></section>
      <p class="note wide">${t("asked.as_of", { time: clockText(asked.at) })} · ${t("health.every")}</p>`}<//></div>`;
}

/** What lets others read or change what they should not. */
function Insecure({ found }) {
  if (!found) return null;
  const plcs = [...new Set(found.controllers.flatMap((c) => c.insecure ?? []))];
  const open = location.protocol === "http:" && !["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  const words = [plcs.length && t("health.insecure_plc", { stations: plcs.map(titleOf).join(", ") }), open && t("health.insecure_http")].filter(Boolean);
  if (!words.length) return null;
  return html`<div class="panel wide warned" role="status"><strong>⚠ ${t("health.insecure")}</strong><ul>${words.map((w) => html`<li key=${w}>${w}</li>`)}</ul></div>`;
}

/** What fails now, in words, before any figure. */
function Troubles({ found }) {
  if (!found) return null;
  const { audit, history, controllers } = found;
  const words = [
    audit.broken && t("health.trail_broken", { why: audit.broken }), audit.failing && t("health.trail_failing", { why: audit.failing }),
    audit.anchor_failing && t("health.anchor_failing", { why: audit.anchor_failing }), history?.failing && t("health.history_failing", { why: history.error }),
    ...controllers.filter((c) => c.record).map((c) => t("health.record_failing", { why: c.record })),
  ].filter(Boolean);
  if (!words.length) return null;
  return html`<div class="panel wide warned" role="alert"><strong>⊘ ${t("health.troubles")}</strong><ul>${words.map((w) => html`<li key=${w}>${w}</li>`)}</ul></div>`;
}

const titleOf = (name) => said(stations().find((s) => s.name === name)?.title ?? name);

/** One row a station; what is live here comes by the socket, not by asking. */
function Stations({ found }) {
  const heads = ["station", "heard", "plc", "heartbeat", "round_trip", "losses", "refused", "late", "took", "left_out", "protocol"];
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("health.stations")}><table class="grid health-table">
    <thead><tr>${heads.map((h) => html`<th scope="col" key=${h}>${t(`health.${h}`)}</th>`)}</tr></thead>
    <tbody>${stations().map((s) => html`<${Station} key=${s.name} station=${s} row=${found?.stations[s.name]} />`)}</tbody></table></div>
    <p class="note">${t("health.scan_words")}</p>`;
}

function Station({ station, row }) {
  const p = station.prefix, tags = [`${p}.LINK.UP`, `${p}.LINK.AGE`, `${p}.LINK.LOSSES`, `${p}.LINK.REFUSED`, `${p}.SCAN.OVERRUNS`, `${p}.LINK.RTT`, `${p}.LINK.RTTMAX`];
  useWatch(tags);
  const up = cell(tags[0]).now.value;
  const heard = link.value === "live" && !frozen.value.has(station.name) && row?.heard !== false;
  const there = up.state === "good" || up.state === "uncertain";
  return html`<tr data-station=${station.name}><th scope="row"><a class="nav-link" href=${`/station/${station.name}`}>${said(station.title)}</a></th>
    <td><${Lamp} ok=${heard} />${row?.heard_age_s != null && html` <span class="note">${numberText(row.heard_age_s, 1)} s</span>`}</td>
    <td class="plc"><${Lamp} ok=${heard && there && up.value === 1} /></td>
    <td><${Value} tag=${tags[1]} digits=${1} /></td><td class="round-trip"><${Value} tag=${tags[5]} digits=${1} /> / <${Value} tag=${tags[6]} digits=${1} /></td><td><${Value} tag=${tags[2]} digits=${0} /></td><td><${Value} tag=${tags[3]} digits=${0} /></td>
    <${Scans} prefix=${p} /><td><${Value} tag=${tags[4]} digits=${0} /></td>
    <td>${row ? `${row.protocol} · ${numberText(row.period_s * 1000, 0)} ms` : ""}</td></tr>`;
}

/** By shape and word, in no colour. */
export function Lamp({ ok }) {
  return html`<span class=${ok ? "lamp ok" : "lamp"}><span aria-hidden="true">${ok ? "●" : "○"}</span> ${t(ok ? "lamp.ok" : "lamp.lost")}</span>`;
}

function Scans({ prefix }) {
  const scans = useMemo(() => countScans(prefix), [prefix]);
  useEffect(() => scans.end, [scans]);
  const { late, took } = scans.spreads.value;
  return html`<td><${Spread} of=${late} /></td><td><${Spread} of=${took} /></td>`;
}

function Spread({ of }) {
  if (!of) return html`<span class="note">${t("health.counting")}</span>`;
  return html`<span class="scan-spread">${["p50", "p99", "max"].map((name) => numberText(of[name], 1)).join(" / ")} <small>ms</small></span>`;
}
