// What happened in a run, put in order for a picture: pure, so that tests can ask it.

/** Kinds of entries by the row of the timeline they stand in; states have a row of their own. */
export const ROWS = {
  commands: ["command", "loop"],
  recipe: ["run", "recipe"],
  trouble: ["interlock", "device", "link", "quality", "system"],
};

const OPENS = ["raise"], CLOSES = ["clear", "latch", "suppress", "shelve", "remove"];

/**
 * Stretches in which alarms stood, oldest first. events: of the journal, newest first; times in s since
 * START. One whose beginning is not seen stood before; `open`: its end is not seen.
 */
export function alarmSpans(events, begunNs, endS) {
  const standing = new Map(), found = [];
  for (const event of [...events].reverse()) {
    const { alarm, move, priority } = event.data ?? {};
    if (!alarm) continue;
    const atS = Math.max(0, (event.time_ns - begunNs) / 1e9);
    const own = standing.get(alarm);
    if (OPENS.includes(move) && !own) {
      const span = { alarm, priority, subject: event.subject, text: event.text, begin_s: atS, end_s: endS, open: true };
      standing.set(alarm, span);
      found.push(span);
    } else if (CLOSES.includes(move) && own) {
      Object.assign(own, { end_s: atS, open: false });
      standing.delete(alarm);
    } else if (move === "clear" || move === "latch") {
      found.push({ alarm, priority, subject: event.subject, text: event.text, begin_s: 0, end_s: atS, open: false, before: true });
    }
  }
  return found.sort((a, b) => a.begin_s - b.begin_s);
}

/** Stretches in as few lanes as do not overlap; what finds no lane among `most` goes into the last. */
export function lanesOf(spans, most, lastsS) {
  const lanes = [], room = lastsS * 0.004;
  for (const span of spans) {
    const lane = lanes.find((l) => l[l.length - 1].end_s + room <= span.begin_s) ?? (lanes.length < most ? lanes[lanes.push([]) - 1] : lanes[most - 1]);
    lane.push(span);
  }
  return lanes;
}

/** Which stretch holds a time. */
export const spanAt = (spans, atS) => spans.find((s) => s.begin_s <= atS && atS <= s.end_s);

/** Figures that left their limits: how much of the known time, and how far. */
export function excursions(figures) {
  const found = [];
  for (const [name, f] of Object.entries(figures ?? {})) {
    if (!f.spec || f.inside === null || f.inside >= 1) continue;
    const below = f.spec.low !== null && f.minimum !== null ? f.spec.low - f.minimum : -1;
    const above = f.spec.high !== null && f.maximum !== null ? f.maximum - f.spec.high : -1;
    const isAbove = above >= below;
    found.push({ name, text: f.text, unit: f.unit, outside: 1 - f.inside, worst: isAbove ? f.maximum : f.minimum, limit: isAbove ? f.spec.high : f.spec.low });
  }
  return found.sort((a, b) => b.outside - a.outside);
}

/** A share in %, rounded down: 100 % means all of it. */
export const percentText = (share) => (share === null || share === undefined ? "–" : `${Math.floor(1000 * share + 1e-9) / 10} %`);

/** Four digits that mean something, without an exponent. */
export function fourDigits(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const decimals = Math.max(0, Math.min(6, 3 - Math.floor(Math.log10(Math.abs(value)))));
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? "0" : text;
}

/** Two digits of a spread, as 0.50 or 12. */
export function spreadText(sd) {
  if (sd === null || sd === undefined || !Number.isFinite(sd)) return "–";
  return sd === 0 ? "0" : sd.toFixed(spreadDecimals(sd));
}

const spreadDecimals = (sd) => Math.max(0, Math.min(6, 1 - Math.floor(Math.log10(sd))));

/** A mean to the second digit of its spread. */
export const besideSpread = (mean, sd) => (mean === null || mean === undefined || !sd ? fourDigits(mean) : mean.toFixed(spreadDecimals(sd)));

/**
 * The states of a run that is under way, up to now: history stores a state that stays only now and then,
 * but what it is now is seen. marks: entries, of which those of the kind "state" say when it came.
 */
export function withPresent(states, marks, present, nowS) {
  const last = states[states.length - 1];
  if (last?.state === present) return [...states.slice(0, -1), { ...last, end_s: Math.max(last.end_s, nowS) }];
  const cameS = marks.filter((m) => m.kind === "state").at(-1)?.at_s ?? 0;
  const begin = Math.max(last?.end_s ?? 0, Math.min(cameS, nowS), 0);
  return begin < nowS ? [...states, { state: present, begin_s: begin, end_s: nowS }] : states;
}
