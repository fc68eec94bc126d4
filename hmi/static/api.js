// Requests: JSON, the CSRF token, an idempotency key, and a deadline after which nothing is believed.

import { signal } from "@preact/signals";

const BASE = "/api/v1";
export const DEADLINE_MS = 2000;
export const PROPOSE_MS = 8000;
export const LONG_MS = 20000; // for questions about history, passwords, exports

/** Who is logged in, as the server says; null when nobody is, undefined before it was asked. */
export const session = signal(/** @type {any} */ (undefined));
/** Set while an answer waits for the password to be entered again. */
export const asleep = signal(false);

/** An answer that is an error, or none at all (code "no answer"). */
export class Problem extends Error {
  constructor(body, status) {
    super(body.title || body.code);
    this.code = body.code;
    this.status = status;
    this.title = body.title || "";
    this.reasons = body.reasons || [];
    this.body = body;
  }
}

/**
 * Ask. Throws Problem. A change whose answer does not come in time is "unconfirmed": it may have
 * been done. body: sent as JSON; a text as it is, with its Content-Type among the headers.
 */
export async function ask(method, path, { body, deadline = DEADLINE_MS, headers = {}, key, signal: ended } = {}) {
  const sent = { Accept: "application/json", ...headers };
  if (method !== "GET") {
    sent["X-Requested-With"] = "dryline";
    sent["Idempotency-Key"] = key ?? crypto.randomUUID?.() ?? fallbackKey();
    if (session.value?.csrf) sent["X-CSRF-Token"] = session.value.csrf;
    if (body !== undefined) sent["Content-Type"] ??= "application/json";
  }
  let answer;
  try {
    answer = await fetch(BASE + path, {
      method, headers: sent, body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
      signal: until(deadline, ended), cache: "no-store",
    });
    if (answer.status === 204) return null;
    const found = await answer.json();
    if (answer.ok) return found;
    throw new Problem(found, answer.status);
  } catch (error) {
    if (error instanceof Problem) return refused(error);
    const code = method === "GET" ? "no answer" : "unconfirmed";
    throw new Problem({ code, reasons: [] }, answer?.status ?? 0);
  }
}

/** The deadline, or that nobody wants the answer any more. */
const until = (ms, ended) => {
  const deadline = AbortSignal.timeout(ms);
  return ended ? AbortSignal.any([deadline, ended]) : deadline;
};

function refused(problem) {
  if (problem.status === 401 && problem.code !== "login" && session.value) session.value = null; // a wrong password ends nothing
  if (problem.code === "idle") asleep.value = true;
  throw problem;
}

// Without TLS a page of another machine has no randomUUID.
function fallbackKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

/** A query string; a list gives its name several times. */
export function queryOf(values) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") query.append(name, one);
    }
  }
  return query.toString();
}

export const get = (path, values = {}, more = {}) => {
  const query = queryOf(values);
  return ask("GET", query ? `${path}?${query}` : path, more);
};
export const post = (path, body = {}, more = {}) => ask("POST", path, { body, ...more });
export const put = (path, body = {}, more = {}) => ask("PUT", path, { body, ...more });
export const remove = (path, more = {}) => ask("DELETE", path, more);

/** The first of two steps, which changes nothing yet. wish: verb, target, value, reason, version. */
export const propose = (station, wish) =>
  post(`/stations/${encodeURIComponent(station)}/changes`, wish, { deadline: PROPOSE_MS });

/** The second. seenT: server time of the newest frame that the person saw. */
export const execute = (token, seenT, ticket = "", deadline = DEADLINE_MS) =>
  post(`/changes/${encodeURIComponent(token)}/execute`, { seen_t: seenT, ticket }, { deadline });

/** The password again, for one purpose on one subject; the answer is good once, for a minute. */
export async function ticketFor(password, purpose, subject, code = "") {
  const found = await post("/session/reauth", { password, code, purpose, subject }, { deadline: LONG_MS });
  return found.ticket;
}

/** Headers for a route that asks for the password again. purpose: class of the act, as "users". */
export const withTicket = async (password, purpose, path, code = "") =>
  ({ "X-Dryline-Ticket": await ticketFor(password, purpose, BASE + path, code) });

/** Forget a proposal; it does not matter whether it still was there. */
export const withdraw = (token) => remove(`/changes/${encodeURIComponent(token)}`).catch(() => null);

/** Whether the user may do what needs a permission. */
export const may = (permission) => session.value?.permissions?.includes(permission) ?? false;

/** Ask who is logged in. */
export async function whoami() {
  try {
    session.value = await get("/session");
  } catch (error) {
    if (error.status === 401) session.value = null;
    else throw error;
  }
  return session.value;
}

export async function login(name, password, code = "") {
  session.value = await post("/session", { name, password, code }, { deadline: LONG_MS });
}

/** Throws Problem when the server has not confirmed it: then the session may still live. */
export async function logout() {
  await remove("/session", { deadline: LONG_MS });
  session.value = null;
}

/** The password again, to go on after a pause. */
export async function wake(password) {
  await post("/session/reauth", { password }, { deadline: LONG_MS });
  asleep.value = false;
}
