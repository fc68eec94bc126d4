// Level 3: one version of a recipe. What it says, what changes against another, its rehearsals, its history;
// and what may be done with it.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { get, LONG_MS, may } from "../api.js";
import { useAsked } from "../elements/asked.js";
import { Diff, Risk } from "../elements/diff.js";
import { Sentence } from "../elements/reasons.js";
import { actsOf, Deploy, Derive, Release, Retire, Try } from "../elements/recipe_acts.js";
import { Formula, LimitTable, Procedure } from "../elements/recipe_content.js";
import { Compared, Rehearsals, useRehearsals } from "../elements/rehearsal.js";
import { AskedWords, recipeName } from "../elements/requested.js";
import { momentText } from "../format.js";
import { said, t } from "../i18n.js";
import { serverT } from "../live.js";
import { plant, stations } from "../plant.js";
import { recipeAddress, recipeParts, recipePath } from "../recipe_names.js";
import { go, route, withQuery } from "../router.js";
import { StatusMark } from "./recipes.js";

const TABS = ["content", "changes", "rehearsal", "history", "file"];
const ACTS = { deploy: Deploy, try: Try, release: Release, retire: Retire, derive: Derive };

export default function RecipeScreen({ kind, name }) {
  const version = route.value.query.get("v") ?? "newest";
  const place = recipePath({ kind, name, version });
  const asked = useAsked(place, (ended) => get(place, {}, { deadline: LONG_MS, signal: ended }));
  const every = useAsked(kind, (ended) => get("/recipes", { kind }, { deadline: LONG_MS, signal: ended }));
  if (!plant.value) return html`<p class="empty">${t("screen.asking")}</p>`;
  const back = html`<nav class="crumbs" aria-label=${t("recipe.where")}><a class="link" href="/recipes">${t("screen.recipes")}</a> / ${said(kind)} / ${name}</nav>`;
  if (!asked.found) return html`<h1 class="unseen">${t("screen.recipe")}</h1><div class="panel">${back}<${AskedWords} asked=${asked} /></div>`;
  const found = { ...asked.found, id: recipeParts(asked.found.recipe) };
  const listed = every.found?.recipes ?? [];
  const again = () => {
    asked.again();
    every.again();
  };
  return html`<${One} key=${found.recipe} recipe=${{ ...found, named: `${found.id.name}@${found.id.version}` }} listed=${listed} back=${back} again=${again} />`;
}

function One({ recipe: of, listed, back, again }) {
  const acting = useSignal(""), rehearsals = useRehearsals(of);
  const own = stations().filter((s) => s.kind === of.id.kind);
  const known = listed.filter((r) => r.name === of.id.name).map((r) => r.version);
  const versions = listed.map((r) => `${r.name}@${r.version}`);
  const tab = TABS.includes(route.value.query.get("tab")) ? route.value.query.get("tab") : "content";
  const Act = ACTS[acting.value];
  const close = () => { acting.value = ""; };
  const done = (result) => {
    again();
    if (acting.value === "derive") go(`${recipeAddress({ ...of.id, version: result })}&tab=changes`);
    else if (["release", "retire"].includes(acting.value)) close();
  };
  return html`<div class="recipe-screen"><section class="panel recipe-head">${back}
      <div class="title-row"><h1>${said(of.title)}</h1><${StatusMark} status=${of.status} /><${Versions} of=${of} known=${known} /></div>
      <p class="about"><span class="tag">${recipeName(of.recipe)}</span> · ${t("recipe.by", { author: of.author })}${of.base && html` · ${t("recipe.made_from")} <a class="link" href=${recipeAddress(recipeParts(of.base))}>${recipeName(of.base)}</a>`}${of.reason && html` · <q>${of.reason}</q>`}</p>
      ${Act ? html`<${Act} recipe=${of} stations=${own} rehearsals=${rehearsals.found?.jobs ?? []} known=${known} onDone=${done} onClose=${close} />`
        : html`<${Acts} recipe=${of} stations=${own} onAct=${(id) => { acting.value = id; }} />`}</section>
    <section class="panel recipe-body"><nav class="tabs" aria-label=${t("recipe.parts")}>${TABS.map((name) => html`<a key=${name} href=${withQuery({ tab: name })} aria-current=${name === tab ? "page" : undefined}>${t(`recipe.tab.${name}`)}</a>`)}</nav>
      ${tab === "content" && html`<${Content} recipe=${of} prefix=${own[0]?.prefix ?? ""} />`}
      ${tab === "changes" && html`<${Changes} recipe=${of} versions=${versions} jobs=${rehearsals.found?.jobs ?? []} />`}
      ${tab === "rehearsal" && html`<${Rehearsals} recipe=${of} all=${rehearsals} versions=${versions} />`}
      ${tab === "history" && html`<${History} recipe=${of} />`}
      ${tab === "file" && html`<pre class="file scroll" tabindex="0" aria-label=${t("recipe.tab.file")}>${of.text}</pre>`}</section></div>`;
}

function Versions({ of, known }) {
  const choose = (event) => go(withQuery({ v: event.currentTarget.value, against: null }));
  return html`<label class="field versions">${t("recipe.version")}<select value=${of.id.version} onChange=${choose}>${(known.length ? [...known].reverse() : [of.id.version]).map((v) => html`<option key=${v} value=${v}>${v}</option>`)}</select></label>`;
}

/** What may be done with it now; why not, in words. */
function Acts({ recipe: of, stations: own, onAct }) {
  const acts = actsOf(of, own);
  const why = acts.map((a) => a.why).find(Boolean);
  const words = acts.length ? why : may("operate") || may("view") ? t("recipe.look_only") : "";
  return html`<div class="buttons">${acts.map((a) => html`<button type="button" key=${a.id} class="act" disabled=${a.why !== ""} onClick=${() => onAct(a.id)}>${t(`recipe.act.${a.id}`)}…</button>`)}
    ${words && html`<span class="note">${words}</span>`}${of.status === "draft" && html`<span class="note">${t("recipe.draft_note")}</span>`}</div>`;
}

function Content({ recipe: of, prefix }) {
  return html`<div class="recipe-content"><div><h2>${t("recipe.parameters")}</h2><${Formula} formula=${of.formula} rows=${of.parameters} /></div>
    <div><h2>${t("recipe.procedure")}</h2><${Procedure} phases=${of.phases} prefix=${prefix} rows=${of.parameters} />
      <h2>${t("recipe.limits")}</h2><${LimitTable} limits=${of.limits} prefix=${prefix} /></div></div>`;
}

/** Against any other version: in process words, and what a rehearsal of both says for the product. */
function Changes({ recipe: of, versions, jobs }) {
  const base = of.base?.split("/")[1];
  const others = versions.filter((v) => v !== of.named);
  const asked = route.value.query.get("against") ?? (others.includes(base) ? base : others.filter((v) => v.startsWith(`${of.id.name}@`)).pop() ?? others[0] ?? "");
  const choose = (event) => go(withQuery({ against: event.currentTarget.value }), { replace: true });
  if (!others.length) return html`<p class="empty">${t("diff.nothing")}</p>`;
  return html`<div class="tools"><label>${t("recipe.against")} <select class="against" value=${asked} onChange=${choose}>${others.map((v) => html`<option key=${v} value=${v}>${v.replace("@", " ")}</option>`)}</select></label>
      <span class="note">${t("recipe.read_as", { old: asked.replace("@", " "), new: of.named.replace("@", " ") })}</span></div>
    <${Difference} key=${asked} recipe=${of} old=${asked} />
    <h2>${t("rehearsal.product")}</h2><${Product} recipe=${of} old=${asked} jobs=${jobs} />`;
}

function Difference({ recipe: of, old }) {
  const asked = useAsked(`${old} ${of.recipe}`, (ended) => get(`/recipes/${of.id.kind}/diff`, { old, new: of.named }, { deadline: LONG_MS, signal: ended }));
  if (!asked.found) return html`<${AskedWords} asked=${asked} />`;
  const { parameters, phases, limits, risk } = asked.found;
  const count = parameters.length + phases.length + limits.length;
  return html`${count > 0 && html`<p>${t("recipe.count", { parameters: parameters.length, phases: phases.length, limits: limits.length })} · ${t("recipe.highest")} <${Risk} risk=${risk} /></p>`}
    <div class="scroll" tabindex="0" role="region" aria-label=${t("recipe.tab.changes")}><${Diff} diff=${asked.found} /></div>`;
}

function Product({ recipe: of, old, jobs }) {
  const job = jobs.find((j) => j.record?.against?.recipe === `${of.id.kind}/${old}` && j.record.content_hash === of.content_hash);
  if (!job) return html`<p class="note">${t("recipe.no_comparison")} <a class="link" href=${withQuery({ tab: "rehearsal" })}>${t("recipe.tab.rehearsal")}</a></p>`;
  return html`<p class="note">${t("recipe.compared", { who: job.by, time: momentText(job.ended_ns / 1e6, serverT.value), length: job.wanted.minutes })}</p><${Compared} record=${job.record} own=${of.recipe} />`;
}

function History({ recipe: of }) {
  if (!of.history.length) return html`<p class="empty">${t("recipe.no_history")}</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("recipe.tab.history")}><table class="grid"><caption class="unseen">${t("recipe.tab.history")}</caption><thead><tr><th scope="col">${t("recipe.when")}</th><th scope="col">${t("recipe.what")}</th><th scope="col">${t("recipe.who")}</th><th scope="col">${t("change.reason")}</th><th scope="col">${t("recipe.on_what")}</th><th scope="col">${t("recipe.signature")}</th></tr></thead>
    <tbody>${of.history.map((e, k) => html`<tr key=${k}><td>${momentText(Date.parse(e.time_utc), serverT.value)}</td><td>${t(e.action === "release" ? "recipes.status.released" : "recipes.status.obsolete")}</td><td>${e.actor}</td><td>${e.reason}</td>
      <td>${e.rehearsal ? html`<${Sentence} text=${e.rehearsal} />${e.brought_by ? html` <strong>${t("recipe.brought_by", { who: e.brought_by })}</strong>` : ""}` : e.override ? t("recipe.overridden", { why: e.override }) : "–"}</td><td><${Signed} signature=${e.signature} all=${of.signatures} /></td></tr>`)}</tbody></table></div>`;
}

/** Whether a signature is good; everything that speaks against it. */
function Signed({ signature, all }) {
  if (!signature) return html`<span class="note">${t("recipe.unsigned")}</span>`;
  const against = all.find((s) => s.number === signature.number)?.against ?? [];
  if (!against.length) return html`✓ ${t("recipe.signed", { who: signature.signer })}`;
  return html`<strong>✗ ${t("recipe.bad_signature")}</strong> ${against.map((why) => html`<${Sentence} key=${why} text=${why} /> `)}`;
}
