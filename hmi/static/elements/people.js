// What the screens about people have in common: changes with the password again, roles, new passwords.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { LONG_MS, withTicket } from "../api.js";
import { t } from "../i18n.js";

export const ROLES = ["viewer", "operator", "engineer", "approver", "administrator"];
const LEAST_LETTERS = 12;

/** A change of users: with the password again, for just this path. */
export async function asAdministrator(method, path, body, { password, code, reason }) {
  const headers = await withTicket(password, "users", path, code);
  return method(path, { ...body, reason }, { headers, deadline: LONG_MS });
}

/** In the order of the roles, so that the same ones always read the same. */
export function RoleBoxes({ roles }) {
  const toggle = (role) => () => { roles.value = ROLES.filter((r) => (r === role) !== roles.value.includes(r)); };
  return html`<fieldset class="boxes"><legend>${t("users.roles")}</legend>${ROLES.map((role) => html`<label class="tick-box" key=${role}><input type="checkbox" checked=${roles.value.includes(role)} onChange=${toggle(role)} /> <span>${t(`role.${role}`)} <small class="note">${t(`role.about.${role}`)}</small></span></label>`)}</fieldset>`;
}

/** A password that is typed twice; "" until both are the same and long enough. */
export function useNewPassword() {
  const first = useSignal(""), again = useSignal("");
  const differs = Boolean(again.value) && first.value !== again.value;
  const ready = first.value.length >= LEAST_LETTERS && first.value === again.value;
  return { first, again, differs, value: ready ? first.value : "" };
}

export function NewPassword({ of }) {
  const field = (value, words) => html`<label class="field">${words} <input type="password" autocomplete="new-password" value=${value.value} onInput=${(e) => { value.value = e.currentTarget.value; }} /></label>`;
  return html`${field(of.first, t("users.new_password"))}${field(of.again, t("entry.password_again"))}
    <p class="note" role="status">${of.differs ? t("problem.twice") : t("users.password_words")}</p>`;
}
