/**
 * The sample application: a small reading library, guarded by Holdfast.
 *
 *   npm start                          launch the newest release
 *   npm start -- --app-version 1.1.0   launch an older one: the downgrade
 *
 * Where there is no library yet, the releases are launched one after the other, as a reader launched them who
 * updated over the years. That leaves the backups of the older ones, without which there is no way back.
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import gte from "semver/functions/gte.js";
import { renderLaunch } from "../cli/render/launch.ts";
import { renderRefusal } from "../cli/render-error.ts";
import { type Connection, guard, HoldfastError, type SettingsInput } from "../index.ts";
import { BEFORE_PRINT, PRINTED } from "./catalogue.ts";
import { count, drawCovers, lastRead, oldestBooks, type Reading, readOn, searchTitles, stock } from "./library.ts";
import { migrationsOf, RELEASES, type Release, releasesUntil } from "./releases.ts";

const DATABASE = join("data", "library.sqlite");
const BACKUPS = join("data", "backups");

const SETTINGS: SettingsInput = {
  path: DATABASE,
  // One for each release, so that the reader can go back to any of them.
  backupRetention: RELEASES.length,
};

/** What the person who started the application got wrong. */
class UsageError extends Error {
  readonly hint: string =
    `npm start, or npm start -- --app-version V with one of ${RELEASES.map((each) => each.version).join(", ")}`;
}

await main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof HoldfastError) && !(error instanceof UsageError)) throw error;
  process.stderr.write(renderRefusal(error));
  process.exitCode = 1;
});

async function main(args: readonly string[]): Promise<void> {
  const release = requestedRelease(args);
  const isFirst = !existsSync(DATABASE) && !existsSync(BACKUPS);
  const launches = isFirst ? releasesUntil(release) : [release];
  if (isFirst) {
    const versions = launches.map((each) => each.version).join(", ");
    console.log(`There is no library yet. It grows as it would have over the years: ${versions}.\n`);
  }
  for (const each of launches) await launch(each);
  printBackups();
}

function requestedRelease(args: readonly string[]): Release {
  const version = parseVersion(args) ?? RELEASES.at(-1)?.version;
  const release = RELEASES.find((each) => each.version === version);
  if (release === undefined) throw new UsageError(`There is no release ${version} of the sample library.`);
  return release;
}

function parseVersion(args: readonly string[]): string | undefined {
  try {
    return parseArgs({ args, options: { "app-version": { type: "string" } } }).values["app-version"];
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

async function launch(release: Release): Promise<void> {
  const library = await guard(SETTINGS, { appVersion: release.version, migrations: migrationsOf(release) });
  try {
    // The reader does not wait for the backup; only the printed report does, so that it can tell of it.
    const seen = use(library.db, release);
    await library.backup;
    console.log(`--- Release ${release.version}: ${release.brings} ---`);
    console.log(renderLaunch(library.report));
    console.log(seen.map((line) => `  ${line}\n`).join(""));
  } finally {
    await library.close();
  }
}

/**
 * One program stands in for all releases: what a release did not have yet, it leaves alone.
 *
 * @returns what the reader sees
 */
function use(db: Connection, release: Release): readonly string[] {
  const has = (version: string) => gte(release.version, version);
  const added = stock(db, has("1.2.0") ? [...PRINTED, ...BEFORE_PRINT] : PRINTED);
  const seen = [`Shelf:     ${count(db, "books")} books by ${count(db, "authors")} authors, ${added} of them new`];
  if (has("1.1.0")) {
    seen.push(`Read last: ${describeReading(lastRead(db)) ?? "nothing yet"}`);
    seen.push(`Read now:  ${describeReading(readOn(db, new Date())) ?? "nothing, since every book is read"}`);
  }
  for (const [index, { title, authors, year }] of oldestBooks(db, 3).entries()) {
    seen.push(`${index === 0 ? "Oldest:   " : "          "} ${title} by ${authors} (${describeYear(year)})`);
  }
  if (has("1.4.0")) {
    const drawn = drawCovers(db);
    seen.push(`Covers:    ${count(db, "covers")}, ${drawn} of them new`);
    seen.push(`Search:    "war" is in ${searchTitles(db, "war").join("; ")}`);
  }
  return seen;
}

function describeReading(reading: Reading | undefined): string | undefined {
  return reading && `${reading.title} by ${reading.authors}, up to ${reading.percent} %`;
}

function describeYear(year: number): string {
  return year < 0 ? `${-year} BCE` : String(year);
}

function printBackups(): void {
  if (!existsSync(BACKUPS)) return;
  console.log(`In ${BACKUPS}, beside the index and the checksums:`);
  const names = readdirSync(BACKUPS).filter((name) => !name.startsWith(".") && !name.endsWith(".sha256"));
  for (const name of names.sort()) {
    const size = Math.ceil(statSync(join(BACKUPS, name)).size / 1024);
    console.log(`  ${String(size).padStart(6)} KiB  ${name}`);
  }
}
