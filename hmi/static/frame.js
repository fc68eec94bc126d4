// The frame that every screen has: stations with their worst alarm, pages, the newest alarm that
// asks, three lamps, user, time. When the picture is old the whole head says so; nothing moves.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useErrorBoundary, useRef } from "preact/hooks";
import { logout, session } from "./api.js";
import { Again } from "./elements/again.js";
import { ranked, standing } from "./elements/alarms.js";
import { FaceplateDock } from "./elements/faceplate.js";
import { HornButton } from "./elements/horn_button.js";
import { helpOpen, KeyHelp } from "./elements/key_help.js";
import { AlarmSymbol, ASIDE, worst } from "./elements/symbol.js";
import { openProposals } from "./elements/twostep.js";
import { clockText, dateText } from "./format.js";
import { LANGUAGES, language, ofAlarm, problemText, speak, t } from "./i18n.js";
import { kiosk } from "./kiosk.js";
import { leaves } from "./leaving.js";
import { ageS, alarms, cell, floods, frozen, link, outdated, serverT, unacknowledged } from "./live.js";
import { stations } from "./plant.js";
import { openFaceplate, route } from "./router.js";
import { pages, place } from "./screens/index.js";
import { choose, chosen } from "./theme.js";
import { shortTitle } from "./titles.js";

const ofStation = (found, name) => [...found.values()].filter((a) => a.station === name);

/** Head, the screen, and what lies over it. */
export function Frame({ screen, params }) {
  const { path } = route.value, main = useRef(/** @type {any} */ (null)), shown = useRef(path);
  useEffect(() => { // another screen begins at its top, and keys go on from there
    if (shown.current === path) return;
    shown.current = path;
    main.current.scrollTop = 0;
    if (document.activeElement === document.body) main.current.focus();
  }, [path]);
  return html`<${Head} /><${Again} />
    <main id="screen" tabindex="-1" ref=${main}><${Guarded} part=${screen} params=${params} key=${path} /></main><${Guarded} part=${FaceplateDock} cls="faceplate" key=${route.value.query.get("fp")} /><${KeyHelp} />`;
}

/** A part that fails takes nothing else with it: head, alarms and the other part stay alive. */
function Guarded({ part: Part, params, cls = "panel" }) {
  const [failure, again] = useErrorBoundary((error) => console.error(error));
  if (!failure) return html`<${Part} ...${params} />`;
  return html`<div class=${cls} role="alert"><p>${t("screen.failed", { why: String(failure.message ?? failure) })}</p><button type="button" class="act" onClick=${again}>${t("asked.again")}</button></div>`;
}

function Head() {
  const old = link.value !== "live";
  return html`<header class=${old ? "head old" : "head"}>
    <div class="top"><a class="brand" href="/">Dryline</a>
      <nav class="stations" aria-label=${t("frame.stations")}><${Tab} href="/" words=${t("frame.line")} number="1" />
        ${stationTabs()}</nav>
      <${Lamps} /><${HornButton} />${!kiosk.value && html`<${UserMenu} />`}<${Clock} /></div>
    <div class="second">${!kiosk.value && html`<nav class="pages" aria-label=${t("frame.pages")}>${pages.value.map((p) => html`<a key=${p.path} href=${p.path} aria-current=${place.value?.id === p.id ? "page" : undefined}>${t(p.title)}</a>`)}</nav>`}
      <${Banner} /></div></header>`;
}

function stationTabs() {
  return stations().map((s, k) => html`<${Tab} key=${s.name} href=${`/station/${s.name}`} words=${shortTitle(s)} number=${k + 2} alarm=${worst(ofStation(alarms.value, s.name))} silent=${silent(s)} />`);
}

const silent = (s) => frozen.value.has(s.name) || linkDown(s);
const linkDown = (s) => {
  const { value, state } = cell(`${s.prefix}.LINK.UP`).now.value;
  return state === "bad" || (state === "good" && value === 0);
};

function Tab({ href, words, number, alarm, silent: dead }) {
  const here = route.value.path === href;
  return html`<a class="tab" href=${href} aria-current=${here ? "page" : undefined} data-key=${number}>
    <span>${words}</span>${alarm && html`<${AlarmSymbol} priority=${alarm.priority} asks=${alarm.asks} />`}
    ${dead && html`<span class="mark" title=${t("frame.silent")}>⊘</span>`}</a>`;
}

/** What asks most, or how old the picture is. */
function Banner() {
  if (link.value !== "live") {
    const words = link.value === "connecting" ? t("frame.connecting") : t("frame.no_connection", { seconds: ageS.value });
    return html`<p class="banner old" role="status">⚠ ${words}</p>`;
  }
  const stopped = stations().filter((s) => frozen.value.has(s.name)).map(shortTitle);
  const down = stations().filter((s) => !frozen.value.has(s.name) && linkDown(s)).map(shortTitle);
  const flood = floods.value[0];
  const asking = ranked(standing(alarms.value)).filter((a) => a.asks);
  const [first] = asking;
  const aside = [...alarms.value.values()].filter((a) => ASIDE.includes(a.state)).length;
  return html`<div class="banner">
    ${outdated.value && html`<button type="button" class="notice" disabled=${openProposals.value > 0} onClick=${() => location.reload()}>${t(openProposals.value > 0 ? "frame.reload_later" : "frame.reload")}</button>`}
    ${stopped.length > 0 && html`<strong class="mark-words">⊘ ${t("frame.controller_silent", { stations: stopped.join(", ") })}</strong>`}
    ${down.length > 0 && html`<strong class="mark-words">⊘ ${t("frame.plc_silent", { stations: down.join(", ") })}</strong>`}
    ${flood && html`<strong class="mark-words" title=${t("alarm.flood", { count: flood.count })}>${t("frame.flood", { count: flood.count })}</strong>`}
    ${first && html`<button type="button" class="newest" role=${first.priority === 1 ? "alert" : undefined} onClick=${() => openFaceplate(first.tag)}>
      <${AlarmSymbol} priority=${first.priority} asks /><span class="tag">${first.tag}</span> <span class="words">${ofAlarm(first, "text")}</span></button>`}
    <a class="counts" href="/alarms">${t("frame.unacknowledged", { count: unacknowledged.value.reduce((a, b) => a + b, 0) })}
      ${aside > 0 && html` · ${t("frame.aside", { count: aside })}`}</a></div>`;
}

/** Three links, three lamps: browser-server, server-controller, controller-PLC. */
function Lamps() {
  const found = stations();
  const browser = link.value === "live";
  const scans = found.map((s) => cell(`${s.prefix}.SCAN.COUNT`).now.value.state);
  const controller = browser && !frozen.value.size && scans.length > 0 && scans.every((s) => s === "good");
  const plc = controller && found.every((s) => !linkDown(s));
  const lamp = (name, ok) => html`<li class=${ok ? "lamp ok" : "lamp"}><span aria-hidden="true">${ok ? "●" : "○"}</span> ${t(`lamp.${name}`)}<span class="unseen"> ${t(ok ? "lamp.ok" : "lamp.lost")}</span></li>`;
  return html`<div class="lamps" role="status" data-live=${browser ? "1" : "0"}><ul aria-label=${t("lamp.label")}>
    ${lamp("server", browser)}${lamp("controller", controller)}${lamp("plc", plc)}</ul></div>`;
}

function Clock() {
  const ms = serverT.value;
  return html`<time class="clock" title=${ms ? dateText(ms) : ""}>${ms ? clockText(ms) : "–"}</time>`;
}

function UserMenu() {
  const open = useSignal(false), told = useSignal("");
  const user = session.value, place = useRef(/** @type {any} */ (null));
  useEffect(() => { // a tap beside it shuts it: nothing stays hidden behind it
    if (!open.value) return undefined;
    const shut = (event) => { if (!place.current?.contains(event.target)) open.value = false; };
    addEventListener("pointerdown", shut);
    return () => removeEventListener("pointerdown", shut);
  }, [open.value]);
  if (!user) return null;
  const leave = () => logout().catch((error) => { told.value = problemText(error); });
  const change = (code) => speak(code).catch(() => { told.value = t("menu.no_language"); });
  const onKey = (event) => {
    if (!leaves(event) || !open.value) return;
    open.value = false;
    event.preventDefault();
  };
  return html`<div class="user" onKeyDown=${onKey} ref=${place}>
    <button type="button" class="user-button" aria-expanded=${open.value} onClick=${() => { open.value = !open.value; }}>${user.display || user.user}</button>
    ${open.value && html`<div class="menu"><p><strong>${user.display || user.user}</strong><br />${user.roles.map((r) => t(`role.${r}`)).join(", ")}</p>
      <fieldset><legend>${t("menu.language")}</legend>${Object.entries(LANGUAGES).map(([code, words]) => html`
        <button type="button" key=${code} lang=${code} aria-pressed=${language.value === code} onClick=${() => change(code)}>${words}</button>`)}</fieldset>
      <fieldset><legend>${t("menu.theme")}</legend>${["system", "light", "dark"].map((name) => html`
        <button type="button" key=${name} aria-pressed=${chosen.value === name} onClick=${() => choose(name)}>${t(`theme.${name}`)}</button>`)}</fieldset>
      <button type="button" class="act quiet" onClick=${() => { open.value = false; helpOpen.value = true; }}>${t("keys.title")} (?)</button>
      <a class="nav-link" href="/account" onClick=${() => { open.value = false; }}>${t("screen.account")}</a>
      <button type="button" class="act" onClick=${leave}>${t("menu.log_out")}</button>
      ${told.value && html`<p role="alert">${told.value}</p>`}</div>`}</div>`;
}
