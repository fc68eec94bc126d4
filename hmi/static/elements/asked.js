// What is asked of the server and shown as it was answered: while it is asked, when it is refused,
// and when it is nothing, there are words.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { may, Problem } from "../api.js";
import { clockText } from "../format.js";
import { t } from "../i18n.js";
import { serverT } from "../live.js";
import { ProblemBox } from "./confirm.js";

/**
 * Ask whenever `key` changes, nothing while it is "". ask(ended): gives the answer, throws Problem;
 * everyMs: and again after so long. found: the newest answer, kept while it is asked again; at: server
 * time of it; cameMs: when it came, by performance.now(), for a plant's time may run at another speed;
 * old: the newest question was not answered.
 */
export function useAsked(key, ask, everyMs = 0) {
  const state = useSignal({ key, found: null, problem: null, at: 0, cameMs: 0 }), turn = useSignal(0);
  useEffect(() => {
    if (!key) return undefined;
    const ended = new AbortController();
    let timer = 0;
    const run = async () => {
      try {
        const found = await ask(ended.signal);
        if (!ended.signal.aborted) state.value = { key, found, problem: null, at: serverT.peek() || Date.now(), cameMs: performance.now() };
      } catch (error) {
        if (ended.signal.aborted) return;
        if (!(error instanceof Problem)) throw error;
        state.value = { ...(state.peek().key === key ? state.peek() : { key, found: null, at: 0, cameMs: 0 }), problem: error };
      }
      if (everyMs && !ended.signal.aborted) timer = setTimeout(run, everyMs);
    };
    run();
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, [key, turn.value]);
  const now = state.value.key === key ? state.value : { key, found: null, problem: null, at: 0, cameMs: 0 };
  return { ...now, old: Boolean(now.problem && now.found), again: () => { turn.value += 1; } };
}

/** Words in place of an answer that is not there; else what `children` makes of it. */
export function Answer({ asked, children }) {
  const { found, problem } = asked;
  if (!found && !problem) return html`<p class="empty" role="status">${t("screen.asking")}</p>`;
  return html`${problem && html`<div class="asked-problem"><${ProblemBox} problem=${problem} /><button type="button" class="act" onClick=${asked.again}>${t("asked.again")}</button></div>`}
    ${found && children(found)}`;
}

/** Since when the answer is so, and asking again. */
export function AsOf({ asked }) {
  return html`<span class="as-of"><span class="note">${asked.at ? t("asked.as_of", { time: clockText(asked.at) }) : ""}</span>
    <button type="button" class="nav-link" onClick=${asked.again}>${t("asked.refresh")}</button></span>`;
}

/** A screen that needs a permission says so to who has come by its address. */
export function Needs({ permission, children }) {
  if (may(permission)) return children;
  return html`<p class="empty">${t("screen.not_yours")} <a href="/">${t("frame.home")}</a></p>`;
}
