/** What work on a guarded database is done with, a launch's and a person's alike, and what it has told so far. */
import type { Engine } from "./database/open.ts";
import { HoldfastError, messageOf } from "./errors.ts";
import type { Places } from "./places.ts";
import { type Child, type Progress, wasCutOff } from "./platform/child.ts";
import { elapsedSince } from "./platform/elapsed.ts";
import type { ActionReport, ProgressEvent } from "./report.ts";
import type { Jobs } from "./worker.ts";

export interface Toolbox {
  readonly places: Places;
  readonly engine: Engine;
  readonly signal: AbortSignal | undefined;
  readonly now: () => Date;
  readonly onEvent: (event: ProgressEvent) => void;
  /** The child process that is at work for this, or a new one when it died. */
  readonly child: () => Child;
  readonly actions: ActionReport[];
  readonly warnings: string[];
}

export async function runJob<Name extends keyof Jobs>(
  tools: Pick<Toolbox, "child" | "places" | "signal">,
  job: Name,
  input: Jobs[Name]["input"],
  onProgress?: (progress: Progress) => void,
): Promise<Jobs[Name]["result"]> {
  try {
    return await tools.child().run(job, input, { onProgress, signal: tools.signal });
  } catch (error) {
    throw wasCutOff(error) ? aboutFile(error, "path" in input ? input.path : tools.places.database) : error;
  }
}

function aboutFile(error: HoldfastError, path: string): HoldfastError {
  const { code, hint, details } = error;
  return new HoldfastError({ code, message: `${path}: ${error.message}`, hint, details: { ...details, path } });
}

/** @throws ABORTED when the caller's signal says so */
export function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted(signal.reason);
}

/** @param what was under way */
export function aborted(reason: unknown, what = "The launch"): HoldfastError {
  return new HoldfastError(
    {
      code: "ABORTED",
      message: `${what} was aborted: ${messageOf(reason)}`,
      hint: "Start again; the database is as it was.",
    },
    { cause: reason },
  );
}

/** Adds what was done to the report, with its time. */
export function reporter({ actions }: Pick<Toolbox, "actions">): (action: ActionReport) => void {
  const begun = performance.now();
  return (action) => actions.push({ ...action, ms: elapsedSince(begun) });
}

/** Copies the live file through a child: its descriptors must not be opened and closed in this process. */
export function copier(
  tools: Pick<Toolbox, "child" | "places" | "signal">,
): (from: string, to: string) => Promise<void> {
  return async (from, to) => {
    await runJob(tools, "copy", { from, to });
  };
}
