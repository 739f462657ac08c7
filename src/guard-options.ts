import type { MigrationInput } from "./database/migration-files.ts";
import type { Connection } from "./database/open.ts";
import type { NamedLayout } from "./launch/context.ts";
import type { ProgressEvent } from "./report.ts";
import type { WorkerOptions } from "./start-worker.ts";

export interface GuardOptions extends WorkerOptions {
  /** The running version (semver); wins over `db-app-version`. */
  readonly appVersion?: string;
  /** Migrations in code, for bundled applications; wins over `db-migrations`. */
  readonly migrations?: readonly MigrationInput[];
  /**
   * For applications with a migrator of their own (drizzle, kysely, prisma): names what is applied in `db` and
   * what the application knows, in order. Must not write. Goes with `migrate`; `db-migrations` is not read then.
   */
  readonly layout?: (db: Connection) => NamedLayout;
  /** Brings `db` to the application's layout. It works on a copy, which takes the database's place when complete. */
  readonly migrate?: (db: Connection) => unknown;
  /** Opens a database whose layout is this app's, and writes nothing. Default false. */
  readonly readonly?: boolean;
  /** Told of progress; what it throws is swallowed. */
  readonly onEvent?: (event: ProgressEvent) => void;
  /** Aborts the launch with ABORTED; the database is as it was, or whole and new. */
  readonly signal?: AbortSignal;
  /** Gets a line for each action, warning and refusal. */
  readonly logger?: Pick<Console, "info" | "warn" | "error">;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}
