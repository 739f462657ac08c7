/**
 * The settings: `db-` keys out of the application's TOML file, or the same in camelCase as an object. All of
 * them are validated here, and every fault names the file, the key, the value and the fix.
 */
import { dirname, join, resolve } from "node:path";
import valid from "semver/functions/valid.js";
import * as v from "valibot";
import type { MigrationInput } from "./database/migration-files.ts";
import { clipped, HoldfastError } from "./errors.ts";
import { isWithin } from "./platform/is-within.ts";
import { type SettingsInput, show } from "./settings-glance.ts";
import { camelCase, readSettings, type SettingsSource } from "./settings-source.ts";

/** The settings with every default filled in, paths absolute, durations in milliseconds. */
export interface Settings {
  /** Where they came from, for messages. */
  readonly origin: string;
  readonly path: string;
  readonly migrations: string | false | readonly MigrationInput[];
  readonly appVersion: string;
  readonly backupRetention: number;
  readonly backupDir: string | undefined;
  readonly backupMode: "background" | "blocking";
  readonly backupMinInterval: number;
  readonly integrityCheck: "auto" | "full";
  readonly integrityInterval: number;
  readonly scrubInterval: number;
  readonly onCorruption: "heal" | "restore" | "refuse";
  readonly onMissing: "restore" | "create" | "refuse";
  readonly onDowngrade: "restore" | "refuse";
  readonly quarantineRetention: number;
  readonly lockTimeout: number;
  /** Folders that belong to the database, as they were written and where they are. */
  readonly extra: readonly { readonly name: string; readonly path: string }[];
}

const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

const nonEmpty = v.pipe(
  v.string("must be text in quotes"),
  v.trim(),
  v.minLength(1, "must not be empty"),
  // No path can hold one, and Node would end the launch with an error of its own.
  v.check((text) => !text.includes("\0"), "must not hold the character U+0000"),
);
const count = v.pipe(
  v.number("must be a whole number"),
  v.integer("must be a whole number"),
  v.minValue(0, "must be 0 or more"),
  v.maxValue(10_000, "must be 10000 or less"),
);
const duration = v.pipe(
  v.string('must be a duration in quotes, as in "10s" or "7d"'),
  v.regex(/^\d{1,6}(ms|s|m|h|d)$/, 'must be a duration, as in "500ms", "10s", "5m", "12h" or "7d"'),
  v.transform(
    (text) => Number.parseInt(text, 10) * MILLISECONDS[text.replace(/^\d+/, "") as keyof typeof MILLISECONDS],
  ),
);
const choice = <const Options extends readonly string[]>(options: Options) =>
  v.picklist(options, `must be ${options.map((each) => `"${each}"`).join(" or ")}`);

/** Key by key: the name in the file, and what it may be. The object's names are derived from these. */
const KEYS = {
  "db-path": nonEmpty,
  "db-migrations": v.optional(
    v.union([nonEmpty, v.literal(false)], "must be a folder in quotes, or false for none"),
    "migrations",
  ),
  "db-app-version": v.optional(nonEmpty),
  "db-backup-retention": v.optional(count, 2),
  "db-backup-dir": v.optional(nonEmpty),
  "db-backup-mode": v.optional(choice(["background", "blocking"]), "background"),
  "db-backup-min-interval": v.optional(duration, "0s"),
  "db-integrity-check": v.optional(choice(["auto", "full"]), "auto"),
  "db-integrity-interval": v.optional(duration, "7d"),
  "db-scrub-interval": v.optional(duration, "30d"),
  "db-on-corruption": v.optional(choice(["heal", "restore", "refuse"]), "heal"),
  "db-on-missing": v.optional(choice(["restore", "create", "refuse"]), "restore"),
  "db-on-downgrade": v.optional(choice(["restore", "refuse"]), "restore"),
  "db-quarantine-retention": v.optional(count, 3),
  "db-lock-timeout": v.optional(duration, "10s"),
  "db-extra": v.optional(v.array(nonEmpty, 'must be a list of folders, as in ["media"]'), []),
} as const;

const schema = v.object(KEYS);

export interface LoadOptions {
  /** Wins over db-app-version. */
  readonly appVersion?: string | undefined;
  /** Migrations passed in code win over db-migrations. */
  readonly migrations?: readonly MigrationInput[] | undefined;
  /** The application's own migrator names the layout: then db-migrations is not read. */
  readonly ownMigrator?: boolean;
}

/** `status` can do without a version. */
interface VersionUnneeded {
  readonly versionNeeded: false;
}

export type SettingsWithoutVersion = Omit<Settings, "appVersion"> & { readonly appVersion: string | null };

/** @throws SETTINGS_INVALID */
export function loadSettings(
  source: string | SettingsInput,
  options: LoadOptions & VersionUnneeded,
): Promise<SettingsWithoutVersion>;
export function loadSettings(source: string | SettingsInput, options?: LoadOptions): Promise<Settings>;
export async function loadSettings(
  source: string | SettingsInput,
  options: LoadOptions & Partial<VersionUnneeded> = {},
): Promise<SettingsWithoutVersion> {
  return await validateSettings(readSettings(source), options);
}

/** The same for settings that were read already. */
export function validateSettings(
  source: SettingsSource,
  options: LoadOptions & VersionUnneeded,
): Promise<SettingsWithoutVersion>;
export function validateSettings(source: SettingsSource, options?: LoadOptions): Promise<Settings>;
export async function validateSettings(
  source: SettingsSource,
  options: LoadOptions & Partial<VersionUnneeded> = {},
): Promise<SettingsWithoutVersion> {
  const { origin, folder, inFile } = source;
  const written = (key: string) => (inFile ? key : camelCase(key));
  const keys = new Map(Object.keys(KEYS).map((key) => [written(key), key]));
  const unknown = Object.entries(source.values).filter(([name]) => !keys.has(name));
  const values = Object.fromEntries(
    Object.entries(source.values).map(([name, value]) => [keys.get(name) ?? name, value]),
  );

  for (const [name, value] of unknown) await refuseUnknown(origin, name, value, Object.keys(KEYS).map(written));
  const parsed = v.safeParse(schema, values);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const key = String(issue.path?.[0]?.key ?? "");
    throw invalid(origin, written(key), values[key], values[key] === undefined ? "is required" : issue.message);
  }
  const found = parsed.output;
  const appVersion = options.appVersion ?? found["db-app-version"];
  if (appVersion === undefined && options.versionNeeded !== false) {
    throw invalid(origin, written("db-app-version"), undefined, "is required, here or in the call or as --app-version");
  }
  if (appVersion !== undefined && valid(appVersion) !== String(appVersion).split("+")[0]) {
    const [where, name] =
      options.appVersion === undefined
        ? [origin, written("db-app-version")]
        : ["the call", "--app-version (appVersion)"];
    throw invalid(where, name, appVersion, 'must be a semantic version, as in "1.2.0"');
  }
  const absolute = (path: string) => resolve(folder, path);
  const migrations = found["db-migrations"];
  const backupDir = found["db-backup-dir"] === undefined ? undefined : absolute(found["db-backup-dir"]);
  const extra = found["db-extra"].map((name) => ({ name, path: absolute(name) }));
  const path = absolute(found["db-path"]);
  const unfit = whyExtraUnfit(extra, [path, backupDir ?? join(dirname(path), "backups")]);
  if (unfit !== null) throw invalid(origin, written("db-extra"), found["db-extra"], unfit);
  return {
    origin,
    path,
    migrations: options.ownMigrator
      ? false
      : (options.migrations ?? (migrations === false ? false : absolute(migrations))),
    appVersion: appVersion ?? null,
    backupRetention: found["db-backup-retention"],
    backupDir,
    backupMode: found["db-backup-mode"],
    backupMinInterval: found["db-backup-min-interval"],
    integrityCheck: found["db-integrity-check"],
    integrityInterval: found["db-integrity-interval"],
    scrubInterval: found["db-scrub-interval"],
    onCorruption: found["db-on-corruption"],
    onMissing: found["db-on-missing"],
    onDowngrade: found["db-on-downgrade"],
    quarantineRetention: found["db-quarantine-retention"],
    lockTimeout: found["db-lock-timeout"],
    extra,
  };
}

/** A restore puts each in its place as a whole: it must hold neither another one nor what is restored by itself. */
export function whyExtraUnfit(extra: Settings["extra"], apart: readonly string[]): string | null {
  for (const [place, { name, path }] of extra.entries()) {
    if (apart.some((each) => isWithin(path, each))) {
      return `must not name a folder that holds the database or its backups, as ${show(name)} does`;
    }
    const other = extra.find((each, at) => at !== place && isWithin(path, each.path));
    if (other) return `must not name folders of which one holds the other, as ${show(name)} and ${show(other.name)} do`;
  }
  return null;
}

async function refuseUnknown(origin: string, key: string, value: unknown, known: readonly string[]): Promise<never> {
  const { closest, distance } = await import("fastest-levenshtein");
  const name = clipped(key);
  // A name of the other notation is nearest to its own twin.
  const nearest = known.includes(camelCase(name)) ? camelCase(name) : closest(name, [...known]);
  const near = nearest === camelCase(name) || distance(name, nearest) <= Math.max(2, name.length / 3);
  const told = tellable(value);
  throw new HoldfastError({
    code: "SETTINGS_INVALID",
    message: `In ${origin}, ${name} = ${show(told)} is not a setting of Holdfast.`,
    hint: near ? `Did you mean ${nearest}?` : `The settings are ${known.join(", ")}.`,
    details: { file: origin, key: name, value: told, ...(near ? { suggestion: nearest } : {}) },
  });
}

function invalid(origin: string, key: string, value: unknown, why: string): HoldfastError {
  const told = tellable(value);
  return new HoldfastError({
    code: "SETTINGS_INVALID",
    message: `In ${origin}, ${key}${value === undefined ? "" : ` = ${show(told)}`} ${why}.`,
    hint: `Mend ${key} in ${origin}; nothing was touched.`,
    details: { file: origin, key, value: told ?? null },
  });
}

/** The value itself, or as much of it as a person would read: one that is nested too deeply cannot even be printed. */
function tellable(value: unknown): unknown {
  try {
    const text = show(value);
    const brief = clipped(text);
    return brief === text ? value : brief;
  } catch {
    return "… nested too deeply";
  }
}
