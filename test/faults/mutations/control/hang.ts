/** A case that comes to no end. */
import type { Sabotage } from "../trial.ts";

export const sabotage: Sabotage = () => {
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
};
