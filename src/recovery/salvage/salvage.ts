/**
 * Salvage: reads every row that can be read out of a damaged SQLite file, and writes a new database with them. The file
 * is read page by page, without SQLite, which stops at the first page that is not as it should be; it is never written
 * to. Runs in the child process, since it opens the database's file through the file system.
 *
 * https://sqlite.org/fileformat2.html
 */
import type { Engine } from "../../database/open.ts";
import { named } from "../../errors.ts";
import { createPrivateFile } from "../../platform/atomic-file.ts";
import { fs } from "../../platform/builtins.ts";
import type { Progress } from "../../platform/child.ts";
import { salvageFreePages } from "./deleted.ts";
import { DonorRows } from "./donor-rows.ts";
import { markLostTrunks } from "./free-pages.ts";
import { claimIndex, KeyWalk } from "./key-walk.ts";
import { NewDatabase } from "./new-database.ts";
import { type Opened, openPages } from "./open-pages.ts";
import { placeOrphans } from "./orphans.ts";
import type { Pages } from "./pages.ts";
import type { SalvageReport } from "./report.ts";
import { type FoundSchema, readSchema } from "./schema.ts";
import { buildSkeleton, type KnownIndex, type NotRebuilt, type Skeleton } from "./skeleton.ts";
import { TableWalk } from "./table-walk.ts";
import { Target } from "./target.ts";

export interface SalvageOrder {
  /** The damaged file; a log beside it is read with it. */
  readonly from: string;
  /** Where the new database goes: there must be nothing yet. */
  readonly to: string;
  /** Another SQLite file with the same tables: a backup, or the migrations run on an empty database. */
  readonly donor?: string;
  /** Also read what was deleted and not yet overwritten, into lost and found. */
  readonly deleted?: boolean;
}

type OnProgress = (progress: Progress) => void;

const TOLD_EVERY = 1000;

/** @throws DISK_FULL, IO_FAILED and the like; never for what is in the file. What was begun at `to` is removed. */
export function salvage(engine: Engine, order: SalvageOrder, onProgress: OnProgress = () => {}): SalvageReport {
  return named(`salvaging ${order.from}`, () => {
    const donor = order.donor === undefined ? null : openDonor(order.donor);
    const tell = teller(onProgress);
    const opened = openPages(order.from, donor ? [donor.layout] : [], tell);
    const { map } = opened.pages;
    map.onClaim = (claimed) => tell(map.pages + claimed, map.pages);
    try {
      const schema = readSchema(opened.pages, "file");
      const skeleton = buildSkeleton(engine, schema, donor?.schema ?? null);
      const report = write(engine, order, opened, { schema, skeleton, donor: donor?.schema ?? null });
      onProgress({ done: 2 * map.pages, total: 2 * map.pages });
      return report;
    } finally {
      opened.pages.source.close();
    }
  });
}

/** What a schema donor says; its rows are asked for by SQLite itself. */
function openDonor(path: string): { layout: Opened["layout"]; schema: FoundSchema } {
  const { pages, layout } = openPages(path, [], () => {});
  try {
    return { layout, schema: readSchema(pages, "donor") };
  } finally {
    pages.source.close();
  }
}

interface Known {
  readonly schema: FoundSchema;
  readonly skeleton: Skeleton;
  readonly donor: FoundSchema | null;
}

function write(engine: Engine, order: SalvageOrder, opened: Opened, known: Known): SalvageReport {
  const { skeleton } = known;
  const database = begin(engine, order.to, opened);
  let done = false;
  try {
    database.createTables(skeleton);
    const targets = skeleton.tables.map(({ entry, shape }) => new Target(entry, shape, database));
    const freeKnown = readRows(engine, order, opened, { ...known, targets, database });
    const notRebuilt = [...skeleton.notRebuilt, ...database.complete(skeleton, damagedNames(targets))];
    const report = reportOf(order, opened, known, { targets, database, notRebuilt, freeKnown });
    database.finish();
    done = true;
    return report;
  } finally {
    if (!done) {
      database.close();
      fs.rmSync(order.to, { force: true });
    }
  }
}

function begin(engine: Engine, to: string, opened: Opened): NewDatabase {
  createPrivateFile(to);
  try {
    return new NewDatabase(engine, to, opened);
  } catch (error) {
    fs.rmSync(to, { force: true });
    throw error;
  }
}

function damagedNames(targets: readonly Target[]): string[] {
  return targets
    .filter(({ hasGaps, broken, setAside }) => hasGaps || broken + setAside > 0)
    .map(({ entry }) => entry.name);
}

/** @returns whether every free page is known */
function readRows(
  engine: Engine,
  order: SalvageOrder,
  opened: Opened,
  { schema, skeleton, donor: known, targets, database }: Known & { targets: readonly Target[]; database: NewDatabase },
): boolean {
  const { pages } = opened;
  const shared = sharedRoots(skeleton);
  for (const target of targets) walkTarget(pages, target, shared);
  const damagedIndexes = skeleton.indexes.filter((index) => !claimKnown(pages, index, shared));
  const freeKnown = findFreePages(opened);
  const donor = order.donor === undefined ? null : openRows(engine, order.donor);
  try {
    for (const target of targets) target.inTree = false;
    placeOrphans({
      ...{ pages, targets, damagedIndexes, donor, lost: database.lostAndFound },
      schemaKnown: (schema.whole || known?.whole === true) && skeleton.notRebuilt.length === 0,
      freeKnown,
    });
  } finally {
    donor?.close();
  }
  for (const target of targets) target.settle(pages.partlyDamaged > 0);
  if (order.deleted) salvageFreePages(pages, targets, database.lostAndFound);
  return freeKnown;
}

/** Once the trees are read. Whether every page that is free is known to be. */
function findFreePages({ pages, fields, freePages, allFreeKnown }: Opened): boolean {
  if (allFreeKnown) return true;
  const { found, broken } = markLostTrunks(pages.source, pages.map, pages.usable);
  return fields ? freePages + found >= fields.freePages : !broken;
}

function openRows(engine: Engine, path: string): DonorRows | null {
  try {
    return new DonorRows(engine, path);
  } catch {
    // It has told its schema already, which is what it is for.
    return null;
  }
}

/** A root that two entries of the file name is at most one's. */
function sharedRoots({ tables, indexes }: Skeleton): ReadonlySet<number> {
  const seen = new Set<number>();
  const twice = new Set<number>();
  for (const { entry } of [...tables, ...indexes].filter((each) => each.entry.from === "file")) {
    if (seen.has(entry.root)) twice.add(entry.root);
    seen.add(entry.root);
  }
  return twice;
}

/** From its root, where that can be believed; else what can be found of it is an orphan. */
function walkTarget(pages: Pages, target: Target, shared: ReadonlySet<number>): void {
  const { entry, shape, rowidGaps, keyGaps } = target;
  // A donor's numbers are only likely to be the file's too, and evidence like any other.
  if (entry.from === "donor" || shared.has(entry.root) || pages.map.isChild(entry.root)) {
    target.loseAll();
    return;
  }
  const walk = rowidGaps
    ? new TableWalk(pages, shape, rowidGaps, target)
    : keyGaps && new KeyWalk(pages, shape, keyGaps, target);
  walk?.walk(entry.root);
  target.broken += walk?.brokenCells ?? 0;
}

function claimKnown(pages: Pages, { entry }: KnownIndex, shared: ReadonlySet<number>): boolean {
  if (entry.from === "donor" || shared.has(entry.root) || pages.map.isChild(entry.root)) return false;
  return claimIndex(pages, entry.root);
}

interface Outcome {
  readonly targets: readonly Target[];
  readonly database: NewDatabase;
  readonly notRebuilt: readonly NotRebuilt[];
  readonly freeKnown: boolean;
}

function reportOf(
  { from, to }: SalvageOrder,
  { pages, layout, fields, log, logRefused }: Opened,
  { schema, donor }: Known,
  { targets, database, notRebuilt, freeKnown }: Outcome,
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
    freelistDamaged: !freeKnown,
    notRebuilt,
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
