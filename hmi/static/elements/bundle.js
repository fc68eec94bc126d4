// Everything there is of a run in one file, and the sum by which it is known to be whole.

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { Problem } from "../api.js";
import { t } from "../i18n.js";
import { ProblemBox } from "./confirm.js";

const MAKE_MS = 120000;

/** id: of the run. The sum of its manifest is to be noted elsewhere: it proves the file later. */
export function TakeBundle({ id }) {
  const busy = useSignal(false), sum = useSignal(""), problem = useSignal(/** @type {any} */ (null));
  const take = async () => {
    busy.value = true;
    problem.value = null;
    try {
      sum.value = await fetched(id);
    } catch (error) {
      problem.value = error instanceof Problem ? error : new Problem({ code: "no answer" }, 0);
    }
    busy.value = false;
  };
  return html`<button type="button" class="nav-link" disabled=${busy.value} onClick=${take}>${t(busy.value ? "bundle.making" : "bundle.take")}</button>
    ${sum.value && html`<p class="bundle-sum" role="status">${t("bundle.sum")} <code>${sum.value}</code></p>`}<${ProblemBox} problem=${problem.value} />`;
}

/** Give the file to the browser; the sum. Throws Problem. */
async function fetched(id) {
  const answer = await fetch(`/api/v1/runs/${encodeURIComponent(id)}/bundle`, { cache: "no-store", signal: AbortSignal.timeout(MAKE_MS) });
  if (!answer.ok) throw new Problem(await answer.json(), answer.status);
  const address = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = `${id}.zip`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), MAKE_MS);
  return answer.headers.get("X-Manifest-SHA256") ?? "";
}
