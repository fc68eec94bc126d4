// What is known of the plant besides its live values: stations, loops, limits. Asked for once, and
// again when the server was started anew.

import { signal } from "@preact/signals";
import { alongWeb } from "./along_web.js";
import { get, LONG_MS } from "./api.js";

/** {line: {name, title}, stations: [{name, kind, prefix, title, faceplates, set_points, ...}]} */
export const plant = signal(/** @type {any} */ (null));
const tags = signal(new Map());
const limits = new Map();

/** Ask for what seldom changes. */
export async function learn() {
  const [found, meta] = await Promise.all([get("/meta/stations", {}, { deadline: LONG_MS }), get("/meta/tags", {}, { deadline: LONG_MS })]);
  tags.value = new Map(meta.tags.map((tag) => [tag.n, tag]));
  limits.clear();
  for (const tag of meta.tags) if (tag.al) limits.set(tag.n, tag.al);
  found.stations.sort(alongWeb);
  plant.value = found;
}

/** Description, unit, range and so on of a tag; undefined when there is none. */
export const metaOf = (name) => tags.value.get(name);
/** All tags, of a station when it is named. */
export const tagsOf = (station) => [...tags.value.values()].filter((tag) => !station || tag.s === station);
/** {lolo, lo, hi, hihi}: limits of the alarms of a tag, those there are; a recipe that runs may have others. */
export const limitsOf = (name) => ({ ...limits.get(name), ...ofRecipes(name) });
let ofRecipes = (/** @type {string} */ _name) => /** @type {any} */ (undefined);
/** Whoever knows the recipes says their limits. */
export const limitsFrom = (look) => { ofRecipes = look; };

export const stations = () => plant.value?.stations ?? [];
export const stationNamed = (name) => stations().find((s) => s.name === name);

/** Which station a tag or loop belongs to. */
export function stationOf(name) {
  const meta = metaOf(name) ?? metaOf(`${name}.SP`);
  return meta ? stationNamed(meta.s) : undefined;
}

/**
 * What a name on a faceplate means: a loop, a set point, a measured value with the set point that
 * belongs to it, or a tag that is only read. sp: what may be set, with its limits in `setting`.
 */
export function describe(name) {
  for (const station of stations()) {
    const loop = loopsOf(station).find((l) => [l.name, l.sp, l.wsp, l.op, l.mode, l.status].includes(name));
    if (loop) return loop;
  }
  const meta = metaOf(name), station = stationOf(name);
  if (!meta || !station) return null;
  const stem = name.replace(/\.(SP|PV)$/, "");
  const setting = [name, `${stem}.SP`, `${name}.SP`].map((tag) => settingOf(station, tag)).find(Boolean) ?? null;
  const pv = name.endsWith(".SP") ? [`${stem}.PV`, stem].find((tag) => metaOf(tag)) : name;
  return { kind: "tag", name, station, pv: pv ?? name, sp: setting?.tag ?? "", rb: setting?.read_back ?? "", setting, modes: [] };
}

/** {tag, unit, range, operator, read_back, rate_per_s, labels}: how a tag may be set; or nothing. */
export const settingOf = (station, tag) => station.set_points.find((one) => one.tag === tag);

/** The loops of a station with the tags that belong to each, and how far their set points go. */
export function loopsOf(station) {
  return station.faceplates.map((f) => ({
    kind: "loop", station, name: f.loop, text: f.text, pv: f.pv, sp: f.sp, wsp: f.wsp, op: f.op, out: f.out,
    mode: f.mode, status: f.status, rb: f.read_back, modes: f.modes,
    outUnit: f.out_unit, outRange: f.out_range, gainsFollow: f.gains_follow,
    setting: { tag: f.sp, unit: f.pv_unit, range: f.sp_range, operator: f.operator, labels: [] },
    outSetting: f.out ? { ...settingOf(station, f.out), range: f.out_range } : null,
  }));
}
