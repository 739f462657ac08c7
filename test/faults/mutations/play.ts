/** The application after the damage: one plain launch, its backup, a row written, and the close. */
import { join } from "node:path";
import type * as Holdfast from "../../../src/index.ts";
import { HOLDFAST } from "../run-app.ts";
import { VERSION } from "./beginnings.ts";

export interface Ended {
  /** `opened`, the code of the refusal, or `failed`. */
  readonly outcome: string;
  readonly message: string;
  /** The path that was opened. */
  readonly database: string;
  readonly actions: readonly { readonly action: string; readonly file: string; readonly unchanged: boolean }[];
  readonly warnings: readonly string[];
  /** What became of the backup. */
  readonly backup: string;
  /** A check behind the application found damage. */
  readonly suspect: boolean;
  /** Why the application could not write its row. */
  readonly unwritten: string | null;
}

export const WRITTEN = "written after the damage";

export async function launchOnce(folder: string): Promise<Ended> {
  const { guard, HoldfastError }: typeof Holdfast = await import(HOLDFAST);
  let suspect = false;
  const onEvent = (event: { kind: string }) => {
    suspect ||= event.kind === "suspect";
  };
  const ended = { database: "", actions: [], warnings: [], backup: "", suspect: false, unwritten: null };
  try {
    const library = await guard(join(folder, "settings.toml"), { appVersion: VERSION, onEvent });
    const backup = await library.backup;
    const unwritten = write(library.db);
    await library.close();
    const { actions, warnings, database } = library.report;
    return {
      outcome: "opened",
      message: "",
      database,
      actions: actions.map(({ action, file = "", unchanged = false }) => ({ action, file, unchanged })),
      warnings,
      backup: `${backup.result}: ${backup.reason}`,
      suspect,
      unwritten,
    };
  } catch (error) {
    if (!(error instanceof HoldfastError))
      return { ...ended, outcome: "failed", message: String(error instanceof Error ? error.stack : error) };
    const actions = (error.report?.actions ?? []).map(({ action, file = "" }) => ({ action, file, unchanged: false }));
    return { ...ended, outcome: error.code, message: `${error.message} ${error.hint}`, actions };
  }
}

function write(db: Holdfast.Guarded["db"]): string | null {
  try {
    db.prepare("INSERT INTO book (title) VALUES (?)").run(WRITTEN);
    return null;
  } catch (error) {
    return `${(error as { code?: string }).code}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
