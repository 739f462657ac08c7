/** The question before anything is changed. */
import { createInterface } from "node:readline/promises";

/** Says what is going to be done, and asks; anything but a yes is a no, and so is the end of the input. */
export async function askOnTerminal(plan: string, signal: AbortSignal): Promise<boolean> {
  process.stderr.write(plan);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // In raw mode the terminal hands Ctrl-C over as a letter, and sends no signal.
  terminal.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  const ended = new Promise<string>((resolve) => terminal.once("close", () => resolve("")));
  try {
    const answer = await Promise.race([terminal.question("Go on? [y/N] ", { signal }), ended]);
    return /^\s*y(es)?\s*$/i.test(answer);
  } finally {
    terminal.close();
  }
}
