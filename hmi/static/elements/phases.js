// The phases of the recipe a station follows, where it is, and how much time is left of this one.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { get, LONG_MS } from "../api.js";
import { durationText, fraction } from "../format.js";
import { problemText, said, t } from "../i18n.js";
import { pictureOf, serverT } from "../live.js";

const AGAIN_MS = 5000;

/** station: of the plant; now: what it says of itself. */
export function Phases({ station, now }) {
  const found = useSignal(/** @type {any} */ (null)), told = useSignal("");
  const key = [station.name, now?.current?.recipe, now?.requested?.recipe].join(" ");
  useEffect(() => {
    const over = new AbortController();
    let timer = 0;
    const ask = () => get(`/stations/${encodeURIComponent(station.name)}/phases`, {}, { signal: over.signal, deadline: LONG_MS })
      .then((rows) => { found.value = rows; told.value = ""; })
      .catch((error) => {
        if (over.signal.aborted) return;
        told.value = problemText(error);
        timer = setTimeout(ask, AGAIN_MS);
      });
    ask();
    return () => {
      clearTimeout(timer);
      over.abort();
    };
  }, [key]);
  const rows = found.value?.phases ?? [], at = now?.run ? now.phase : 0;
  return html`<div class="phases" data-q=${pictureOf(station.name)}><${StepLeft} now=${now} />
    ${told.value && html`<p class="note" role="status">${told.value}</p>`}
    ${rows.length > 0 && html`<ol aria-label=${t("phase.all")}>${rows.map((phase) => html`<${Phase} key=${phase.number} phase=${phase} at=${at} />`)}</ol>`}
    ${found.value && !rows.length && html`<p class="note">${t("phase.built_in")}</p>`}</div>`;
}

function Phase({ phase, at }) {
  const state = phase.number === at ? "now" : phase.number < at ? "over" : "next";
  return html`<li class=${`phase ${state}`} aria-current=${state === "now" ? "step" : undefined}><span aria-hidden="true">${{ now: "▶", over: "✓", next: "○" }[state]}</span>
    <span>${phase.number}. ${said(phase.title || phase.name)}</span> <small>${t(`phase.${state}`)}${phase.timeout_s ? ` · ${t("phase.at_most", { time: durationText(phase.timeout_s) })}` : ""}${phase.prompt ? ` · ${t("phase.asks")}` : ""}</small></li>`;
}

/** The step under way with a bar of its time, where it has one. */
function StepLeft({ now }) {
  if (!now?.step) return null;
  const left = now.until_t ? (now.until_t - serverT.value) / 1000 : null, all = now.timeout_s;
  return html`<p class="step-now"><b>${said(now.step)}</b>${left !== null && html` <span>${t("station.left", { time: durationText(Math.max(0, left)) })}</span>
    ${all > 0 && html`<progress max="1" value=${1 - fraction(left, 0, all)} aria-label=${t("phase.time")}></progress>`}`}</p>`;
}
