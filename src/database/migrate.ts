/**
 * Running pending migrations through umzug, with the ledger as its storage. umzug is loaded here and only when
 * something is pending: loading it costs more than a whole launch without it.
 */
import { failureOfMedium, HoldfastError, isCorruption, messageOf, toHoldfastError } from "../errors.ts";
import { fingerprint, type Layout } from "./layout.ts";
import type { Migration } from "./migrations.ts";
import type { Connection } from "./open.ts";
import { quote } from "./quote.ts";
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
  /** Ends it, in the same way. */
  readonly commit: () => Promise<unknown>;
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
    await order.begin();
    try {
      const faults = new ForeignKeyFaults(db);
      const applied = await runWithUmzug(db, order, faults, true);
      writeStamp(db, stampOf(order));
      order.stop();
      await order.commit();
      return { applied, warnings: faults.warnings };
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
    const faults = new ForeignKeyFaults(db);
    const applied = await runWithUmzug(db, order, faults, false);
    writeStamp(db, stampOf(order));
    return { applied, warnings: faults.warnings };
  } finally {
    if (db.inTransaction) db.exec("ROLLBACK");
    restore();
  }
}

function stampOf(order: MigrateOrder): Stamp {
  const { databaseId, appVersion, layout, now } = order;
  return { databaseId, appVersion, layout: fingerprint(layout), changedAt: now };
}

/** Outside a transaction, in which these settings do nothing. What it returns sets them back. */
export function prepareConnection(db: Connection): () => void {
  const foreignKeys = db.pragma("foreign_keys", { simple: true });
  const synchronous = db.pragma("synchronous", { simple: true });
  db.pragma("foreign_keys = OFF");
  db.pragma("synchronous = FULL");
  return () => {
    db.pragma(`foreign_keys = ${foreignKeys}`);
    db.pragma(`synchronous = ${synchronous}`);
  };
}

async function runWithUmzug(
  db: Connection,
  order: MigrateOrder,
  faults: ForeignKeyFaults,
  together: boolean,
): Promise<string[]> {
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
        // Marked, so that it can be found out afterwards which one is to blame; one look at all rows is dear enough.
        if (together && position > 0) db.exec(`SAVEPOINT ${markBefore(position)}`);
        await runOne(db, migration, together);
        if (!together) faults.lookAfter(migration.name);
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
    throw failure(order, pending[applied.length]?.name ?? "", causeOf(error));
  }
  const fault = together ? blame(db, pending, faults) : faults.stillThere();
  if (fault) throw failure(order, fault.migration, new Error(fault.why));
  return applied;
}

function markBefore(position: number): string {
  return `_holdfast_before_${position}`;
}

/** The fault that is there after all of them, and the first migration that it was there after. */
function blame(
  db: Connection,
  pending: readonly Migration[],
  faults: ForeignKeyFaults,
): { migration: string; why: string } | null {
  const last = pending.at(-1)?.name ?? "";
  faults.lookAfter(last);
  const fault = faults.stillThere();
  if (!fault) return null;
  // The transaction is rolled back in any case; on the way there each state can be looked at once more.
  let culprit = last;
  for (let position = pending.length - 1; position > 0; position--) {
    db.exec(`ROLLBACK TO ${markBefore(position)}`);
    const before = pending[position - 1]?.name ?? "";
    faults.lookAfter(before);
    if (faults.stillThere()?.why !== fault.why) break;
    culprit = before;
  }
  return { migration: culprit, why: fault.why };
}

async function runOne(db: Connection, migration: Migration, together: boolean): Promise<void> {
  const up = await migration.load();
  if (typeof up === "function") {
    await up(together ? withoutTransactionControl(db) : db);
  } else {
    for (const statement of splitStatements(up)) {
      if (together) refuseTransactionControl(statement.text);
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

function refuseTransactionControl(sql: string): void {
  const found = firstTransactionStatement(sql);
  if (found) throw new Error(`it says ${found.verb}, but all pending migrations run in one transaction`);
}

/**
 * The connection as a scripted migration sees it: what would end the shared transaction throws before it runs. What
 * the methods return leads back to the connection, and is wrapped as well.
 */
function withoutTransactionControl(db: Connection): Connection {
  // The proxy stands for an empty object: a frozen property of the real one would have to be handed out as it is.
  const wrap = <T extends object>(target: T): T =>
    new Proxy({} as T, {
      get(_, key) {
        const value = Reflect.get(target, key, target) as unknown;
        if (typeof value !== "function") return rewrap(value);
        return (...args: unknown[]) => {
          if (target === db && key === "close") throw new Error("it closes the connection");
          if (target === db && (key === "exec" || key === "prepare")) refuseTransactionControl(String(args[0]));
          return rewrap(Reflect.apply(value, target, args));
        };
      },
    });
  const wrapped = wrap(db);
  const rewrap = (value: unknown): unknown => {
    if (value === db) return wrapped;
    const isStatement =
      typeof value === "object" && value !== null && (value as { database?: unknown }).database === db;
    return isStatement ? wrap(value) : value;
  };
  return wrapped;
}

function failure(order: MigrateOrder, name: string, cause: unknown): HoldfastError {
  const all = order.pending.map((migration) => migration.name);
  const others = all.filter((each) => each !== name);
  const rest =
    others.length > 0 ? `${others.join(", ")} ${others.length === 1 ? "is" : "are"} not applied either, and ` : "";
  const system = failureOfMedium(cause, `running the migration ${name}`);
  return new HoldfastError(
    {
      code: system?.code ?? "MIGRATION_FAILED",
      message: `${system?.message ?? `The migration ${name} failed: ${messageOf(cause)}`}. Nothing of it stays; ${rest}the database is as it was.`,
      hint:
        system?.hint ??
        "The version of the application that was used before still opens this database. Its makers have to mend the migration.",
      details: { migration: name, error: messageOf(cause), notApplied: all, appVersion: order.appVersion },
    },
    { cause },
  );
}

/** umzug wraps what a migration threw. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}

/**
 * Violated foreign keys before and after each migration. They are told apart by the values that have no parent: a
 * rebuilt table may number its rows anew, a renamed one has another name, and its old faults are still old.
 */
class ForeignKeyFaults {
  readonly #db: Connection;
  /** Null where a key is computed, or a declaration of the application's, such as a parent without a unique key, makes a check impossible. */
  readonly #before: ReadonlyMap<string, number> | null;
  #now: ReadonlyMap<string, Violation> = new Map();
  #unjudged: { migration: string; why: string } | null = null;
  /** The migration after which a new fault was first there. */
  readonly #since = new Map<string, string>();

  constructor(db: Connection) {
    this.#db = db;
    this.#before = this.#countsIfCheckable();
  }

  lookAfter(migration: string): void {
    if (this.#before === null) return;
    const before = this.#before;
    const found = this.#look(migration);
    if (!found) return;
    this.#now = new Map([...found].filter(([values, { count }]) => count > (before.get(values) ?? 0)));
    for (const values of this.#now.keys()) if (!this.#since.has(values)) this.#since.set(values, migration);
  }

  /** A reference that a later migration may still complete makes the check itself fail. */
  #look(migration: string): Map<string, Violation> | null {
    try {
      const found = violations(this.#db);
      this.#unjudged = null;
      return found;
    } catch (error) {
      if (isCorruption(error) || toHoldfastError(error, "checking foreign keys")) throw error;
      this.#unjudged ??= { migration, why: messageOf(error) };
      return null;
    }
  }

  /** A new fault that no later migration has mended. */
  stillThere(): { migration: string; why: string } | null {
    if (this.#unjudged) return this.#unjudged;
    const [first] = this.#now;
    if (!first) return null;
    const [values, { table, columns, parent }] = first;
    const why = `FOREIGN KEY constraint failed: ${table}(${columns.join()}) = ${values} has no row in ${parent}`;
    return { migration: this.#since.get(values) ?? "", why };
  }

  get warnings(): string[] {
    if (this.#before === null) {
      return ["The foreign keys could not be checked before the migrations ran, and were not compared after."];
    }
    const count = [...this.#before.values()].reduce((sum, each) => sum + each, 0);
    if (count === 0) return [];
    const [rows, were] = count === 1 ? ["row", "was"] : ["rows", "were"];
    return [`${count} ${rows} broke a foreign key before the migrations ran, and ${were} left as found.`];
  }

  #countsIfCheckable(): ReadonlyMap<string, number> | null {
    if (hasComputedKey(this.#db)) return null;
    try {
      return new Map([...violations(this.#db)].map(([values, { count }]) => [values, count]));
    } catch (error) {
      if (isCorruption(error) || toHoldfastError(error, "checking foreign keys")) throw error;
      return null;
    }
  }
}

/**
 * Whether a column that is computed anew whenever it is read refers to another table. The check would run what the
 * maker of the file wrote, in this process, which nothing can cut off.
 */
function hasComputedKey(db: Connection): boolean {
  const found = db
    .prepare(
      `SELECT 1 FROM sqlite_schema AS t, pragma_foreign_key_list(t.name) AS k, pragma_table_xinfo(t.name) AS c
       WHERE t.type = 'table' AND t.rootpage > 0 AND c.hidden = 2 AND lower(c.name) = lower(k."from") LIMIT 1`,
    )
    .get();
  return found !== undefined;
}

interface Violation {
  readonly table: string;
  readonly columns: readonly string[];
  readonly parent: string;
  count: number;
}

/** By the values, as JSON. */
function violations(db: Connection): Map<string, Violation> {
  const found = new Map<string, Violation>();
  const columnsOf = new Map<string, string[]>();
  const rows = db.prepare("PRAGMA foreign_key_check").all() as {
    table: string;
    rowid: number | null;
    parent: string;
    fkid: number;
  }[];
  for (const { table, rowid, parent, fkid } of rows) {
    const id = `${table}\n${fkid}`;
    const columns = columnsOf.get(id) ?? childColumns(db, table, fkid);
    columnsOf.set(id, columns);
    const select = `SELECT ${columns.map(quote).join()} FROM ${quote(table)} WHERE rowid = ?`;
    const values = JSON.stringify(rowid === null ? [] : db.prepare(select).raw().get(rowid), asText);
    const known = found.get(values);
    if (known) known.count++;
    else found.set(values, { table, columns, parent, count: 1 });
  }
  return found;
}

function asText(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

function childColumns(db: Connection, table: string, fkid: number): string[] {
  const rows = db.pragma(`foreign_key_list(${quote(table)})`) as { id: number; seq: number; from: string }[];
  return rows
    .filter((row) => row.id === fkid)
    .sort((a, b) => a.seq - b.seq)
    .map((row) => row.from);
}
