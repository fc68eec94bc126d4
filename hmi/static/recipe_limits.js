// Alarm limits of the recipes that run: in force while they do, in place of those of the tables.

import { effect, signal } from "@preact/signals";
import { get, session } from "./api.js";
import { limitsByTag } from "./limits.js";
import { procedures } from "./live.js";
import { limitsFrom, metaOf, stationNamed } from "./plant.js";

const AGAIN_MS = 30_000;

/** station -> {recipe, limits: Map(tag -> {lolo, lo, hi, hihi})} */
const known = signal(new Map());

/** Limits of a tag by the recipe that its station follows now; undefined when it says none. */
export const ofRecipe = (tag) => known.value.get(metaOf(tag)?.s)?.limits.get(tag);
limitsFrom(ofRecipe);

async function learn(name, recipe, kind, prefix) {
  keep(name, { recipe, limits: new Map() });
  if (recipe === "built-in" || !recipe) return;
  const [, rest] = recipe.split("/"), [own, version] = (rest ?? recipe).split("@");
  try {
    const found = await get(`/recipes/${kind}/${encodeURIComponent(own)}/${encodeURIComponent(version)}`);
    if (known.peek().get(name)?.recipe === recipe) keep(name, { recipe, limits: limitsByTag(found.limits, prefix) });
  } catch {
    setTimeout(() => { // asked for again with the next news
      if (known.peek().get(name)?.recipe === recipe) keep(name, { recipe: "", limits: new Map() });
    }, AGAIN_MS);
  }
}

const keep = (name, row) => { known.value = new Map(known.peek()).set(name, row); };

effect(() => {
  const now = procedures.value;
  if (!session.value) return;
  for (const [name, row] of now) {
    const station = stationNamed(name), recipe = row.run ? (row.current?.recipe ?? "built-in") : "built-in";
    if (station && (known.peek().get(name)?.recipe ?? "") !== recipe) learn(name, recipe, station.kind, station.prefix);
  }
});
