/** A database that nobody will ever open, brought to a layout: it tells what tables and rows look like there. */
import { randomUUID } from "node:crypto";
import { createPrivateFile } from "../platform/atomic-file.ts";
import type { Layout } from "./layout.ts";
import { type MigrateOrder, migrateCopy, migrateInTransaction } from "./migrate.ts";
import { layoutOf, type Migration } from "./migrations.ts";
import type { Engine } from "./open.ts";

interface Apart {
  /** What has not been applied to it. */
  readonly pending: readonly Migration[];
  /** The layout that results. */
  readonly layout: Layout;
  readonly databaseId: string;
  readonly appVersion: string;
  /** ISO 8601, UTC. */
  readonly now: string;
}

/** @throws MIGRATION_FAILED */
export async function migrateApart(engine: Engine, path: string, apart: Apart): Promise<void> {
  const db = engine.open(path, "readwrite");
  const order: MigrateOrder = {
    ...apart,
    begin: async () => db.exec("BEGIN IMMEDIATE"),
    commit: async () => db.exec("COMMIT"),
    stop: () => {},
    onStep: () => {},
  };
  try {
    const together = apart.pending.every((migration) => migration.transaction);
    await (together ? migrateInTransaction(db, order) : migrateCopy(db, order));
  } finally {
    db.close();
  }
}

/** What all migrations make of an empty database, in a new file. */
export async function makeEmpty(
  engine: Engine,
  path: string,
  migrations: readonly Migration[],
  at: Pick<Apart, "appVersion" | "now">,
): Promise<void> {
  createPrivateFile(path);
  const whole = { pending: migrations, layout: layoutOf(migrations), databaseId: randomUUID(), ...at };
  await migrateApart(engine, path, whole);
}
