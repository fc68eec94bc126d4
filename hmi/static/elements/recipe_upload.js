// A draft that was written elsewhere: checked by the server first, then brought.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { LONG_MS, post, Problem, put, queryOf } from "../api.js";
import { t } from "../i18n.js";
import { fresh, link, locked } from "../live.js";
import { headerOf, recipePath } from "../recipe_names.js";
import { ProblemBox } from "./confirm.js";
import { Sentence } from "./reasons.js";

const YAML = { "Content-Type": "application/yaml" };

/** onDone({kind, name, version}): it is there; onClose(). */
export function Upload({ onDone, onClose }) {
  const text = useSignal(""), why = useSignal(""), busy = useSignal(false);
  const told = useSignal(/** @type {any} */ (null)), wrong = useSignal(/** @type {any[]|null} */ (null));
  const header = headerOf(text.value);
  const guarded = async (work) => {
    busy.value = true;
    told.value = null;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      told.value = error;
    }
    busy.value = false;
  };
  const choose = async (event) => {
    const [file] = event.currentTarget.files;
    wrong.value = null;
    text.value = file ? await file.text() : "";
    const own = headerOf(text.value);
    if (own) await guarded(async () => { wrong.value = (await post(`${recipePath(own)}/validate`, text.value, { headers: YAML, deadline: LONG_MS })).problems; });
  };
  const submit = (event) => {
    event.preventDefault();
    if (!fresh()) return;
    guarded(async () => {
      await put(`${recipePath(header)}?${queryOf({ reason: why.value.trim() })}`, text.value, { headers: YAML, deadline: LONG_MS });
      onDone(header);
    });
  };
  const ready = header && wrong.value?.length === 0 && why.value.trim() && !busy.value && link.value === "live" && !locked.value;
  return html`<form class="acting" onSubmit=${submit} aria-label=${t("upload.title")}><h3>${t("upload.title")}</h3><p class="note">${t("upload.note")}</p>
    <label class="field">${t("upload.file")}<input type="file" accept=".yaml,.yml" onChange=${choose} /></label>
    ${text.value && !header && html`<p role="alert"><strong>${t("upload.no_header")}</strong></p>`}
    ${header && html`<p>${header.kind} / ${header.name} ${header.version}: ${wrong.value === null ? t("screen.asking") : wrong.value.length ? html`<strong>${t("recipes.problems", { count: wrong.value.length })}</strong>` : t("upload.right")}</p>`}
    ${wrong.value?.length > 0 && html`<ul class="reasons">${wrong.value.map((p, k) => html`<li key=${k}>${t("upload.place", { line: p.line ?? "–", column: p.column ?? "–" })} <span class="tag">${p.field}</span> <${Sentence} text=${p.message} /></li>`)}</ul>`}
    <label class="field">${t("change.reason")}<input class="why" value=${why.value} maxlength="500" onInput=${(e) => { why.value = e.currentTarget.value; }} /></label>
    <${ProblemBox} problem=${told.value} />
    <div class="buttons"><button type="button" class="act" onClick=${onClose}>${t("change.cancel")}</button>
      <button type="submit" class="act execute" disabled=${!ready}>${t("upload.bring")}</button></div></form>`;
}
