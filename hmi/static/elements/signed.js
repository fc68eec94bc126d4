// What changes which recipe a station follows: why, then what that changes, then the signature.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n.js";
import { leaves } from "../leaving.js";
import { fresh, link, locked } from "../live.js";
import { Diff } from "./diff.js";
import { TwoStep, useChange } from "./twostep.js";

/**
 * title: of the form; make(reason): first step, gives a proposal; words(proposal): what it does;
 * ready: the fields in children are right; reasonWords: how the reason is asked for, "" for no reason;
 * onDone(): it was carried out; onClose(): nobody wants it any more.
 */
export function SignedChange({ title, make, words, ready = true, reasonWords = t("change.reason"), onDone, onClose, children }) {
  const change = useChange();
  const why = useSignal(""), over = useRef(false), place = useRef(/** @type {any} */ (null));
  const { step, proposal } = change.at.value;
  useEffect(() => {
    if (step === "done") {
      over.current = true;
      onDone?.();
    } else if (step === "idle" && over.current) onClose();
  }, [step]);
  useEffect(() => place.current?.querySelector("input, select")?.focus(), []);
  const propose = (event) => {
    event.preventDefault();
    if (fresh()) change.begin(() => make(why.value.trim()));
  };
  const onKey = (event) => {
    if (!leaves(event)) return;
    event.preventDefault();
    onClose();
  };
  const dead = link.value !== "live" || locked.value || !ready || (reasonWords !== "" && !why.value.trim());
  if (step === "idle") {
    return html`<form class="acting" aria-label=${title} onSubmit=${propose} onKeyDown=${onKey} ref=${place}><h3>${title}</h3>${children}
      ${reasonWords && html`<label class="field">${reasonWords}<input class="why" value=${why.value} maxlength="500" onInput=${(e) => { why.value = e.currentTarget.value; }} /></label>`}
      <div class="buttons first"><button type="submit" class="act" disabled=${dead}>${t("recipe.propose")}…</button>
        <button type="button" class="act" onClick=${onClose}>${t("change.cancel")}</button></div></form>`;
  }
  return html`<div class="acting"><h3>${title}</h3>
    ${step === "proposed" && proposal.recipe && html`<h4>${t("recipe.changes")}</h4><div class="scroll" tabindex="0" role="region" aria-label=${t("recipe.changes")}><${Diff} diff=${proposal.diff} /></div>`}
    <${TwoStep} change=${change} words=${proposal && words(proposal)} /></div>`;
}
