/**
 * The application that is cut off: it launches, writes its rows, tells of each when its commit has returned, and
 * closes. Run with its types stripped, for they cost as much as the launch.
 */
import { writeSync } from "node:fs";
import type * as Holdfast from "../../src/index.ts";

export interface AppOrder {
  readonly holdfast: string;
  readonly settings: string;
  readonly version: string;
  readonly rows: readonly string[];
  /** What Holdfast's child is run with, in the place of Node. */
  readonly childPath: string | null;
  /** It is killed with its rows in the log, before it can close. */
  readonly dies: boolean;
  /** What a person asks for by hand, in the place of a launch. */
  readonly operation?: Operation | undefined;
  /** Each commit is flushed before it returns. */
  readonly durable?: boolean;
}

export interface Operation {
  readonly name: "restore" | "move" | "merge" | "backup";
  readonly argument: string;
}

/** One line of its output. */
export type AppWord =
  | { readonly done: string }
  | { readonly committed: string }
  | { readonly opened: readonly string[]; readonly warnings: readonly string[] }
  | { readonly backup: string; readonly code: string | null; readonly why: string }
  | { readonly refused: string; readonly message: string }
  | { readonly failed: string };

const say = (word: AppWord) => void writeSync(1, `${JSON.stringify(word)}\n`);
const order: AppOrder = JSON.parse(process.argv[2] ?? "{}");
if (order.childPath !== null) process.execPath = order.childPath;
const holdfast: typeof Holdfast = await import(order.holdfast);
const { guard, HoldfastError } = holdfast;

let library: Holdfast.Guarded | undefined;
try {
  if (order.operation) await operate(order.operation);
  else await work();
} catch (error) {
  tell(error);
} finally {
  await library?.close().catch(tell);
}

async function operate({ name, argument }: Operation): Promise<void> {
  const options = { appVersion: order.version };
  if (name === "backup") await holdfast.backup(order.settings, { ...options, output: argument });
  else await holdfast[name](order.settings, argument, options);
  say({ done: name });
}

async function work(): Promise<void> {
  library = await guard(order.settings, { appVersion: order.version });
  say({
    opened: library.report.actions.map(({ action, file }) => `${action} ${file ?? ""}`),
    warnings: library.report.warnings,
  });
  const { result, error, reason } = await library.backup;
  say({ backup: result, code: error?.code ?? null, why: reason });
  // In a rollback-journal mode a commit is durable only once the folder is: https://sqlite.org/pragma.html#pragma_synchronous
  if (order.durable) library.db.pragma("synchronous = EXTRA");
  for (const title of order.rows) {
    library.db.prepare("INSERT INTO book (title) VALUES (?)").run(title);
    say({ committed: title });
  }
  if (order.dies) process.kill(process.pid, "SIGKILL");
}

function tell(error: unknown): void {
  if (error instanceof HoldfastError) say({ refused: error.code, message: error.message });
  else say({ failed: String(error instanceof Error ? (error.stack ?? error.message) : error) });
  process.exitCode = 1;
}
