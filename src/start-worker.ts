/** Starts Holdfast's own child process. It stands beside the worker, which it finds by its own address. */
import { Child } from "./platform/child.ts";

export interface WorkerOptions {
  /** URL of a module that exports `open(path, mode)` (see `Opener`); it is used in child processes too. */
  readonly opener?: string | URL;
  /** URL of Holdfast's own worker (`holdfast/worker`), for an application that is bundled into one file. */
  readonly worker?: string | URL;
}

export function startWorker({ opener, worker }: WorkerOptions): Child {
  const file = import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js";
  const url = worker === undefined ? new URL(file, import.meta.url) : new URL(worker);
  return new Child(url, opener === undefined ? [] : [String(opener)]);
}
