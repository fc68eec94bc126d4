// Tokens of scripts: what each may do, until when, and its secret, once.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { get, LONG_MS, post, session } from "../api.js";
import { Answer, AsOf, useAsked } from "../elements/asked.js";
import { asAdministrator } from "../elements/people.js";
import { Confirm } from "../elements/confirm.js";
import { ShownOnce } from "../elements/secret.js";
import { said, t } from "../i18n.js";
import { dayOf, momentOf } from "../moments.js";
import { stations } from "../plant.js";
import { serverT } from "../live.js";

// What asks for a person with his password is nothing for a script.
const PERMISSIONS = ["view", "rest", "operate", "acknowledge", "shelve", "trim", "tune", "draft", "export", "read_audit"];
const DAYS = [7, 30, 90, 366];
const ENDED = "ended";

export function Tokens() {
  const asked = useAsked("/tokens", (signal) => get("/tokens", {}, { signal, deadline: LONG_MS }));
  const making = useSignal(false), made = useSignal(/** @type {any} */ (null)), told = useSignal("");
  const done = (found) => {
    made.value = found;
    making.value = false;
    asked.again();
  };
  const ended = (token) => {
    told.value = t("tokens.ended_now", { label: token.label });
    asked.again();
  };
  return html`<div class="tools"><button type="button" class="act" aria-expanded=${making.value} onClick=${() => { making.value = !making.value; }}>${t("tokens.make")}</button>
      <span role="status" class="done-words">${told.value}</span><${AsOf} asked=${asked} /></div>
    ${made.value && html`<${ShownOnce} title=${t("tokens.secret")} words=${t("tokens.secret_words", { label: made.value.label })} secret=${made.value.secret} onClose=${() => { made.value = null; }} />`}
    ${making.value && html`<${NewToken} onDone=${done} onCancel=${() => { making.value = false; }} />`}
    <${Answer} asked=${asked}>${({ tokens }) => html`<div class="scroll" tabindex="0" role="region" aria-label=${t("users.view.tokens")}><table class="grid tokens-table">
      <thead><tr>${["label", "owner", "may", "where", "expires", "used", "state"].map((h) => html`<th scope="col" key=${h}>${t(`tokens.${h}`)}</th>`)}<th scope="col"><span class="unseen">${t("alarm.actions")}</span></th></tr></thead>
      <tbody>${tokens.map((token) => html`<${Row} key=${token.id} token=${token} onEnded=${ended} />`)}</tbody></table>${!tokens.length && html`<p class="empty">${t("tokens.none")}</p>`}</div>`}<//>`;
}

function stateOf(token) {
  if (token.ended) return ENDED;
  return Date.parse(token.expires) < serverT.value ? "over" : "good";
}

function Row({ token, onEnded }) {
  const open = useSignal(false), state = stateOf(token);
  const places = [token.stations?.map((name) => said(stations().find((s) => s.name === name)?.title ?? name)).join(", ") ?? t("tokens.all_stations"), token.address].filter(Boolean).join(" · ");
  return html`<tr data-token=${token.label}><th scope="row" class="words">${token.label} <span class="note">${token.id}</span></th><td>${token.owner}</td><td>${token.permissions.map((p) => t(`permission.${p}`)).join(", ")}</td><td>${places}</td>
    <td>${dayOf(token.expires)}</td><td>${token.used ? momentOf(token.used) : t("tokens.never")}</td><td>${state === "good" ? t("tokens.state.good") : html`<strong>⊘ ${t(`tokens.state.${state}`)}</strong>`}</td>
    <td class="row-actions">${state !== ENDED && html`<button type="button" class="act small" aria-expanded=${open.value} onClick=${() => { open.value = !open.value; }}>${t("tokens.end")}</button>`}</td></tr>
    ${open.value && html`<tr class="response"><td colspan="8"><${Confirm} words=${t("tokens.ask_end", { label: token.label })} reason password run=${(proof) => asAdministrator(post, `/tokens/${token.id}/end`, {}, proof)}
      onDone=${() => {
        open.value = false;
        onEnded(token);
      }} onCancel=${() => { open.value = false; }} /></td></tr>`}`;
}

function NewToken({ onDone, onCancel }) {
  const label = useSignal(""), owner = useSignal(session.value?.user ?? ""), days = useSignal(90), address = useSignal("");
  const permissions = useSignal(["view"]), some = useSignal(/** @type {string[]} */ ([]));
  const people = useAsked("/users", (signal) => get("/users", {}, { signal, deadline: LONG_MS }));
  const ready = label.value.trim() && owner.value && permissions.value.length;
  const body = () => ({ owner: owner.value, label: label.value.trim(), permissions: permissions.value, stations: some.value.length ? some.value : null, address: address.value.trim(), days: days.value });
  const set = (of) => (event) => { of.value = event.currentTarget.value; };
  return html`<section class="sub-form new-token" aria-label=${t("tokens.make")}>
    <label class="field">${t("tokens.label")} <input name="new-label" maxlength="40" value=${label.value} onInput=${set(label)} /></label>
    <label class="field">${t("tokens.owner")} <select value=${owner.value} onChange=${set(owner)}>${(people.found?.users ?? []).filter((u) => u.active).map((u) => html`<option value=${u.name}>${u.name}</option>`)}</select></label>
    <label class="field">${t("tokens.days")} <select value=${days.value} onChange=${(e) => { days.value = Number(e.currentTarget.value); }}>${DAYS.map((d) => html`<option value=${d}>${t("tokens.for_days", { days: d })}</option>`)}</select></label>
    <label class="field">${t("tokens.address")} <input maxlength="60" value=${address.value} onInput=${set(address)} /></label>
    <${Boxes} words=${t("tokens.may")} all=${PERMISSIONS.map((p) => [p, t(`permission.${p}`)])} chosen=${permissions} />
    <${Boxes} words=${t("tokens.only_stations")} all=${stations().map((s) => [s.name, said(s.title)])} chosen=${some} />
    <p class="note">${t("tokens.about")}</p>
    ${ready ? html`<${Confirm} words=${t("tokens.ask_make", { label: label.value.trim(), owner: owner.value, days: days.value })} reason password run=${(proof) => asAdministrator(post, "/tokens", body(), proof)} onDone=${onDone} onCancel=${onCancel} />`
      : html`<button type="button" class="act" onClick=${onCancel}>${t("change.cancel")}</button>`}</section>`;
}

function Boxes({ words, all, chosen }) {
  const toggle = (name) => () => { chosen.value = all.map(([n]) => n).filter((n) => (n === name) !== chosen.value.includes(n)); };
  return html`<fieldset class="boxes short"><legend>${words}</legend>${all.map(([name, text]) => html`<label class="tick-box" key=${name}><input type="checkbox" checked=${chosen.value.includes(name)} onChange=${toggle(name)} /> ${text}</label>`)}</fieldset>`;
}
