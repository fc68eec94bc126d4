// What happened while a trend was recorded: alarms, commands, recipes and runs, asked for with the
// window and again every few seconds while it moves.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, LONG_MS } from "../api.js";
import { problemText, t } from "../i18n.js";
import { metaOf } from "../plant.js";
import { iso } from "../trend_window.js";

/** Which kinds of events each choice shows. */
export const MARKED = {
  main: ["alarm", "command", "recipe", "run", "interlock"],
  alarms: ["alarm", "interlock"],
  commands: ["command", "recipe"],
  all: [],
  none: null,
};
const MOST = 500, MOST_RUNS = 6;
const AGAIN_MS = 10_000, LONG_AGAIN_MS = 60_000, LONG_MIN = 600;

const startOf = (range) => (range.stop ? iso(range.start) : `-${range.minutes}m`);
const stopOf = (range) => (range.stop ? iso(range.stop) : "now");
const stationsOf = (pens) => [...new Set(pens.map((pen) => metaOf(pen)?.s).filter(Boolean))];

/** An answer of history/events as marks, oldest first. */
export const marksOf = (found) => found.events.map((e) => ({ atS: e.time_ns / 1e9, kind: e.kind, subject: e.subject, text: e.text, actor: e.actor })).reverse();

/** {marks, told}: of the stations of some pens; told: words when there are none to be had. */
export function useMarks(pens, range, choice) {
  const marks = useSignal([]), told = useSignal("");
  const names = stationsOf(pens), kinds = MARKED[choice];
  useEffect(() => {
    marks.value = [];
    told.value = "";
    if (kinds === null || !names.length) return undefined;
    const over = new AbortController();
    const ask = async () => {
      try {
        const query = { start: startOf(range), stop: stopOf(range), station: names, kind: kinds, limit: MOST };
        const found = await get("/history/events", query, { deadline: LONG_MS, signal: over.signal });
        marks.value = marksOf(found);
        told.value = found.truncated ? t("trend.marks_cut", { count: MOST }) : "";
      } catch (error) {
        if (!over.signal.aborted) told.value = `${t("trend.marks")}: ${problemText(error)}`;
      }
    };
    ask();
    const timer = range.stop ? 0 : setInterval(ask, range.minutes > LONG_MIN ? LONG_AGAIN_MS : AGAIN_MS);
    return () => {
      clearInterval(timer);
      over.abort();
    };
  }, [JSON.stringify([names, range, choice])]);
  return { marks: marks.value, told: told.value };
}

/** Ids of the runs of one kind of station that were under way in the window, the newest few. */
export function useRuns(pens, range) {
  const runs = useSignal(/** @type {string[]} */ ([]));
  const [name] = stationsOf(pens);
  useEffect(() => {
    runs.value = [];
    if (!name) return undefined;
    const over = new AbortController();
    get("/history/runs", { start: startOf(range), stop: stopOf(range), station: name, limit: MOST_RUNS }, { deadline: LONG_MS, signal: over.signal })
      .then((found) => { runs.value = found.runs.map((row) => row.head.id); })
      .catch(() => null); // without them there is nothing to compare
    return () => over.abort();
  }, [JSON.stringify([name, range])]);
  return runs.value;
}
