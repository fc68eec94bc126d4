// Who is logged in, from where, with how many windows; and ending that.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { get, LONG_MS, post } from "../api.js";
import { Answer, AsOf, useAsked } from "../elements/asked.js";
import { asAdministrator } from "../elements/people.js";
import { Confirm, ProblemBox } from "../elements/confirm.js";
import { durationText } from "../format.js";
import { t } from "../i18n.js";
import { fresh } from "../live.js";
import { momentOf } from "../moments.js";

const EVERY_MS = 5000;
const HEADS = ["user", "address", "begun", "quiet", "windows", "left", "factor"];

/** Everybody's, for administrators. */
export function Sessions() {
  const asked = useAsked("/sessions", (signal) => get("/sessions", {}, { signal, deadline: LONG_MS }), EVERY_MS);
  const told = useSignal("");
  const done = (one) => {
    told.value = t("sessions.ended", { user: one.user });
    asked.again();
  };
  return html`<div class="tools"><span role="status" class="done-words">${told.value}</span><${AsOf} asked=${asked} /></div>
    <${Answer} asked=${asked}>${({ sessions }) => html`<${Table} sessions=${sessions} end=${(one, leave) => html`<${Confirm} words=${t("sessions.ask", { user: one.user, address: one.address })} reason password
      run=${(proof) => asAdministrator(post, `/sessions/${one.id}/end`, {}, proof)} onDone=${() => done(one)} onCancel=${leave} />`} />`}<//>`;
}

/** Those of who looks at it: ending one needs no password, for it gives nobody anything. */
export function OwnSessions() {
  const asked = useAsked("/session/open", (signal) => get("/session/open", {}, { signal, deadline: LONG_MS }), EVERY_MS);
  const problem = useSignal(/** @type {any} */ (null));
  const end = async (one) => {
    if (!fresh()) return;
    try {
      await post(`/session/open/${one.id}/end`, {}, { deadline: LONG_MS });
      problem.value = null;
    } catch (error) {
      problem.value = error;
    }
    asked.again();
  };
  return html`<${Answer} asked=${asked}>${({ sessions }) => html`<${Table} sessions=${sessions} onEnd=${end} />`}<//><${ProblemBox} problem=${problem.value} />`;
}

function Table({ sessions, end, onEnd }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("users.view.sessions")}><table class="grid sessions-table">
    <thead><tr>${HEADS.map((h) => html`<th scope="col" key=${h}>${t(`sessions.${h}`)}</th>`)}<th scope="col"><span class="unseen">${t("alarm.actions")}</span></th></tr></thead>
    <tbody>${sessions.map((one) => html`<${Row} key=${one.id} one=${one} end=${end} onEnd=${onEnd} />`)}</tbody></table></div>`;
}

function Row({ one, end, onEnd }) {
  const open = useSignal(false);
  const press = () => (onEnd ? onEnd(one) : (open.value = !open.value));
  return html`<tr data-session=${one.user}><th scope="row">${one.user}${one.own && html` <span class="note">${t("sessions.this")}</span>`}</th><td>${one.address}</td><td>${momentOf(one.begun)}</td>
    <td>${durationText(one.quiet_s)}</td><td>${one.windows}</td><td>${durationText(one.left_s)}</td><td>${t(one.strong ? "users.has_factor" : "users.no_factor")}</td>
    <td class="row-actions"><button type="button" class="act small" aria-expanded=${onEnd ? undefined : open.value} onClick=${press}>${t("sessions.end")}</button></td></tr>
    ${open.value && html`<tr class="response"><td colspan="8">${end(one, () => { open.value = false; })}</td></tr>`}`;
}
