// The faceplate: one loop or tag with everything a person needs to judge and to change it. Docked,
// not modal: the display behind it stays alive.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { get, may } from "../api.js";
import { useWatch } from "../bind.js";
import { momentText, numberText, screenDecimals, typedNumber, unitText } from "../format.js";
import { said, t } from "../i18n.js";
import { leaves } from "../leaving.js";
import { alarms, cell, commands, link, locked, serverT } from "../live.js";
import { describe, limitsOf, metaOf, plant } from "../plant.js";
import { openFaceplate, route } from "../router.js";
import { AckButton, AlarmRow, ranked, standing } from "./alarms.js";
import { Bar } from "./indicator.js";
import { Sparkline } from "./sparkline.js";
import { Tuning } from "./tuning.js";
import { shown, TwoStep, useChange } from "./twostep.js";
import { Value } from "./value.js";

const LAST_MS = 5000;

/** The faceplate that the address asks for (?fp=NAME), or nothing. */
export function FaceplateDock() {
  const name = route.value.query.get("fp");
  if (!name) return null;
  const point = describe(name), words = plant.value ? t("faceplate.unknown", { name }) : t("screen.asking");
  return html`<aside class="faceplate" aria-label=${t("faceplate.label", { name })} key=${name}>
    ${point ? html`<${Faceplate} point=${point} />` : html`<${Head} name=${name} title="" /><p class="empty">${words}</p>`}</aside>`;
}

function Head({ name, title, chip }) {
  const close = useRef(/** @type {any} */ (null));
  useEffect(() => {
    const onKey = (event) => leaves(event) && !event.defaultPrevented && !document.querySelector("dialog[open]") && openFaceplate(null);
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  useEffect(() => { // who opened it by a key goes on in it, and afterwards where he was
    const from = document.activeElement;
    if (from?.matches(":focus-visible") && !from.matches("input, select, textarea")) close.current?.focus();
    return () => setTimeout(() => { if (document.activeElement === document.body) from?.focus?.(); }, 0);
  }, []);
  return html`<header><h2><span class="tag">${name}</span> ${title}</h2>${chip}
    <button type="button" class="close" ref=${close} aria-label=${t("faceplate.close")} onClick=${() => openFaceplate(null)}>×</button></header>`;
}

/** point: as `describe` gives it. */
export function Faceplate({ point }) {
  const { name, kind, pv, sp, op, rb, mode, status, out } = point;
  const change = useChange();
  useWatch([pv, sp, rb, mode, status].filter(Boolean));
  const title = kind === "loop" ? said(point.text) : said(metaOf(name)?.tx);
  const scale = metaOf(pv);
  const ofTag = ranked(standing(alarms.value).filter((a) => a.tag === pv || a.tag === name));
  return html`<${Head} name=${name} title=${title} chip=${mode && html`<${ModeChip} mode=${mode} status=${status} />`} />
    <div class="bars">
      ${pv && html`<span class="what">${t("faceplate.pv")}</span><${Bar} tag=${pv} sp=${sp} ...${scaleOf(pv, sp)} /><${Value} tag=${pv} large />`}
      ${sp && html`<span class="what">${t("faceplate.sp")}</span><${Bar} tag=${sp} ...${scaleOf(pv, sp)} /><${Value} tag=${sp} />`}
      ${op && html`<span class="what">${t("faceplate.op")}</span><${Bar} tag=${op} low=${point.outRange?.[0]} high=${point.outRange?.[1]} /><${Value} tag=${op} />`}
      ${rb && html`<span class="what">${t("faceplate.rb")}</span><span class="note">${out ? html`<span class="tag">${out}</span>` : ""}</span><${Value} tag=${rb} />`}
    </div>
    ${pv && html`<${Sparkline} tag=${pv} minutes=${30} label=${t("faceplate.course")} />`}
    <${Entry} point=${point} change=${change} />
    <${LastChange} names=${[sp, name].filter(Boolean)} />
    ${kind === "loop" && html`<${Tuning} point=${point} />`}
    ${ofTag.length > 0 && html`<ul class="alarm-list">${ofTag.map((a) => html`<${AlarmRow} key=${a.id} alarm=${a} />`)}</ul>`}
    ${ofTag.some((a) => a.asks) && html`<div class="buttons"><${AckButton} list=${ofTag} /></div>`}
    <footer>${pv && html`<a class="nav-link" href=${`/trends?pens=${encodeURIComponent([pv, sp].filter(Boolean).join(","))}`}>${t("faceplate.trend")}</a>`}
      <small>${scale ? `${t("faceplate.range")} ${scale.lo} … ${scale.hi} ${unitText(scale.u)}` : ""}${limitWords(pv)}</small></footer>`;
}

/** A scale that both fit on: that of the set point where there is one, for its range is narrower. */
function scaleOf(pv, sp) {
  const of = metaOf(sp) ?? metaOf(pv);
  const margin = of ? (of.hi - of.lo) * 0.1 : 0;
  return of && sp && pv ? { low: Math.max(metaOf(pv)?.lo ?? of.lo, of.lo - margin), high: Math.min(metaOf(pv)?.hi ?? of.hi, of.hi + margin) } : {};
}

function limitWords(pv) {
  const found = Object.entries(limitsOf(pv)), digits = screenDecimals(metaOf(pv));
  return found.length ? ` · ${found.map(([level, value]) => `${level.toUpperCase()} ${numberText(value, digits)}`).join("  ")}` : "";
}

/** Who changed it last, from what to what, and what became of that. */
function LastChange({ names }) {
  const last = useSignal(/** @type {any} */ (null));
  const [target] = names, newest = [...commands.value.keys()].pop() ?? "";
  useEffect(() => {
    const over = new AbortController();
    const ask = () => get("/commands", { target, limit: 1 }, { signal: over.signal })
      .then((found) => { last.value = found.commands[0] ?? null; })
      .catch(() => null); // the faceplate is whole without it
    ask();
    const timer = setInterval(ask, LAST_MS); // others change it, too
    return () => {
      clearInterval(timer);
      over.abort();
    };
  }, [target, newest]);
  if (!last.value) return null;
  const { actor, requested, state, asked_ns: askedNs } = last.value;
  return html`<p class="note last-change">${t("faceplate.last", { who: actor, value: shown(requested, metaOf(target)?.u, target), time: momentText(askedNs / 1e6, serverT.value) })} · ${t(`command.${state}`)}</p>`;
}

function ModeChip({ mode, status }) {
  const now = cell(mode).now.value, how = cell(status).now.value;
  const name = now.meta?.lb?.[now.value] ?? "?", state = how.meta?.lb?.[how.value] ?? "";
  return html`<span class="state at-rest" data-q=${now.state} data-tag=${mode}>${name}</span>
    ${state && state !== "ok" && state !== "manual" && html`<span class="note">${said(state)}</span>`}`;
}

function Entry({ point, change }) {
  const { step } = change.at.value;
  const dead = link.value !== "live" || locked.value || step === "proposing" || step === "executing";
  if (!point.setting && !point.mode) return null;
  if (!may("operate")) return html`<p class="note">${t("faceplate.look_only")}</p>`;
  if (step !== "idle") return html`<${TwoStep} change=${change} words=${change.at.value.proposal && changeWords(change.at.value.proposal)} />`;
  return html`${point.mode && html`<${ModeButtons} point=${point} change=${change} dead=${dead} />`}
    ${point.setting && html`<${NumberEntry} station=${point.station} setting=${point.setting} words=${t("faceplate.new")} change=${change} dead=${dead} />`}
    ${byHand(point) && html`<${NumberEntry} station=${point.station} setting=${point.outSetting} words=${t("faceplate.new_output")} change=${change} dead=${dead} />`}`;
}

/** In manual the output is set by a person. */
function byHand({ mode, outSetting }) {
  if (!mode || !outSetting || !may("trim")) return false;
  const { value, meta, state } = cell(mode).now.value;
  return state === "good" && meta?.lb?.[value] === "MAN";
}

function changeWords(proposal) {
  return proposal.verb === "SET" ? undefined : `${proposal.target}: ${proposal.from ?? "?"} → ${proposal.to} ?`;
}

function ModeButtons({ point, change, dead }) {
  const now = cell(point.mode).now.value;
  const present = now.meta?.lb?.[now.value];
  return html`<div class="modes" role="group" aria-label=${t("faceplate.mode")}>${point.modes.map((m) => html`
    <button type="button" key=${m} class="act" aria-pressed=${m === present} disabled=${dead || m === present}
      onClick=${() => change.propose(point.station.name, { verb: "MODE", target: point.name, value: m })}>${m}</button>`)}</div>`;
}

const within = (value, [low, high]) => value >= low && value <= high;

/** setting: as `settingOf` gives it. Beyond the limits of operators an engineer says why. */
function NumberEntry({ station, setting, words, change, dead }) {
  const typed = useSignal(""), asked = useSignal(false), why = useSignal("");
  const { tag, range, unit, labels = [] } = setting;
  const engineer = may("tune");
  const allowed = setting.operator && !engineer ? setting.operator : range;
  const read = (text) => (labels.length ? Number(text || NaN) : typedNumber(text));
  const inside = (value) => value !== null && Number.isFinite(value) && within(value, allowed);
  const beyond = (value) => Boolean(setting.operator) && inside(value) && !within(value, setting.operator);
  const enter = (event) => {
    event.preventDefault();
    const value = read(new FormData(event.currentTarget).get("value"));
    asked.value = true;
    if (!inside(value) || dead || (beyond(value) && !why.value.trim())) return;
    change.propose(station.name, { verb: "SET", target: tag, value, reason: why.value.trim() });
  };
  const type = (event) => {
    typed.value = event.currentTarget.value;
    asked.value = false;
  };
  const id = `new-${tag}`, shown = `${allowed.map((limit) => String(Number(limit.toPrecision(6)))).join(" … ")} ${unitText(unit)}`;
  const value = read(typed.value), wrong = !inside(value) && (asked.value || typed.value !== "");
  return html`<form class="entry" onSubmit=${enter} autocomplete="off">
    <label for=${id}>${words} <small>${shown}</small></label>
    ${labels.length ? html`<select id=${id} name="value" value=${typed.value} onChange=${type}><option value=""></option>
        ${labels.map((l, k) => html`<option value=${k}>${said(l)}</option>`)}</select>`
      : html`<input id=${id} name="value" inputmode="decimal" value=${typed.value} disabled=${link.value !== "live"} aria-invalid=${wrong} onInput=${type} />`}
    <button type="submit" class="act" disabled=${dead}>${t("change.change")}</button>
    ${beyond(value) && html`<label class="field">${t("faceplate.beyond")} <input value=${why.value} onInput=${(e) => { why.value = e.currentTarget.value; }} /></label>`}
    ${wrong && html`<p class="hint" role="status">${t(Number.isFinite(value) ? "faceplate.outside" : "faceplate.no_number", { range: shown })}</p>`}
  </form>`;
}
