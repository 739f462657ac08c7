/** Versions of SQLite that can damage a database by a bug of their own, as SQLite's own pages tell it. */
import compare from "semver/functions/compare.js";

export interface KnownBug {
  readonly what: string;
  readonly fixedIn: string;
  /** SQLite's page about it. */
  readonly source: string;
}

interface Range extends KnownBug {
  readonly from: string;
  /** The first release of each of its branches that has the mend as well. */
  readonly mendedIn?: readonly string[];
  readonly only?: NodeJS.Platform;
}

const BUGS: readonly Range[] = [
  {
    what: "the WAL-reset bug: two connections that write or checkpoint at the same instant can corrupt a database in WAL mode",
    from: "3.7.0",
    fixedIn: "3.51.3",
    mendedIn: ["3.44.6", "3.50.7"],
    source: "https://sqlite.org/wal.html#walresetbug",
  },
  {
    what: "a rolled back savepoint can leave the database inconsistent where temporary files are held in memory",
    from: "3.35.0",
    fixedIn: "3.37.2",
    source: "https://sqlite.org/howtocorrupt.html#svptbug",
  },
  {
    what: "nested triggers that change the type of a key can corrupt an index",
    from: "3.8.7",
    fixedIn: "3.8.10.2",
    source: "https://sqlite.org/releaselog/3_8_10_2.html",
  },
  {
    what: "two processes that recover a database at the same instant can corrupt it",
    from: "3.0.0",
    fixedIn: "3.7.16.2",
    only: "win32",
    source: "https://sqlite.org/howtocorrupt.html",
  },
];

/** @param version as in 3.54.1 */
export function knownBugs(version: string, platform: NodeJS.Platform): readonly KnownBug[] {
  return BUGS.filter(({ from, fixedIn, mendedIn = [], only }) => {
    if (only !== undefined && only !== platform) return false;
    if (isBefore(version, from) || !isBefore(version, fixedIn)) return false;
    return !mendedIn.some((mended) => isSameBranch(version, mended) && !isBefore(version, mended));
  });
}

/** SQLite has had releases of four numbers. */
function isBefore(version: string, other: string): boolean {
  const [[a, lastA], [b, lastB]] = [split(version), split(other)];
  return compare(a, b) < 0 || (a === b && lastA < lastB);
}

function split(version: string): [string, number] {
  const [major = 0, minor = 0, patch = 0, last = 0] = version.split(".").map(Number);
  return [`${major}.${minor}.${patch}`, last];
}

function isSameBranch(a: string, b: string): boolean {
  return a.split(".").slice(0, 2).join(".") === b.split(".").slice(0, 2).join(".");
}
