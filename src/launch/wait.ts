/** Waiting for others: another launch, a running application, a program that has the database open. */

import { HoldfastError, toHoldfastError } from "../errors.ts";
import { fs } from "../platform/builtins.ts";
import { FileLock, poll } from "../platform/lock.ts";
import type { Settings } from "../settings.ts";
import type { Toolbox } from "../toolbox.ts";
import type { Context } from "./context.ts";
import type { Doing } from "./decide.ts";
import type { Facts } from "./facts.ts";
import { observe } from "./observe.ts";

const { existsSync } = fs;

export async function wait(context: Context, facts: Facts, decision: Doing<"wait">): Promise<Facts> {
  const { lock, settings, signal } = context;
  if (!lock) return { ...facts, waited: true };
  context.onEvent({ kind: "wait", message: decision.reason });
  lock.letGo();
  const left = Math.max(0, settings.lockTimeout - (performance.now() - context.begun));
  // A launch that finishes becomes a running application, beside which this one may be able to open at once.
  const mayShare = facts.lock === "taken";
  const held = await poll(
    () => (!context.readonly && lock.tryExclusive()) || (mayShare && lock.tryShared()),
    left,
    signal,
  );
  if (held && lock.state === "exclusive") await orphansGone(context);
  if (held) return await observe(context, false);
  return lock.tryShared() ? await observe(context, true) : { ...facts, lock: "taken", waited: true };
}

/** Alone where possible, else beside a running application; false while another launch is under way. */
export async function acquire(context: Context): Promise<boolean> {
  const { lock } = context;
  if (!lock) return true;
  if (context.readonly || !lock.tryExclusive()) return lock.tryShared();
  await orphansGone(context);
  return true;
}

/** What waiting takes. */
export interface Patience extends Pick<Toolbox, "engine" | "places" | "signal"> {
  readonly settings: Pick<Settings, "lockTimeout">;
}

/** The child of an application that was killed works on until it notices; it must not do so beside a launch. */
export async function orphansGone({ engine, places, settings, signal }: Patience): Promise<void> {
  if (!existsSync(places.workerLock)) return;
  const lock = new FileLock(engine.openPlain, places.workerLock);
  try {
    if (await poll(() => lock.tryExclusive(), settings.lockTimeout, signal)) return;
  } finally {
    lock.release();
  }
  throw new HoldfastError({
    code: "DB_IN_USE",
    message: `The backup of an application that has ended is still at work on ${places.database}.`,
    hint: "Wait until its process has ended, then start again.",
    details: { path: places.database, lock: places.workerLock },
  });
}

/**
 * Tries until another program lets go of the database, or `db-lock-timeout` is over. Without SQLite's own busy
 * timeout, which would keep the event loop from turning.
 */
export async function whenFree<T>({ places, settings, signal }: Patience, task: () => T): Promise<T> {
  let result: { value: T } | undefined;
  let last: unknown;
  const attempt = () => {
    try {
      result = { value: task() };
      return true;
    } catch (error) {
      last = error;
      if (toHoldfastError(error, "waiting")?.code !== "DB_IN_USE") throw error;
      return false;
    }
  };
  await poll(attempt, settings.lockTimeout, signal);
  if (result) return result.value;
  throw toHoldfastError(last, `waiting for ${places.database}`) ?? last;
}
