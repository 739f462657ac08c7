/** The process is gone in the middle of a case. */
import type { Sabotage } from "../trial.ts";

export const sabotage: Sabotage = () => void process.kill(process.pid, "SIGKILL");
