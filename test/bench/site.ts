/** The databases of one size that are launched: a copy for each side, and what is done to them between launches. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runApart } from "./apart.ts";
import { changeDatabase } from "./make-database.ts";
import type { Launched, LaunchOrder, Side } from "./one-launch.ts";

export const MIGRATIONS = join(import.meta.dirname, "migrations");
export const VERSION = "1.0.0";

export interface Site {
  readonly megabytes: number;
  /** The library under measurement: its entry point, as a URL. */
  readonly library: string;
  readonly folders: Readonly<Record<Guardian, string>>;
  /** The same for a small database. */
  readonly rehearsal: Readonly<Record<Guardian, string>>;
}

/** Who keeps the database. One that is opened plainly is the hand-written pipeline's: the launch leaves no traces. */
type Guardian = "holdfast" | "by-hand";

const GUARDIAN = { holdfast: "holdfast", "by-hand": "by-hand", plain: "by-hand" } as const satisfies Record<
  Side,
  Guardian
>;

export const SETTINGS = "settings.toml";
/** Every launch checks the whole database. */
export const CHECKING_SETTINGS = "settings-checking.toml";

/** Copies the database for each side and launches it until it is as a long-used one: migrated, backed up, sealed. */
export async function prepareSite(database: string, site: Site): Promise<void> {
  const settings = `db-path = "data/library.sqlite"\ndb-migrations = ${JSON.stringify(MIGRATIONS)}\n`;
  for (const folder of Object.values(site.folders)) {
    mkdirSync(join(folder, "data"), { recursive: true });
    copyFileSync(database, join(folder, "data", "library.sqlite"));
    writeFileSync(join(folder, SETTINGS), settings);
    writeFileSync(join(folder, CHECKING_SETTINGS), `${settings}db-integrity-check = "full"\n`);
  }
  await launch(site, "holdfast");
  await launch(site, "by-hand");
  await settle(site);
}

/** One more launch: Holdfast's backup is up to date, and its seal is of these settings. */
export async function settle(site: Site): Promise<void> {
  await launch(site, "holdfast");
}

/** As an application, or another program, does while Holdfast does not look. */
export function change(site: Site, side: Side, seed: number): void {
  changeDatabase(databaseOf(site, side), seed);
}

export async function launch(
  site: Site,
  side: Side,
  how: Partial<Pick<LaunchOrder, "start" | "settings" | "watch">> = {},
): Promise<Launched> {
  const order: LaunchOrder = {
    side,
    folder: folderOf(site, side),
    rehearsal: site.rehearsal[GUARDIAN[side]],
    start: "nothing",
    settings: SETTINGS,
    migrations: MIGRATIONS,
    version: VERSION,
    watch: false,
    library: site.library,
    ...how,
  };
  return await runApart<Launched>("one-launch.ts", order);
}

export function folderOf(site: Site, side: Side): string {
  return site.folders[GUARDIAN[side]];
}

export function databaseOf(site: Site, side: Side): string {
  return join(folderOf(site, side), "data", "library.sqlite");
}

export function backupsOf(site: Site, side: Side): string {
  return join(folderOf(site, side), "data", "backups");
}
