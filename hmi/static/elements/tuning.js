// Gains of a loop: what they are, what others would do on the simulated plant, and applying them in
// two steps. For engineers; everybody else reads.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { get, may } from "../api.js";
import { typedNumber, unitText } from "../format.js";
import { said, t } from "../i18n.js";
import { link, locked, procedures } from "../live.js";
import { gainsText, shownGain, tuningWords } from "../gains.js";
import { TwoStep, useChange } from "./twostep.js";
import { Preview } from "./tuning_preview.js";

const FIELDS = ["kc", "ti_s", "td_s"];
const ASK_MS = 3000;

/** Present gains as the controller said them last; null before it did. */
function useGains(name) {
  const now = useSignal(/** @type {any} */ (null));
  useEffect(() => {
    const over = new AbortController();
    const ask = () => get(`/loops/${encodeURIComponent(name)}`, {}, { signal: over.signal })
      .then((found) => { now.value = found; })
      .catch(() => null); // what is typed stays; a proposal says the gains that are changed
    ask();
    const timer = setInterval(ask, ASK_MS);
    return () => {
      clearInterval(timer);
      over.abort();
    };
  }, [name]);
  return now.value;
}

/** point: a loop as `loopsOf` gives it. */
export function Tuning({ point }) {
  const now = useGains(point.name);
  const open = useSignal(false);
  return html`<details class="tuning" open=${open.value} onToggle=${(e) => { open.value = e.currentTarget.open; }}><summary>${t("tuning.title")}${now && html` <small>${shownGains(now, point)}</small>`}</summary>
    ${open.value && html`<${Inside} point=${point} now=${now} />`}</details>`;
}

const shownGains = (now, point) => `Kc ${shownGain(now.kc)} ${unitOf(point)} · Ti ${shownGain(now.ti_s)} s · Td ${shownGain(now.td_s)} s`;
const unitOf = (point) => `${unitText(point.outUnit) || "1"}/${unitText(point.setting.unit) || "1"}`;

function Inside({ point, now }) {
  if (!now || now.kc === undefined || now.kc === null) return html`<p class="note">${t("tuning.unknown")}</p>`;
  if (point.gainsFollow) return html`<p class="note">${t("tuning.follow", { what: said(point.gainsFollow) })}</p>`;
  if (!may("tune")) return html`<p class="note">${t("tuning.engineers")}</p>`;
  return html`<${Entry} point=${point} now=${now} />`;
}

function Entry({ point, now }) {
  const typed = useSignal({}), why = useSignal("");
  const change = useChange();
  const { step, proposal } = change.at.value;
  const text = (field) => typed.value[field] ?? shownGain(now[field]);
  const values = Object.fromEntries(FIELDS.map((f) => [f, typed.value[f] === undefined ? now[f] : typedNumber(typed.value[f])]));
  const wrong = FIELDS.filter((f) => !fits(f, values[f]));
  const same = FIELDS.every((f) => values[f] === now[f]);
  const dead = link.value !== "live" || locked.value || wrong.length > 0 || same || !why.value.trim();
  const enter = (event) => {
    event.preventDefault();
    if (!dead) change.propose(point.station.name, { verb: "TUNE", target: point.name, value: gainsText(values), reason: why.value.trim() });
  };
  if (step !== "idle") return html`<${TwoStep} change=${change} words=${proposal && tuningWords(now, values)} />`;
  return html`<form class="gains" onSubmit=${enter} autocomplete="off">
      ${FIELDS.map((f) => html`<label class="field" key=${f}>${t(`tuning.${f}`)} <small>${f === "kc" ? unitOf(point) : "s"}</small>
        <input name=${f} inputmode="decimal" value=${text(f)} aria-invalid=${wrong.includes(f)} onInput=${(e) => { typed.value = { ...typed.value, [f]: e.currentTarget.value }; }} /></label>`)}
      <label class="field wide">${t("change.reason")} <input name="why" value=${why.value} maxlength="2000" onInput=${(e) => { why.value = e.currentTarget.value; }} /></label>
      ${wrong.length > 0 && html`<p class="hint wide" role="status">${t("tuning.wrong")}</p>`}
      <div class="buttons wide"><button type="submit" class="act" disabled=${dead}>${t("change.change")}</button></div>
      ${dead && !wrong.length && html`<p class="note wide">${t(same ? "tuning.same" : "tuning.say_why")}</p>`}</form>
    <${Preview} point=${point} now=${now} values=${wrong.length || same ? null : values} recipe=${recipeOf(point)} />`;
}

/** Ti 0 is without integral action, Td 0 without derivative. */
const fits = (field, value) => value !== null && (field === "kc" ? value > 0 && value <= 1e9 : value >= 0 && value <= 1e6);

/** What the station follows now, else what its next START takes. */
function recipeOf(point) {
  const now = procedures.value.get(point.station.name);
  const recipe = (now?.current ?? now?.requested)?.recipe ?? "built-in";
  return recipe.slice(recipe.indexOf("/") + 1);
}
