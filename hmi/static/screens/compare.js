// Level 3: runs beside others. Curves on one axis (START, start of running, metres of web), what differs
// in their recipes, and their quality with how sure the difference is.

import { html } from "htm/preact";
import { get, LONG_MS } from "../api.js";
import { useAsked } from "../elements/asked.js";
import { Asking } from "../elements/asking.js";
import { Comparison } from "../elements/comparison.js";
import { AxisBelow, Curves, PenMark, useCursor } from "../elements/curves.js";
import { Diff } from "../elements/diff.js";
import { lastsS, OutcomeChip, recipeName, RunLink } from "../elements/runs.js";
import { durationText, momentText, typedNumber } from "../format.js";
import { said, t } from "../i18n.js";
import { serverT } from "../live.js";
import { go, route, withQuery } from "../router.js";

const AXES = ["start", "execute", "metres"], MOST = 10, BINS = 500;
const wide = { deadline: LONG_MS };
const list = (text) => [...new Set((text ?? "").split(",").filter(Boolean))];

/** What the address asks for: runs, which of them are the base, the axis and a part of it. */
export function askedFor(query) {
  const runs = list(query.get("runs")).slice(0, MOST);
  const wanted = query.has("base") ? list(query.get("base")).filter((id) => runs.includes(id)) : runs.slice(1);
  const base = wanted.length < runs.length ? wanted : runs.slice(1);
  const axis = AXES.includes(query.get("axis")) ? query.get("axis") : "start";
  const number = (name) => (query.has(name) ? typedNumber(query.get(name)) : null);
  const low = number("low"), high = number("high");
  const part = low !== null && high !== null && low < high ? { low, high } : { low: null, high: null };
  return { runs, base, axis, ...part };
}

export default function Compare() {
  const wish = askedFor(route.value.query);
  const { runs, base } = wish;
  const asked = useAsked(runs.length > 1 ? `heads ${runs.join()}` : "", async (signal) => ({ runs: await Promise.all(runs.map((id) => get(`/runs/${encodeURIComponent(id)}`, {}, { signal, ...wide }))) }));
  if (runs.length < 2) return html`<div class="page-column panel"><h1>${t("screen.compare")}</h1><p class="empty">${t("compare.choose")} <a href="/runs">${t("compare.to_runs")}</a></p></div>`;
  const found = asked.found?.runs ?? [];
  return html`<div class="page-column"><section class="panel"><div class="tools"><h1>${t("screen.compare")}</h1><${AxisChoice} wish=${wish} /></div><${Asking} asked=${asked} />
      ${found.length > 0 && html`<${Sides} found=${found} wish=${wish} />`}</section>
    ${found.length > 0 && html`<section class="panel"><h2>${t("compare.curves")}</h2><${Pictures} found=${found} wish=${wish} /></section>
      <section class="panel"><h2>${t("compare.recipes")}</h2><${Recipes} found=${found} base=${base} /></section>
      <section class="panel"><h2>${t("compare.quality")}</h2><${Figures} wish=${wish} /></section>`}</div>`;
}

function AxisChoice({ wish }) {
  const unit = wish.axis === "metres" ? "m" : "s";
  const part = (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    go(withQuery({ low: form.elements.low.value || null, high: form.elements.high.value || null }));
  };
  return html`<div class="spans" role="group" aria-label=${t("compare.align")}>${AXES.map((a) => html`<button type="button" key=${a} aria-pressed=${a === wish.axis} onClick=${() => go(withQuery({ axis: a, low: null, high: null }))}>${t(`compare.axis.${a}`)}</button>`)}</div>
    <form class="filters" onSubmit=${part} key=${`${wish.axis}${wish.low}${wish.high}`}><label>${t("compare.from")} (${unit}) <input name="low" inputmode="decimal" defaultValue=${wish.low ?? ""} /></label><label>${t("compare.to")} <input name="high" inputmode="decimal" defaultValue=${wish.high ?? ""} /></label>
      <button type="submit" class="nav-link">${t("compare.show_part")}</button>${wish.low !== null && html`<button type="button" class="nav-link" onClick=${() => go(withQuery({ low: null, high: null }))}>${t("compare.whole")}</button>`}</form>`;
}

/** Which runs are judged and which they are held against. */
function Sides({ found, wish }) {
  const turn = (id) => {
    const next = wish.base.includes(id) ? wish.base.filter((b) => b !== id) : [...wish.base, id];
    if (next.length && next.length < wish.runs.length) go(withQuery({ base: next.join() }), { replace: true });
  };
  const away = (id) => go(withQuery({ runs: wish.runs.filter((r) => r !== id).join(), base: null }), { replace: true });
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("screen.runs")}><table class="grid sides"><thead><tr><th scope="col">${t("compare.line")}</th><th scope="col">${t("runs.run")}</th><th scope="col">${t("compare.side")}</th><th scope="col">${t("runs.recipe")}</th><th scope="col">${t("runs.outcome")}</th><th scope="col">${t("runs.begun")}</th><th scope="col">${t("runs.duration")}</th><th scope="col"><span class="unseen">${t("compare.take_away")}</span></th></tr></thead>
    <tbody>${found.map(({ head }, k) => {
      const isBase = wish.base.includes(wish.runs[k]);
      return html`<tr key=${head.id}><td><${PenMark} pen=${k} /></td><th scope="row"><${RunLink} id=${head.id} /></th>
        <td><select aria-label=${t("compare.side")} value=${isBase ? "base" : "judged"} onChange=${() => turn(wish.runs[k])}><option value="judged">${t("compare.judged")}</option><option value="base">${t("compare.base")}</option></select></td><td>${recipeName(head.recipe)}</td><td><${OutcomeChip} outcome=${head.outcome} /></td>
        <td class="number">${momentText(head.begun_ns / 1e6, serverT.value)}</td><td class="number">${durationText(lastsS(head))}</td>
        <td><button type="button" class="nav-link" onClick=${() => away(wish.runs[k])} aria-label=${t("compare.take_one_away", { run: head.id })}>×</button></td></tr>`;
    })}</tbody></table></div>`;
}

function Pictures({ found, wish }) {
  const cursor = useCursor();
  const { runs, base, axis, low, high } = wish;
  const what = Object.entries(found[0].summary.figures ?? {}).filter(([name]) => found.some((f) => f.summary.figures?.[name]?.n > 0)).map(([name]) => name).slice(0, 12);
  const key = what.length ? JSON.stringify(["curves", wish, what]) : "";
  const asked = useAsked(key, (signal) => get("/runs/curves", { run: runs.filter((id) => !base.includes(id)), base, what, axis, bins: BINS, low, high }, { signal, ...wide }));
  if (!what.length) return html`<p class="empty">${t("run.no_curves")}</p>`;
  const curves = asked.found;
  if (!curves) return html`<${Asking} asked=${asked} />`;
  const { position, unit } = curves;
  const half = position.length > 1 ? (position[1] - position[0]) / 2 : 0.5;
  const from = position[0] - half, to = position[position.length - 1] + half;
  const order = new Map(found.map(({ head }, k) => [head.id, k]));
  return html`${curves.what.map((w) => html`<${Curves} key=${w.name} title=${said(w.text)} unit=${w.unit} position=${position} low=${from} high=${to} axisUnit=${unit} cursor=${cursor} limits=${found[0].summary.figures[w.name]?.spec}
      band=${base.length > 1 ? curves.band[w.name] : null} lines=${curves.runs.map((r) => ({ name: r.run, values: r.values[w.name], pen: order.get(r.run) ?? 0, base: r.base }))} />`)}
    <${AxisBelow} low=${from} high=${to} unit=${unit} text=${t(`compare.axis_text.${axis}`)} cursor=${cursor} /><p class="note">${t("compare.curve_words")}</p>`;
}

/** What differs between the recipes of the base and those that are judged. */
function Recipes({ found, base }) {
  const ofSide = (isBase) => [...new Set(found.filter((f) => base.includes(f.head.id) === isBase).map((f) => f.head.recipe))];
  const pairs = ofSide(true).flatMap((from) => ofSide(false).filter((to) => to !== from).map((to) => [from, to]));
  if (!pairs.length) return html`<p class="empty">${t("compare.same_recipe", { recipe: recipeName(found[0].head.recipe) })}</p>`;
  return pairs.map(([from, to]) => html`<${OneDiff} key=${`${from} ${to}`} kind=${found[0].head.kind} from=${from} to=${to} />`);
}

const named = (recipe) => recipe.slice(recipe.indexOf("/") + 1);

function OneDiff({ kind, from, to }) {
  const builtIn = from === "built-in" || to === "built-in";
  const asked = useAsked(builtIn ? "" : `diff ${from} ${to}`, (signal) => get(`/recipes/${encodeURIComponent(kind)}/diff`, { old: named(from), new: named(to) }, { signal, ...wide }));
  return html`<h3>${recipeName(from)} → ${recipeName(to)}</h3>${builtIn ? html`<p class="empty">${t("compare.built_in")}</p>` : html`<${Asking} asked=${asked} />${asked.found && html`<div class="scroll" tabindex="0" role="region" aria-label=${`${from} → ${to}`}><${Diff} diff=${asked.found} /></div>`}`}`;
}

function Figures({ wish }) {
  const { runs, base } = wish;
  const judged = runs.filter((id) => !base.includes(id));
  const asked = useAsked(JSON.stringify(["compare", judged, base]), (signal) => get("/runs/compare", { run: judged, base }, { signal, ...wide }));
  return html`<${Asking} asked=${asked} />${asked.found && html`<${Comparison} comparison=${asked.found.comparison} names=${[side("compare.judged", judged), side("compare.base", base)]} />`}`;
}

const side = (key, ids) => (ids.length === 1 ? `${t(key)} ${ids[0]}` : `${t(key)} (${ids.length})`);
