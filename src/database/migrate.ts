/**
 * Running pending migrations through umzug, with the ledger as its storage. umzug is loaded here and only when
 * something is pending: loading it costs more than a whole launch without it.
 */
import { HoldfastError, isCorruption, messageOf, toHoldfastError } from "../errors.ts";
import { fingerprint, type Layout } from "./layout.ts";
import type { Migration } from "./migrations.ts";
import type { Connection } from "./open.ts";
import { appendToLedger, createLedger, removeFromLedger, type Stamp, writeStamp } from "./stamp.ts";
import { firstTransactionStatement, splitStatements } from "./statements.ts";

export interface MigrateOrder {
  /** What is pending, in order. */
  readonly pending: readonly Migration[];
  /** The layout that results. */
  readonly layout: Layout;
  readonly databaseId: string;
  readonly appVersion: string;
  readonly now: string;
  /** Begins the transaction, in the caller's way of waiting for other programs. */
  readonly begin: () => Promise<unknown>;
  /** Throws where the launch is to stop; nothing is committed then. */
  readonly stop: () => void;
  /** Called before each. */
  readonly onStep: (name: string, done: number, total: number) => void;
}

export interface MigrateOutcome {
  readonly applied: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Runs all pending migrations and writes the stamp in one transaction, with foreign keys off, since a table
 * rebuild would otherwise empty the tables that refer to it (https://sqlite.org/lang_altertable.html, 7), and
 * with synchronous=FULL. A failure rolls everything back.
 *
 * @throws MIGRATION_FAILED with the migration, its error, and what was not applied
 */
export async function migrateInTransaction(db: Connection, order: MigrateOrder): Promise<MigrateOutcome> {
  const restore = prepareConnection(db);
  try {
    const before = violationsIfCheckable(db);
    await order.begin();
    try {
      const applied = await runWithUmzug(db, order, true);
      requireNoNewViolations(db, before, order, applied);
      writeStamp(db, stampOf(order));
      order.stop();
      db.exec("COMMIT");
      return { applied, warnings: oldViolations(before) };
    } catch (error) {
      if (db.inTransaction) db.exec("ROLLBACK");
      throw error;
    }
  } finally {
    restore();
  }
}

/**
 * Runs pending migrations each on its own. Some cannot run in a transaction; for a copy that is thrown away
 * when one fails.
 */
export async function migrateCopy(db: Connection, order: MigrateOrder): Promise<MigrateOutcome> {
  const restore = prepareConnection(db);
  try {
    const before = violationsIfCheckable(db);
    const applied = await runWithUmzug(db, order, false);
    requireNoNewViolations(db, before, order, applied);
    writeStamp(db, stampOf(order));
    return { applied, warnings: oldViolations(before) };
  } finally {
    restore();
  }
}

function stampOf(order: MigrateOrder): Stamp {
  const { databaseId, appVersion, layout, now } = order;
  return { databaseId, appVersion, layout: fingerprint(layout), changedAt: now };
}

function prepareConnection(db: Connection): () => void {
  const foreignKeys = db.pragma("foreign_keys", { simple: true });
  const synchronous = db.pragma("synchronous", { simple: true });
  db.pragma("foreign_keys = OFF");
  db.pragma("synchronous = FULL");
  return () => {
    db.pragma(`foreign_keys = ${foreignKeys}`);
    db.pragma(`synchronous = ${synchronous}`);
  };
}

async function runWithUmzug(db: Connection, order: MigrateOrder, together: boolean): Promise<string[]> {
  const { Umzug } = await import("umzug");
  createLedger(db);
  const applied: string[] = [];
  const { pending } = order;
  const runner = new Umzug<Connection>({
    context: db,
    logger: undefined,
    migrations: pending.map((migration, position) => ({
      name: migration.name,
      up: async () => {
        order.stop();
        order.onStep(migration.name, position, pending.length);
        await runOne(db, migration, together);
      },
    })),
    storage: {
      executed: async () =>
        db.prepare("SELECT name FROM _holdfast_migrations ORDER BY position").pluck().all() as string[],
      logMigration: async ({ name }) => {
        const migration = pending.find((each) => each.name === name);
        if (!migration) return;
        const { checksum, compatibleSince, down } = migration;
        appendToLedger(db, {
          name,
          checksum,
          compatibleSince,
          down,
          appliedAt: order.now,
          appVersion: order.appVersion,
        });
        applied.push(name);
      },
      unlogMigration: async ({ name }) => removeFromLedger(db, name),
    },
  });
  try {
    await runner.up();
  } catch (error) {
    order.stop();
    const running = pending[applied.length];
    throw failure(
      order,
      running?.name ?? "",
      causeOf(error),
      pending.slice(applied.length).map((each) => each.name),
    );
  }
  return applied;
}

async function runOne(db: Connection, migration: Migration, together: boolean): Promise<void> {
  const up = await migration.load();
  if (typeof up === "function") {
    await up(together ? withoutTransactionControl(db) : db);
  } else {
    for (const statement of splitStatements(up)) {
      try {
        db.exec(statement.text);
      } catch (error) {
        throw Object.assign(new Error(`line ${statement.line}: ${messageOf(error)}`), { cause: error });
      }
    }
  }
  if (together && !db.inTransaction) throw new Error("it ended the transaction that all pending migrations share");
  if (!together && db.inTransaction) throw new Error("it began a transaction and left it open");
}

/** The connection as a scripted migration sees it: what would end the shared transaction throws before it runs. */
function withoutTransactionControl(db: Connection): Connection {
  const refuse = (sql: string): void => {
    const found = firstTransactionStatement(sql);
    if (found) throw new Error(`it says ${found.verb}, but all pending migrations run in one transaction`);
  };
  return new Proxy(db, {
    get(target, key) {
      const value = Reflect.get(target, key, target) as unknown;
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (key === "close") throw new Error("it closes the connection");
        if ((key === "exec" || key === "prepare") && typeof args[0] === "string") refuse(args[0]);
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
}

function failure(order: MigrateOrder, name: string, cause: unknown, notApplied: readonly string[]): HoldfastError {
  const left = notApplied.filter((each) => each !== name);
  return new HoldfastError(
    {
      code: "MIGRATION_FAILED",
      message: `The migration ${name} failed: ${messageOf(cause)}. Nothing of it stays; ${left.length > 0 ? `${left.join(", ")} ${left.length === 1 ? "was" : "were"} not applied either, and ` : ""}the database is as it was.`,
      hint: "The version of the application that was used before still opens this database. Its makers have to mend the migration.",
      details: {
        migration: name,
        error: messageOf(cause),
        notApplied: [...new Set([name, ...notApplied])],
        appVersion: order.appVersion,
      },
    },
    { cause },
  );
}

/** umzug wraps what a migration threw. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}

/**
 * Violated foreign keys, counted by table, parent and the values that have none. Not by rowid: a rebuilt table
 * may number its rows anew, and its old faults are still old.
 */
function violations(db: Connection): Map<string, number> {
  const counts = new Map<string, number>();
  const columns = new Map<string, string[]>();
  const rows = db.prepare("PRAGMA foreign_key_check").all() as {
    table: string;
    rowid: number | null;
    parent: string;
    fkid: number;
  }[];
  for (const { table, rowid, parent, fkid } of rows) {
    const id = `${table}\n${fkid}`;
    if (!columns.has(id)) columns.set(id, childColumns(db, table, fkid));
    const names = columns.get(id) ?? [];
    const values =
      rowid === null
        ? []
        : db
            .prepare(`SELECT ${names.map(quote).join()} FROM ${quote(table)} WHERE rowid = ?`)
            .raw()
            .get(rowid);
    const key = JSON.stringify([table, parent, names, values], (_, value: unknown) =>
      typeof value === "bigint" ? String(value) : value,
    );
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

function childColumns(db: Connection, table: string, fkid: number): string[] {
  const rows = db.pragma(`foreign_key_list(${quote(table)})`) as { id: number; seq: number; from: string }[];
  return rows
    .filter((row) => row.id === fkid)
    .sort((a, b) => a.seq - b.seq)
    .map((row) => row.from);
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Null when a declaration of the application's, such as a parent without a unique key, makes a check impossible. */
function violationsIfCheckable(db: Connection): Map<string, number> | null {
  try {
    return violations(db);
  } catch (error) {
    if (isCorruption(error) || toHoldfastError(error, "checking foreign keys")) throw error;
    return null;
  }
}

function requireNoNewViolations(
  db: Connection,
  before: ReadonlyMap<string, number> | null,
  order: MigrateOrder,
  applied: readonly string[],
): void {
  if (before === null) return;
  const found = [...violations(db)].find(([key, count]) => count > (before.get(key) ?? 0));
  if (!found) return;
  const [table, parent, names, values] = JSON.parse(found[0]) as [string, string, string[], unknown[]];
  const why = `FOREIGN KEY constraint failed: ${table}(${names.join()}) = ${JSON.stringify(values)} has no row in ${parent}`;
  throw failure(order, applied.at(-1) ?? "", new Error(why), []);
}

function oldViolations(before: ReadonlyMap<string, number> | null): string[] {
  if (before === null)
    return ["The foreign keys could not be checked before the migrations ran, and were not compared after."];
  const count = [...before.values()].reduce((sum, each) => sum + each, 0);
  if (count === 0) return [];
  const [rows, were] = count === 1 ? ["row", "was"] : ["rows", "were"];
  return [`${count} ${rows} broke a foreign key before the migrations ran, and ${were} left as found.`];
}
