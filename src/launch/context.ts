/** What a launch works with beside the tools: the application's wishes, and how it is to go about them. */
import type { Layout } from "../database/layout.ts";
import type { Migration } from "../database/migrations.ts";
import type { Connection } from "../database/open.ts";
import type { FileLock } from "../platform/lock.ts";
import type { Settings } from "../settings.ts";
import type { Toolbox } from "../toolbox.ts";

/** What an application's own migrator says of a database: what is applied in it, and what the app knows. */
export interface NamedLayout {
  readonly applied: Layout;
  readonly known: Layout;
}

export interface OwnMigrator {
  /** Must not write. */
  readonly layout: (db: Connection) => NamedLayout;
  readonly migrate: (db: Connection) => unknown;
}

export interface Context extends Toolbox {
  readonly settings: Settings;
  /** `performance.now()` at the call. */
  readonly begun: number;
  readonly migrations: readonly Migration[];
  readonly own: OwnMigrator | null;
  readonly readonly: boolean;
  /** Look and decide, but change nothing. */
  readonly dryRun: boolean;
  /** Null where no lock file can or need be made. */
  readonly lock: FileLock | null;
}
