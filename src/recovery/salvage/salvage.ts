/**
 * Salvage: reads every row that can be read out of a damaged SQLite file, and writes a new database with them. The file
 * is read page by page, without SQLite, which stops at the first page that is not as it should be; it is never written
 * to. Runs in the child process, since it opens the database's file through the file system.
 *
 * https://sqlite.org/fileformat2.html
 */
import type { Engine } from "../../database/open.ts";
import { isCorruption, named } from "../../errors.ts";
import { createPrivateFile, discardFile } from "../../platform/atomic-file.ts";
import type { Progress } from "../../platform/child.ts";
import { type Backup, type FillTask, fillGaps } from "./fill.ts";
import { NewDatabase } from "./new-database.ts";
import { type Opened, openPages } from "./open-pages.ts";
import { readRows } from "./read-rows.ts";
import type { Healing, SalvageReport } from "./report.ts";
import { type FoundSchema, readSchema } from "./schema.ts";
import { buildSkeleton, type NotRebuilt, type Skeleton } from "./skeleton.ts";
import { Target } from "./target.ts";
import { withoutJournal } from "./without-journal.ts";

export interface SalvageOrder {
  /** The damaged file; a log beside it is read with it, a journal rolled back on a copy. */
  readonly from: string;
  /** Where the new database goes: there must be nothing yet. */
  readonly to: string;
  /** The log or journal beside it is another database's, and is left alone. */
  readonly alone?: boolean;
  /** Another SQLite file with the same tables: a backup, or the migrations run on an empty database. */
  readonly donor?: string;
  /** A sound backup of the same database: its rows fill what cannot be read. Stands in for a donor too. */
  readonly backup?: string;
  /** Also read what was deleted and not yet overwritten, into lost and found. */
  readonly deleted?: boolean;
}

type OnProgress = (progress: Progress) => void;

const TOLD_EVERY = 1000;

/** @throws DISK_FULL, IO_FAILED and the like; never for what is in the file. What was begun at `to` is removed. */
export function salvage(engine: Engine, order: SalvageOrder, onProgress: OnProgress = () => {}): SalvageReport {
  return named(`salvaging ${order.from}`, () => {
    const donor = openDonor(order);
    try {
      const read = (from: string) => salvageFrom(engine, { ...order, from }, donor, onProgress);
      return { ...(order.alone ? read(order.from) : withoutJournal(engine, order, read)), from: order.from };
    } finally {
      donor?.pages.source.close();
    }
  });
}

interface Donor extends Backup {
  readonly layout: Opened["layout"];
}

/** What a schema donor says; its rows are asked for by SQLite itself. */
function openDonor({ donor, backup }: SalvageOrder): Donor | null {
  const path = backup ?? donor;
  if (path === undefined) return null;
  const { pages, layout } = openPages(path);
  try {
    return { path, pages, layout, schema: readSchema(pages, "donor") };
  } catch (error) {
    pages.source.close();
    throw error;
  }
}

function salvageFrom(engine: Engine, order: SalvageOrder, donor: Donor | null, onProgress: OnProgress): SalvageReport {
  const tell = teller(onProgress);
  const opened = openPages(order.from, {
    alone: order.alone,
    likely: donor ? [donor.layout] : [],
    backup: order.backup === undefined ? undefined : (donor ?? undefined),
    onPage: tell,
  });
  const { map } = opened.pages;
  map.onClaim = (claimed) => tell(map.pages + claimed, map.pages);
  try {
    const schema = readSchema(opened.pages, "file");
    const skeleton = buildSkeleton(engine, schema, donor?.schema ?? null);
    const report = write(engine, order, opened, { schema, skeleton, donor });
    onProgress({ done: 2 * map.pages, total: 2 * map.pages });
    return report;
  } finally {
    opened.pages.source.close();
  }
}

interface Known {
  readonly schema: FoundSchema;
  readonly skeleton: Skeleton;
  readonly donor: Donor | null;
}

function write(engine: Engine, order: SalvageOrder, opened: Opened, known: Known): SalvageReport {
  const { skeleton } = known;
  const database = begin(engine, order.to, opened);
  let done = false;
  try {
    database.createTables(skeleton);
    const targets = skeleton.tables.map(({ entry, shape }) => new Target(entry, shape, database));
    const isBackup = order.backup !== undefined;
    const work = { ...known, opened, targets, lost: database.lostAndFound, isBackup, deleted: order.deleted ?? false };
    const { freeKnown, setAside } = readRows(engine, work);
    database.buildUniqueIndexes(skeleton);
    const backup = known.donor;
    const healing = backup && heal({ ...work, engine, backup, database, setAside });
    const notRebuilt = [...skeleton.notRebuilt, ...database.complete(skeleton, damagedNames(targets))];
    const outcome = { targets, database, notRebuilt, freeKnown, healing };
    const report = reportOf(order, opened, known, outcome);
    database.finish();
    done = true;
    return report;
  } finally {
    if (!done) {
      database.close();
      discardFile(order.to);
    }
  }
}

function heal(task: FillTask): Healing | null {
  try {
    return task.database.add(() => fillGaps(task));
  } catch (error) {
    // A donor may be as damaged as the file itself; a backup has been found sound.
    if (task.isBackup || !isCorruption(error)) throw error;
    return null;
  }
}

function begin(engine: Engine, to: string, opened: Opened): NewDatabase {
  createPrivateFile(to);
  try {
    return new NewDatabase(engine, to, opened);
  } catch (error) {
    discardFile(to);
    throw error;
  }
}

function damagedNames(targets: readonly Target[]): string[] {
  return targets
    .filter(({ hasGaps, broken, setAside }) => hasGaps || broken + setAside > 0)
    .map(({ entry }) => entry.name);
}

interface Outcome {
  readonly targets: readonly Target[];
  readonly database: NewDatabase;
  readonly notRebuilt: readonly NotRebuilt[];
  readonly freeKnown: boolean;
  readonly healing: Healing | null;
}

function reportOf(
  { from, to }: SalvageOrder,
  { pages, layout, fields, log, logRefused, corrected }: Opened,
  { schema, donor }: Known,
  { targets, database, notRebuilt, freeKnown, healing }: Outcome,
): SalvageReport {
  const { name, rows, reasons } = database.lostAndFound;
  const some = schema.entries.length > 0;
  const byDonor = donor !== null && !schema.whole;
  return {
    ...{ from, to, layout, pages: pages.source.pages, header: fields },
    schema: byDonor ? (some ? "file and donor" : "donor") : schema.whole ? "file" : some ? "partly" : "none",
    tables: targets.map((target) => target.report()),
    lostAndFound: name === null ? null : { table: name, rows, reasons },
    unreadable: rangesOf(pages.map.unreadable()),
    corrected: rangesOf(corrected),
    freelistDamaged: !freeKnown,
    ...{ notRebuilt, healing },
    missingParents: database.missingParents(),
    pagesFromLog: log?.at.size ?? null,
    logRefused,
  };
}

function rangesOf(numbers: Iterable<number>): SalvageReport["unreadable"] {
  const ranges: [number, number][] = [];
  let pages = 0;
  for (const number of numbers) {
    pages++;
    const last = ranges.at(-1);
    if (last?.[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return { pages, ranges };
}

/** All pages are looked at, and then read in the order of the trees. */
function teller(onProgress: OnProgress): (done: number, pages: number) => void {
  return (done, pages) => {
    if (done % TOLD_EVERY === 0) onProgress({ done, total: 2 * pages });
  };
}
