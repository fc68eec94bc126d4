// What is known of the plant besides its live values: stations, loops, limits. Asked for once, and
// again when the server was started anew.

import { signal } from "@preact/signals";
import { get } from "./api.js";
import { alongWeb } from "./displays.js";

/** {line: {name, title}, stations: [{name, kind, prefix, title, loops, outputs, written, settings}]} */
export const plant = signal(/** @type {any} */ (null));
/** What each station says of itself, by name: state, step, waiting_for, recipe; polled. */
export const status = signal(/** @type {any} */ (null));
const tags = signal(new Map());
const limits = new Map();

/** Ask for what seldom changes. */
export async function learn() {
  const [found, meta] = await Promise.all([get("/meta/stations"), get("/meta/tags")]);
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
/** {lolo, lo, hi, hihi}: limits of the alarms of a tag, those there are. */
export const limitsOf = (name) => limits.get(name) ?? {};

export const stations = () => plant.value?.stations ?? [];
export const stationNamed = (name) => stations().find((s) => s.name === name);

/** Which station a tag or loop belongs to. */
export function stationOf(name) {
  const meta = metaOf(name) ?? metaOf(`${name}.SP`);
  return meta ? stationNamed(meta.s) : undefined;
}

const READ_BACK = ".RB";

/**
 * What a name on a faceplate means: a loop, a set point, a measured value with the set point that
 * belongs to it, or a tag that is only read.
 */
export function describe(name) {
  for (const station of stations()) {
    for (const loop of loopsOf(station)) if (loop.name === name) return { ...loop, station };
  }
  const meta = metaOf(name);
  const station = stationOf(name);
  if (!meta || !station) return null;
  const stem = name.replace(/\.(SP|PV)$/, "");
  const sp = name.endsWith(".SP") ? name : [`${stem}.SP`, `${name}.SP`].find((tag) => settable(station, tag));
  const written = name in station.written ? name : sp;
  const target = settable(station, name) ? name : written && settable(station, written) ? written : "";
  const pv = name.endsWith(".SP") ? [`${stem}.PV`, stem].find((tag) => metaOf(tag)) ?? "" : name;
  return {
    kind: "tag", name, station, pv: pv || name, sp: target,
    rb: target in station.written ? station.written[target] : "", out: "", mode: "", status: "",
  };
}

const settable = (station, tag) =>
  Boolean(tag) && (tag in station.written || station.settings.includes(tag)) && !tag.endsWith(READ_BACK);

/** The loops of a station with the tags that belong to each. */
export function loopsOf(station) {
  return station.loops.map((name) => {
    const ofLoop = station.loop_tags?.[name] ?? {};
    return {
      kind: "loop", name, pv: ofLoop.pv ?? "", out: ofLoop.out ?? "", sp: `${name}.SP`, wsp: `${name}.WSP`,
      op: `${name}.OP`, mode: `${name}.MODE`, status: `${name}.STATUS`,
      rb: station.written[ofLoop.out] ?? "",
    };
  });
}

/** A short title for a loop: what its set point is described as, without the last word. */
export function loopTitle(name) {
  return (metaOf(`${name}.SP`)?.tx ?? name).replace(/: set point$/, "");
}

let asking = false;
/** Ask for the state of the stations; one question at a time. */
export async function refreshStatus() {
  if (asking) return;
  asking = true;
  try {
    status.value = await get("/stations");
  } catch (error) {
    if (error.status === 401) throw error;
    status.value = status.value && { ...status.value, unknown: true };
  } finally {
    asking = false;
  }
}
