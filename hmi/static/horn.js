// The horn: alarms that nobody has acknowledged are heard in this window, if it was asked to. Browsers
// give no sound before the first tap, so it is off until somebody turns it on; the choice is kept.
// Silencing is not acknowledging: the next alarm is heard again.

import { computed, effect, signal } from "@preact/signals";
import { session } from "./api.js";
import { alarms, link } from "./live.js";
import { heardNow, PATTERNS, sounding } from "./sound.js";

const KEPT = "dryline-horn";
const TONE_S = 0.3, RISE_S = 0.02, LOUDNESS = 0.25;

const wanted = () => sessionStorage.getItem(KEPT) ?? localStorage.getItem(KEPT);
/** Whether this window shall be heard. */
export const hornOn = signal(wanted() === "on");
/** Whether the browser gives sound: after the first tap. */
export const hornReady = signal(false);
const silenced = signal(new Set());
const heard = signal(new Set());
const asking = computed(() => (session.value ? sounding(alarms.value.values()) : []));
/** What would be heard now: {key, priority} or null. */
export const heardAlarm = computed(() => (hornOn.value && link.value === "live" ? heardNow(asking.value, silenced.value, heard.value) : null));

let context = /** @type {AudioContext|null} */ (null), timer = 0;

/** Sound on or off in this window; other windows begin as the last one that was asked. */
export function turnHorn(on) {
  hornOn.value = on;
  sessionStorage.setItem(KEPT, on ? "on" : "off");
  localStorage.setItem(KEPT, on ? "on" : "off");
  if (on) unlock();
}

/** Be quiet about what asks now. */
export function silence() {
  silenced.value = new Set(asking.peek().map((a) => a.key));
}

/** A tap happened: from now on the browser lets it be heard. */
function unlock() {
  if (!hornOn.peek()) return;
  if (!context) {
    context = new AudioContext();
    context.onstatechange = () => { hornReady.value = context?.state === "running"; }; // a machine that slept may have taken it away
  }
  context.resume().then(() => { hornReady.value = context?.state === "running"; }).catch(() => null);
}

function tone(hz) {
  if (context?.state !== "running") return;
  const now = context.currentTime, oscillator = context.createOscillator(), gain = context.createGain();
  oscillator.frequency.value = hz;
  gain.gain.setValueAtTime(0, now);
  gain.gain.linearRampToValueAtTime(LOUDNESS, now + RISE_S);
  gain.gain.setValueAtTime(LOUDNESS, now + TONE_S - RISE_S);
  gain.gain.linearRampToValueAtTime(0, now + TONE_S);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(now);
  oscillator.stop(now + TONE_S);
}

/** Give the tone of what is heard now, and again while it lasts. */
function sound() {
  clearTimeout(timer);
  const now = heardAlarm.peek();
  if (!now || !hornReady.peek()) return;
  const { hz, everyS } = PATTERNS[now.priority];
  tone(hz);
  if (everyS) timer = setTimeout(sound, everyS * 1000);
  else heard.value = new Set([...heard.peek(), now.key]);
}

const key = computed(() => `${hornReady.value} ${heardAlarm.value?.key ?? ""}`);
effect(() => {
  key.value; // another alarm, or none
  sound();
});
effect(() => { // what asks no more is forgotten: its next coming is heard
  const keys = new Set(asking.value.map((a) => a.key));
  for (const kept of [silenced, heard]) if ([...kept.peek()].some((k) => !keys.has(k))) kept.value = new Set([...kept.peek()].filter((k) => keys.has(k)));
});
addEventListener("pointerdown", unlock);
addEventListener("keydown", unlock);
