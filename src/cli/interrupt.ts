/** Ctrl-C: the first asks the work to stop where nothing is left half-way, the second does not ask. */
import { STATUS_OF } from "./exit-status.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

export interface Interruption {
  readonly signal: AbortSignal;
  /** From here on a signal ends the process, as it does by default. */
  end(): void;
}

/** @param onFirst told once that the end is being waited for */
export function interruptible(onFirst: () => void): Interruption {
  const controller = new AbortController();
  const stop = (name: string) => {
    if (controller.signal.aborted) process.exit(STATUS_OF.ABORTED);
    controller.abort(new Error(`it was interrupted (${name}).`));
    onFirst();
  };
  for (const name of SIGNALS) process.on(name, stop);
  return {
    signal: controller.signal,
    end() {
      for (const name of SIGNALS) process.off(name, stop);
    },
  };
}
