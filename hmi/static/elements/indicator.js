// An analogue indicator: where the value lies in its range, the normal band, limits, the set point.

import { html } from "htm/preact";
import { useCells } from "../bind.js";
import { fraction } from "../format.js";
import { drawValue, TagText } from "./value.js";
import { limitsOf } from "../plant.js";
import { alarms } from "../live.js";
import { openFaceplate } from "../router.js";
import { AlarmSymbol, worst } from "./symbol.js";

const percent = (part) => `${(100 * part).toFixed(1)}%`;

function place(element, part) {
  const text = `translateX(${percent(part)})`;
  if (element.style.transform !== text) element.style.transform = text;
}

function drawBar(bar, one, sp, low, high) {
  const [band, pointer, tick] = bar.children;
  const lo = low ?? one.meta?.lo ?? 0, hi = high ?? one.meta?.hi ?? 1;
  const limits = limitsOf(one.name);
  const from = fraction(limits.lo ?? lo, lo, hi), to = fraction(limits.hi ?? hi, lo, hi);
  const shape = `translateX(${percent(from)}) scaleX(${Math.max(0, to - from).toFixed(4)})`;
  if (band.style.transform !== shape) band.style.transform = shape;
  band.hidden = limits.lo === undefined && limits.hi === undefined;
  const value = one.usable;
  pointer.hidden = value === null;
  if (value !== null) place(pointer, fraction(value, lo, hi));
  const wanted = sp?.usable ?? null;
  tick.hidden = wanted === null;
  if (wanted !== null) place(tick, fraction(wanted, lo, hi));
}

/**
 * tag: measured value; sp: tag of its set point; low, high: ends of the scale where those of the tag
 * are too far apart to see anything.
 */
export function Indicator({ tag, sp = "", of, label, digits, low, high }) {
  const tags = sp ? [tag, sp] : [tag];
  const alarm = worst(ofTag(tag));
  const ref = useCells(tags, (element, one, wanted) => {
    drawValue(element.children[1], one, digits);
    drawBar(element.children[2], one, wanted, low, high);
  });
  return html`<button type="button" class="indicator" data-tag=${tag} ref=${ref}
      onClick=${() => openFaceplate(of ?? tag)}>
    <span class="name">${alarm && html`<${AlarmSymbol} priority=${alarm.priority} asks=${alarm.asks} /> `}<${TagText} tag=${tag} short=${label} /></span>
    <span class="value" data-q="none"><b>–</b><i></i><small></small></span>
    <span class="bar" aria-hidden="true"><span class="band"></span><span class="pointer"></span><span class="tick"></span></span>
  </button>`;
}

const ofTag = (tag) => [...alarms.value.values()].filter((a) => a.tag === tag);

/** The bar alone, for faceplates: value, set point or output against a scale. */
export function Bar({ tag, sp = "", low, high }) {
  const ref = useCells(sp ? [tag, sp] : [tag], (bar, one, wanted) => {
    bar.dataset.q = one.state;
    drawBar(bar, one, wanted, low, high);
  });
  return html`<span class="bar tall" ref=${ref} aria-hidden="true"><span class="band"></span><span class="pointer"></span><span class="tick"></span></span>`;
}
