// What other gains would do: the station's recipe on the simulated plant, once with the present gains
// and once with those that are typed. The line does not notice.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { get, may, post, Problem, remove } from "../api.js";
import { extentOf, gainsText, loopRows, shownGain } from "../gains.js";
import { numberText, unitText } from "../format.js";
import { t } from "../i18n.js";
import { Reasons, Sentence } from "./reasons.js";
import { linePath } from "./sparkline.js";
import { ProblemBox } from "./confirm.js";

const ASK_MS = 1000, MINUTES = [10, 30, 120];
const OVER = ["done", "refused", "ended"];

/** Follow a rehearsal until it is over. */
function useRehearsal() {
  const job = useSignal(/** @type {any} */ (null)), told = useSignal(/** @type {any} */ (null));
  const id = job.value?.id, over = job.value && OVER.includes(job.value.state);
  useEffect(() => {
    if (!id || over) return undefined;
    const timer = setInterval(async () => {
      try {
        job.value = await get(`/rehearsals/${id}`);
      } catch (error) {
        if (error.status === 404) told.value = error;
      }
    }, ASK_MS);
    return () => clearInterval(timer);
  }, [id, over]);
  const begin = async (wanted) => {
    told.value = null;
    try {
      job.value = await post("/rehearsals", wanted);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      told.value = error;
    }
  };
  const end = () => remove(`/rehearsals/${id}`).then((found) => { job.value = found; }).catch((error) => { told.value = error; });
  return { job: job.value, told: told.value, begin, end };
}

/** values: typed gains, null while they are none or the present ones; recipe: NAME@VERSION or built-in. */
export function Preview({ point, now, values, recipe }) {
  const minutes = useSignal(MINUTES[1]);
  const { job, told, begin, end } = useRehearsal();
  if (!may("draft")) return null;
  const busy = job && !OVER.includes(job.state);
  const run = () => begin({
    kind: point.station.kind, recipe, minutes: minutes.value,
    tune: `${point.name}=${gainsText(values)}`, present: `${point.name}=${gainsText(now)}`,
  });
  return html`<section class="preview" aria-label=${t("tuning.preview")}><h3>${t("tuning.preview")}</h3><p class="note">${t("tuning.preview_words", { recipe: recipe === "built-in" ? t("recipe.built_in") : recipe })}</p>
    <div class="buttons"><label class="field">${t("tuning.minutes")} <select value=${minutes.value} onChange=${(e) => { minutes.value = Number(e.currentTarget.value); }}>${MINUTES.map((m) => html`<option value=${m} key=${m} selected=${m === minutes.value}>${m} min</option>`)}</select></label>
      ${busy ? html`<button type="button" class="act" onClick=${end}>${t("tuning.end")}</button>` : html`<button type="button" class="act" disabled=${!values} onClick=${run}>${t("tuning.rehearse")}</button>`}</div>
    ${busy && html`<p role="status">${t(job.state === "waiting" ? "tuning.waiting" : "tuning.running", { done: job.done_pct })} <progress max="100" value=${job.done_pct} aria-label=${t("tuning.preview")}></progress></p>`}
    <${ProblemBox} problem=${told} />
    ${job?.state === "refused" && html`<div class="told" role="alert"><p>${t("tuning.refused")}</p><${Reasons} reasons=${job.said} /></div>`}
    ${job?.state === "ended" && html`<p class="note" role="status">${t("tuning.ended")}</p>`}
    ${job?.state === "done" && job.record && html`<${Result} record=${job.record} loop=${point.name} />`}</section>`;
}

function Result({ record, loop }) {
  const rows = loopRows(record, loop);
  const { present, new: next } = record.tuning ?? {};
  if (!rows.length || !next) return html`<p class="note" role="status">${t("tuning.nothing")} ${record.reasons?.[0] ? html`<${Sentence} text=${record.reasons[0]} />` : ""}</p>`;
  return html`<div class="tuning-result"><p class="note">${t("tuning.new_gains", { gains: [next.gains.kc, next.gains.ti_s, next.gains.td_s].map(shownGain).join(" / ") })}</p>
    <${Course} present=${present?.course} next=${next.course} unit=${rows[1].unit} />
    <table class="grid"><thead><tr><th scope="col">${t("tuning.figure")}</th><th scope="col">${t("tuning.present")}</th><th scope="col">${t("tuning.new")}</th></tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${row.key}><th scope="row">${t(`tuning.figure.${row.key}`)} <small>${unitText(row.unit)}${row.times}</small></th><td>${numberText(row.present, 2)}</td><td>${numberText(row.next, 2)}</td></tr>`)}</tbody></table>
    ${record.reasons?.length > 0 && html`<div class="told" role="alert"><p>${t("tuning.went_wrong")}</p><${Reasons} reasons=${record.reasons} /></div>`}</div>`;
}

/** PV under both gains, and the set point: one picture. */
function Course({ present, next, unit }) {
  const box = extentOf([present?.pv, next?.pv, next?.sp]);
  if (!box || !next) return null;
  const line = (course, column) => (course ? linePath(course.time_s, course[column].map((v) => v ?? NaN), 0, next.time_s[next.time_s.length - 1] || 1, ...box) : "");
  return html`<figure class="course"><svg viewBox="0 0 300 40" preserveAspectRatio="none" role="img" aria-label=${t("tuning.course")}>
      <path class="sp" d=${line(next, "sp")} /><path class="present" d=${line(present, "pv")} /><path class="new" d=${line(next, "pv")} /></svg>
    <figcaption><span class="course-key present"></span>${t("tuning.present")} <span class="course-key new"></span>${t("tuning.new")} <span class="course-key sp"></span>${t("faceplate.sp")} · ${numberText(box[0], 2)} … ${numberText(box[1], 2)} ${unitText(unit)}</figcaption></figure>`;
}
