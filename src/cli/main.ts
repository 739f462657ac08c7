#!/usr/bin/env node
/**
 * The command line begins here, and ends: nothing else catches what was not foreseen or sets the exit status.
 * The rest is loaded once the runtime is known to do, for loading better-sqlite3 crashes an older one.
 */
import { checkRuntime } from "../database/open.ts";
import { hasCode, toHoldfastError } from "../errors.ts";
import { exitStatusOfThrown } from "./exit-status.ts";
import { renderThrown } from "./render-error.ts";

function fail(error: unknown): void {
  process.stderr.write(renderThrown(error));
  process.exitCode = exitStatusOfThrown(error);
}

process.stdout.on("error", (error) => {
  // A reader that has seen enough (`| head`) is no fault, and the launch goes on to its end.
  if (!hasCode(error) || error.code !== "EPIPE") fail(toHoldfastError(error, "writing to standard output") ?? error);
});
// Where nothing can be said, the exit status speaks.
process.stderr.on("error", () => {});

try {
  checkRuntime();
  const { run } = await import("./program.ts");
  const exitStatus = await run(process.argv.slice(2));
  process.exitCode ??= exitStatus;
} catch (error) {
  fail(error);
}
