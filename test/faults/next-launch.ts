/** The plain next launch, in this process: how it ended, and which files may hold what is missed. */
import { join } from "node:path";
import type * as Holdfast from "../../src/index.ts";
import { HOLDFAST } from "./run-app.ts";

export interface NextLaunch {
  /** `opened`, the code of the refusal, or `failed`. */
  readonly outcome: string;
  readonly message: string;
  /** The database, and what `status` names beside it. */
  readonly files: readonly string[];
  readonly warnings: readonly string[];
}

const MOST_TIME = 30_000;

export async function nextLaunch(folder: string, version: string): Promise<NextLaunch> {
  const { guard, HoldfastError, status }: typeof Holdfast = await import(HOLDFAST);
  const settings = join(folder, "settings.toml");
  const ended = await within(async () => {
    try {
      const library = await guard(settings, { appVersion: version });
      const backup = await library.backup;
      await library.close();
      const warnings = [...library.report.warnings];
      if (backup.result === "failed") return { outcome: "failed", message: `the backup: ${backup.reason}`, warnings };
      return { outcome: "opened", message: "", warnings };
    } catch (error) {
      if (error instanceof HoldfastError) return { outcome: error.code, message: error.message, warnings: [] };
      return { outcome: "failed", message: String(error instanceof Error ? error.stack : error), warnings: [] };
    }
  });
  const { backups, demoted, quarantined, paths } = await status(settings, { appVersion: version });
  const named = [...backups.map((each) => each.file), ...[...demoted, ...quarantined].map((each) => each.file)];
  return { ...ended, files: [paths.database, ...named.map((file) => join(paths.backups, file))] };
}

async function within<T>(
  task: () => Promise<T>,
): Promise<T | { outcome: string; message: string; warnings: string[] }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<{ outcome: string; message: string; warnings: string[] }>((resolve) => {
    timer = setTimeout(
      () => resolve({ outcome: "hung", message: `after ${MOST_TIME / 1000} s`, warnings: [] }),
      MOST_TIME,
    );
  });
  try {
    return await Promise.race([task(), late]);
  } finally {
    clearTimeout(timer);
  }
}
