// Light and dark: as the system has it, unless the user fixes one.

import { computed, signal } from "@preact/signals";

const KEPT = "dryline-theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const systemDark = signal(system.matches);

/** system | light | dark */
export const chosen = signal(localStorage.getItem(KEPT) ?? "system");
/** light | dark */
export const theme = computed(() => (chosen.value === "system" ? (systemDark.value ? "dark" : "light") : chosen.value));

export function choose(name) {
  chosen.value = name;
  localStorage.setItem(KEPT, name);
}

system.addEventListener("change", () => { systemDark.value = system.matches; });
theme.subscribe((name) => { document.documentElement.dataset.theme = name; });
