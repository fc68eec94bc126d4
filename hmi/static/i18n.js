// Texts in the language of the user. Screens name keys; what the plant says about itself (names of
// tags' descriptions, alarms) is looked up by the English words it comes with.

import { batch, signal } from "@preact/signals";
import { phrases } from "./phrases.js";

export const LANGUAGES = { en: "English", ja: "日本語" };
const KEPT = "dryline-language";

/** @type {import("@preact/signals").Signal<"en"|"ja">} */
export const language = signal(first());
const texts = signal({});
const plant = signal(phrases({}));

function first() {
  const kept = localStorage.getItem(KEPT);
  if (kept in LANGUAGES) return kept;
  return navigator.languages.some((l) => l.startsWith("ja")) ? "ja" : "en";
}

async function catalogue(name) {
  const answer = await fetch(new URL(`./i18n/${name}.json`, import.meta.url));
  if (!answer.ok) throw new Error(`catalogue ${name}: ${answer.status}`);
  return answer.json();
}

let turn = 0;

/** Change the language; everything that is drawn is drawn anew. */
export async function speak(code) {
  const mine = (turn += 1);
  const [own, ofPlant] = await Promise.all([
    catalogue(code), code === "en" ? {} : catalogue(`plant.${code}`),
  ]);
  if (mine !== turn) return; // another language was asked for meanwhile
  batch(() => {
    texts.value = own;
    plant.value = phrases(ofPlant);
    language.value = code;
  });
  document.documentElement.lang = code;
  localStorage.setItem(KEPT, code);
}

/** Load the texts before the first screen. */
export const ready = () => speak(language.value);

/**
 * The text of a key, with {names} filled in. A key without a text shows itself.
 * @param {string} key @param {Record<string, string|number>} [values]
 */
export function t(key, values) {
  const text = texts.value[key] ?? key;
  return values ? text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all) : text;
}

/** Whether there is a text for a key. */
export const has = (key) => key in texts.value;

/** Words of the plant (a description, a label, a title) in the language of the user. */
export function said(words) {
  return words ? (plant.value(words) ?? words) : "";
}

/** A sentence of the server and the language it is shown in: English where there are no words for it. */
export function saidIn(words) {
  const text = plant.value(words);
  return { words: text ?? words, lang: text === undefined ? "en" : language.value };
}

/** A text of an alarm. part: text, cause, consequence or action. */
export function ofAlarm(alarm, part) {
  return plant.value(`${alarm.key}:${part}`) ?? said(alarm[part]);
}

/** The reasons of an answer of the server: its code in words, then what it said itself. */
export const problemText = (problem) =>
  has(`problem.${problem.code}`) ? t(`problem.${problem.code}`) : problem.title || problem.code;
