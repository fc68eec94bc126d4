// Level 3: the recipes. What each station was asked to run and runs; every version there is, in which status.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { get, LONG_MS, may } from "../api.js";
import { useAsked } from "../elements/asked.js";
import { AskedWords, follows, Requested } from "../elements/requested.js";
import { Upload } from "../elements/recipe_upload.js";
import { momentText } from "../format.js";
import { said, t } from "../i18n.js";
import { serverT } from "../live.js";
import { plant, stations } from "../plant.js";
import { inOrder, recipeAddress } from "../recipe_names.js";
import { go, route, withQuery } from "../router.js";

const EVERY_MS = 15000;
export const STATUS = ["draft", "released", "obsolete"];

export default function Recipes() {
  const asked = useAsked("recipes", (ended) => get("/recipes", {}, { deadline: LONG_MS, signal: ended }), EVERY_MS);
  const bringing = useSignal(false);
  if (!plant.value) return html`<p class="empty">${t("screen.asking")}</p>`;
  const brought = (header) => go(recipeAddress(header));
  return html`<h1 class="unseen">${t("screen.recipes")}</h1><div class="recipes">
    <div class="requested-cards">${stations().map((s) => html`<${Requested} key=${s.name} station=${s} />`)}</div>
    <section class="panel library"><div class="tools"><h2>${t("recipes.library")}</h2><${Filters} />${may("draft") && !bringing.value && html`<button type="button" class="act quiet" onClick=${() => { bringing.value = true; }}>${t("upload.title")}…</button>`}</div>
      ${bringing.value && html`<${Upload} onDone=${brought} onClose=${() => { bringing.value = false; }} />`}
      <${AskedWords} asked=${asked} />${asked.found && html`<${Library} rows=${asked.found.recipes} />`}
      ${!may("draft") && !may("deploy") && !may("approve") && html`<p class="note">${t("recipes.look_only")}</p>`}</section></div>`;
}

function Filters() {
  const { query } = route.value;
  const set = (name) => (event) => go(withQuery({ [name]: event.currentTarget.value || null }), { replace: true });
  const kinds = [...new Set(stations().map((s) => s.kind))];
  return html`<div class="filters"><label>${t("recipes.kind")} <select onChange=${set("kind")} value=${query.get("kind") ?? ""}><option value="">${t("recipes.all")}</option>${kinds.map((k) => html`<option key=${k} value=${k}>${said(k)}</option>`)}</select></label>
    <label>${t("recipes.status")} <select onChange=${set("status")} value=${query.get("status") ?? ""}><option value="">${t("recipes.all")}</option>${STATUS.map((s) => html`<option key=${s} value=${s}>${t(`recipes.status.${s}`)}</option>`)}</select></label>
    <label>${t("recipes.search")} <input type="search" value=${query.get("text") ?? ""} onInput=${set("text")} /></label></div>`;
}

function Library({ rows }) {
  const { query } = route.value;
  const kind = query.get("kind") ?? "", status = query.get("status") ?? "", text = (query.get("text") ?? "").toLowerCase();
  const wanted = inOrder(rows.filter((r) => (!kind || r.kind === kind) && (!status || r.status === status)
    && (!text || `${r.recipe} ${r.title} ${r.author}`.toLowerCase().includes(text))), stations().map((s) => s.kind));
  if (!rows.length) return html`<p class="empty">${t("recipes.none")}</p>`;
  if (!wanted.length) return html`<p class="empty">${t("recipes.none_fits", { all: rows.length })} <a href="/recipes">${t("recipes.show_all")}</a></p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("recipes.library")}><table class="grid library-table"><caption class="unseen">${t("recipes.library")}</caption>
    <thead><tr><th scope="col">${t("recipes.kind")}</th><th scope="col">${t("recipes.recipe")}</th><th scope="col">${t("recipe.version")}</th><th scope="col">${t("recipes.title")}</th><th scope="col">${t("recipes.status")}</th><th scope="col">${t("recipes.author")}</th><th scope="col">${t("recipes.last")}</th><th scope="col">${t("recipes.used")}</th></tr></thead>
    <tbody>${wanted.map((r, k) => html`<${Row} key=${r.recipe} row=${r} first=${wanted[k - 1]?.name !== r.name || wanted[k - 1]?.kind !== r.kind} />`)}</tbody></table></div>`;
}

function Row({ row, first }) {
  return html`<tr class=${first ? "first" : ""} data-recipe=${row.recipe}><td>${first ? said(row.kind) : html`<span class="unseen">${said(row.kind)}</span>`}</td><td class="tag">${first ? row.name : html`<span class="unseen">${row.name}</span>`}</td>
    <td><a class="link version" href=${recipeAddress(row)} aria-label=${`${row.name} ${row.version}`}>${row.version}</a></td>
    <td>${said(row.title) || html`<span class="note">${t("recipes.no_title")}</span>`}${row.problems.length > 0 && html` <span class="risk outside_proven">${t("recipes.problems", { count: row.problems.length })}</span>`}</td>
    <td><${StatusMark} status=${row.status} /></td><td>${row.author}</td>
    <td>${row.last ? html`${t(`recipes.action.${row.last.action}`)} ${row.last.actor} <span class="note">${momentText(Date.parse(row.last.time_utc), serverT.value)}</span>` : "–"}</td>
    <td>${stations().filter((s) => s.kind === row.kind).map((s) => html`<${Use} key=${s.name} station=${s} recipe=${row.recipe} />`)}</td></tr>`;
}

/** Draft, released, obsolete: a word in a frame of its own. */
export const StatusMark = ({ status }) => html`<span class="status" data-status=${status}>${t(`recipes.status.${status}`)}</span>`;

/** Which stations run it, and which were asked to. */
function Use({ station, recipe }) {
  const now = follows.value.get(station.name);
  const words = [now?.run && now.current?.recipe === recipe && t("recipes.runs_on", { station: said(station.title) }),
    now?.requested?.recipe === recipe && t("recipes.asked_on", { station: said(station.title) })].filter(Boolean);
  return words.map((w) => html`<span class="use" key=${w}>${w}</span>`);
}
