/** Escape pressed to leave, and not to take back a word that is being composed (as Japanese is written). */
export const leaves = (event) => event.key === "Escape" && !event.isComposing;
