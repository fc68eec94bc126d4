// The states of a station's procedure by their MTP codes, and what a person may do in each.

/** code -> [name, is it under way, commands that are enabled] */
const TABLE = {
  4: ["STOPPED", false, ["RESET", "ABORT"]],
  8: ["STARTING", true, ["HOLD", "STOP", "COMPLETE", "ABORT"]],
  16: ["IDLE", false, ["START", "STOP", "ABORT"]],
  32: ["PAUSED", false, ["RESUME", "HOLD", "STOP", "COMPLETE", "ABORT"]],
  64: ["EXECUTE", true, ["PAUSE", "HOLD", "COMPLETE", "STOP", "RESTART", "ABORT"]],
  128: ["STOPPING", true, ["ABORT"]],
  256: ["ABORTING", true, []],
  512: ["ABORTED", false, ["RESET"]],
  1024: ["HOLDING", true, ["STOP", "ABORT"]],
  2048: ["HELD", false, ["UNHOLD", "STOP", "ABORT"]],
  4096: ["UNHOLDING", true, ["HOLD", "STOP", "COMPLETE", "ABORT"]],
  8192: ["PAUSING", true, ["HOLD", "STOP", "COMPLETE", "ABORT"]],
  16384: ["RESUMING", true, ["HOLD", "STOP", "COMPLETE", "ABORT"]],
  32768: ["RESETTING", true, ["STOP", "ABORT"]],
  65536: ["COMPLETING", true, ["HOLD", "STOP", "ABORT"]],
  131072: ["COMPLETED", false, ["RESET", "STOP", "ABORT"]],
};

export const stateName = (code) => TABLE[code]?.[0] ?? "";
export const underWay = (code) => TABLE[code]?.[1] ?? false;
/** Commands that are enabled, the usual one first. */
export const enabled = (code) => TABLE[code]?.[2] ?? [];
export const CODES = Object.keys(TABLE).map(Number);
/** Commands that bring a station to rest: anybody who may operate may give them. */
export const RESTING = ["STOP", "HOLD", "ABORT"];
