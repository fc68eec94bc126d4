// Level 4, for administrators: who may do what, who is logged in, and tokens of scripts.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { get, LONG_MS, post, put, session } from "../api.js";
import { Answer, AsOf, Needs, useAsked } from "../elements/asked.js";
import { Confirm } from "../elements/confirm.js";
import { asAdministrator, NewPassword, RoleBoxes, useNewPassword } from "../elements/people.js";
import { ShownOnce } from "../elements/secret.js";
import { t } from "../i18n.js";
import { dayOf } from "../moments.js";
import { named } from "../router.js";
import { Sessions } from "./sessions.js";
import { Tokens } from "./tokens.js";

const VIEWS = { people: People, sessions: Sessions, tokens: Tokens };

export default function UserScreen() {
  const view = named(VIEWS, "view", "people");
  return html`<h1 class="unseen">${t("screen.users")}</h1><${Needs} permission="administer"><div class="users panel">
    <nav class="tabs" aria-label=${t("screen.users")}>${Object.keys(VIEWS).map((name) => html`<a key=${name} href=${`/users?view=${name}`} aria-current=${name === view ? "page" : undefined}>${t(`users.view.${name}`)}</a>`)}</nav>
    <${VIEWS[view]} key=${view} /></div><//>`;
}

function People() {
  const asked = useAsked("/users", (signal) => get("/users", {}, { signal, deadline: LONG_MS }));
  const adding = useSignal(false), told = useSignal(""), made = useSignal(/** @type {any} */ (null));
  const done = (words, code = null) => {
    told.value = words;
    made.value = code ?? made.value; // one that nobody has kept yet stays
    adding.value = false;
    asked.again();
  };
  return html`<div class="tools"><button type="button" class="act" aria-expanded=${adding.value} onClick=${() => { adding.value = !adding.value; }}>${t("users.add")}</button>
      <span role="status" class="done-words">${told.value}</span><${AsOf} asked=${asked} /></div>
    ${made.value && html`<${ShownOnce} title=${t("users.reset_code")} words=${t("users.reset_words", made.value)} secret=${made.value.code} onClose=${() => { made.value = null; }} />`}
    ${adding.value && html`<${NewUser} onDone=${done} onCancel=${() => { adding.value = false; }} />`}
    <${Answer} asked=${asked}>${({ users }) => html`<div class="scroll" tabindex="0" role="region" aria-label=${t("users.view.people")}><table class="grid users-table">
      <thead><tr>${["name", "display", "roles", "factor", "state", "made"].map((h) => html`<th scope="col" key=${h}>${t(`users.${h}`)}</th>`)}<th scope="col"><span class="unseen">${t("alarm.actions")}</span></th></tr></thead>
      <tbody>${users.map((user) => html`<${Row} key=${user.name} user=${user} onDone=${done} />`)}</tbody></table></div>`}<//>`;
}

const rolesText = (roles) => roles.map((r) => t(`role.${r}`)).join(", ");

function Row({ user, onDone }) {
  const open = useSignal(false), own = user.name === session.value?.user;
  return html`<tr data-user=${user.name}><th scope="row"><span class="tag">${user.name}</span>${own && html` <span class="note">${t("users.you")}</span>`}</th><td class="words">${user.display}</td><td>${rolesText(user.roles)}</td>
    <td>${t(user.second_factor ? "users.has_factor" : "users.no_factor")}</td><td>${user.active ? t("users.active") : html`<strong>⊘ ${t("users.disabled")}</strong>`}</td><td>${dayOf(user.made)}</td>
    <td class="row-actions"><button type="button" class="act small" aria-expanded=${open.value} aria-label=${t("users.change_of", { name: user.name })} onClick=${() => { open.value = !open.value; }}>${t("users.change")}</button></td></tr>
    ${open.value && html`<tr class="response"><td colspan="7"><${Change} user=${user} onDone=${(words, code) => {
      open.value = false;
      onDone(words, code);
    }} /></td></tr>`}`;
}

/** Which change, its fields, then reason and password. */
function Change({ user, onDone }) {
  const chosen = useSignal("");
  const leave = () => { chosen.value = ""; };
  const own = user.name === session.value?.user; // who makes a code for himself would lock himself out
  const offered = ["roles", user.active && !own && "reset", "password", user.second_factor && "remove-factor", user.active ? "disable" : "enable"].filter(Boolean);
  if (!chosen.value) return html`<div class="buttons">${offered.map((what) => html`<button type="button" class="act" key=${what} onClick=${() => { chosen.value = what; }}>${t(`users.do.${what}`)}</button>`)}</div>`;
  const path = `/users/${encodeURIComponent(user.name)}/${chosen.value}`;
  const finish = (found) => onDone(t(`users.done.${chosen.value}`, { name: user.name }), found?.code ? { code: found.code, name: user.name, minutes: Math.round(found.good_for_s / 60) } : null);
  if (chosen.value === "roles") return html`<${RolesForm} user=${user} path=${path} onDone=${finish} onCancel=${leave} />`;
  if (chosen.value === "password") return html`<${PasswordForm} user=${user} path=${path} onDone=${finish} onCancel=${leave} />`;
  return html`<${Confirm} words=${t(`users.ask.${chosen.value}`, { name: user.name })} reason password run=${(proof) => asAdministrator(post, path, {}, proof)} onDone=${finish} onCancel=${leave} />`;
}

function RolesForm({ user, path, onDone, onCancel }) {
  const roles = useSignal(user.roles);
  const same = rolesText(roles.value) === rolesText(user.roles);
  return html`<div class="sub-form"><${RoleBoxes} roles=${roles} />
    ${!same && roles.value.length > 0 ? html`<${Confirm} words=${`${user.name}: ${rolesText(user.roles)} → ${rolesText(roles.value)}`} reason password run=${(proof) => asAdministrator(put, path, { roles: roles.value }, proof)} onDone=${onDone} onCancel=${onCancel} />`
      : html`<p class="note">${t(roles.value.length ? "users.other_roles" : "users.one_role")}</p><button type="button" class="act" onClick=${onCancel}>${t("change.cancel")}</button>`}</div>`;
}

function PasswordForm({ user, path, onDone, onCancel }) {
  const password = useNewPassword();
  return html`<div class="sub-form"><${NewPassword} of=${password} />
    ${password.value ? html`<${Confirm} words=${t("users.ask.password", { name: user.name })} reason password run=${(proof) => asAdministrator(put, path, { password: password.value }, proof)} onDone=${onDone} onCancel=${onCancel} />`
      : html`<button type="button" class="act" onClick=${onCancel}>${t("change.cancel")}</button>`}</div>`;
}

function NewUser({ onDone, onCancel }) {
  const name = useSignal(""), display = useSignal(""), roles = useSignal(["operator"]), password = useNewPassword();
  const user = name.value.trim();
  const ready = user && roles.value.length && password.value;
  const run = (proof) => asAdministrator(post, "/users", { name: user, display: display.value.trim(), roles: roles.value, password: password.value }, proof);
  return html`<section class="sub-form new-user" aria-label=${t("users.add")}>
    <label class="field">${t("users.name")} <input name="new-name" autocomplete="off" maxlength="32" value=${name.value} onInput=${(e) => { name.value = e.currentTarget.value; }} /></label>
    <label class="field">${t("users.display")} <input name="new-display" autocomplete="off" maxlength="80" value=${display.value} onInput=${(e) => { display.value = e.currentTarget.value; }} /></label>
    <p class="note">${t("users.name_words")}</p><${RoleBoxes} roles=${roles} /><${NewPassword} of=${password} />
    ${ready ? html`<${Confirm} words=${t("users.ask.add", { name: user, roles: rolesText(roles.value) })} reason password run=${run} onDone=${() => onDone(t("users.done.add", { name: user }))} onCancel=${onCancel} />`
      : html`<p class="note">${t("users.not_ready")}</p><button type="button" class="act" onClick=${onCancel}>${t("change.cancel")}</button>`}</section>`;
}
