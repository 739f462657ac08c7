/** Opens a damaged database, and looks at each of its pages once to learn what they are. */
import { fs } from "../../platform/builtins.ts";
import { pagesToCorrect } from "./beside-backup.ts";
import type { Backup } from "./fill.ts";
import { markFreelist, markPointerMaps, vacuumOf } from "./free-pages.ts";
import { findLayout, type HeaderFields, type Layout, readFields } from "./layout.ts";
import { PageMap } from "./page-map.ts";
import { type Elsewhere, PageSource } from "./page-source.ts";
import { Pages } from "./pages.ts";
import { readAt } from "./read-ahead.ts";
import { type Log, readLog } from "./wal.ts";

const { closeSync, openSync } = fs;

const HEADER = 100;

export interface Opened {
  readonly pages: Pages;
  readonly layout: Layout;
  /** Null where the header is gone. */
  readonly fields: HeaderFields | null;
  readonly autoVacuum: HeaderFields["autoVacuum"];
  /** How many pages the freelist that the header names has. */
  readonly freePages: number;
  /** These are all that are free, or pointer maps name all. */
  readonly allFreeKnown: boolean;
  /** Pages of which a backup tells what they were before they were damaged. */
  readonly corrected: readonly number[];
  readonly log: Log | null;
  /** Why the log beside it was not read. */
  readonly logRefused: string | null;
}

export interface OpenPages {
  /** A log beside it is another database's. */
  readonly alone?: boolean | undefined;
  /** What a schema donor says of the layout, for a file whose header is gone. */
  readonly likely?: readonly Layout[];
  /** A backup of the same database: pages that only damage makes differ from it are read as it has them. */
  readonly backup?: Backup | undefined;
  readonly onPage?: (page: number, of: number) => void;
}

export function openPages(path: string, options: OpenPages = {}): Opened {
  const { alone = false, likely = [], backup, onPage = () => {} } = options;
  const read = alone ? "it is another database's" : readLog(path);
  const log = read !== null && typeof read === "object" ? read : null;
  const first = firstBytes(path, log);
  const layout = findLayout(path, first, [...(log ? [{ pageSize: log.pageSize }] : []), ...likely]);
  const fitting = log?.pageSize === layout.pageSize ? log : null;
  const source = new PageSource(path, layout.pageSize, fitting);
  const fields = readFields(first);
  const usable = layout.pageSize - layout.reserved;
  const corrected = backup
    ? pagesToCorrect(backup, source, usedIn(source, usable, fields))
    : new Map<number, Elsewhere>();
  source.replace(corrected);
  const pages = new Pages(source, layout.reserved, layout.encoding);
  const autoVacuum = vacuumOf(fields, source, pages.usable);
  const free = fields ? markFreelist(source, pages.map, pages.usable, fields.firstTrunk) : 0;
  const allMapped = autoVacuum !== "none" && markPointerMaps(source, pages.map, pages.usable);
  const allFreeKnown = allMapped || fields?.freePages === free;
  pages.map.survey(source, pages.usable, allFreeKnown, (page) => onPage(page, source.pages));
  return {
    pages,
    layout,
    fields,
    autoVacuum,
    freePages: free,
    allFreeKnown,
    corrected: [...corrected.keys()].sort((a, b) => a - b),
    log: fitting,
    logRefused: typeof read === "string" ? read : log && !fitting ? "its pages are of another size" : null,
  };
}

/** Which pages are in use: none is known to be where the list of free pages cannot be read whole. */
function usedIn(source: PageSource, usable: number, fields: HeaderFields | null): (page: number) => boolean {
  const map = new PageMap(source.pages);
  const isKnown = fields !== null && markFreelist(source, map, usable, fields.firstTrunk) === fields.freePages;
  return (page) => isKnown && !map.isFree(page);
}

function firstBytes(path: string, log: Log | null): Buffer {
  const bytes = Buffer.alloc(HEADER);
  const logged = log?.at.get(1);
  const fd = openSync(log && logged !== undefined ? log.path : path, "r");
  try {
    readAt(fd, bytes, logged ?? 0);
    return bytes;
  } finally {
    closeSync(fd);
  }
}
