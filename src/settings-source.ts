/**
 * The settings as they are written: `db-` keys out of the application's TOML file, or the same in camelCase as an
 * object. Whether they mean anything is judged in settings.ts.
 */
import { dirname, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import { HoldfastError, hasCode, messageOf } from "./errors.ts";
import { canonicalText, readSettingsFile, type SettingsInput, show } from "./settings-glance.ts";

export interface SettingsSource {
  /** Where they came from, for messages. */
  readonly origin: string;
  /** What relative paths are relative to. */
  readonly folder: string;
  readonly inFile: boolean;
  /** As written: `db-backup-retention` in a file, `backupRetention` in an object. */
  readonly values: Readonly<Record<string, unknown>>;
  /** See {@link Glance}. */
  readonly proof: string;
}

/** @throws SETTINGS_INVALID where nothing can be read of them */
export function readSettings(source: string | SettingsInput): SettingsSource {
  return typeof source === "string" ? readFile(source) : readObject(source);
}

/** `backupRetention` for `db-backup-retention`. */
export function camelCase(key: string): string {
  return key.replace(/^db-/, "").replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** One value by its name in a file. */
export function settingOf({ inFile, values }: SettingsSource, key: string): unknown {
  return values[inFile ? key : camelCase(key)];
}

function readFile(file: string): SettingsSource {
  const path = resolve(file);
  const refuse = (why: string, hint: string) =>
    new HoldfastError({
      code: "SETTINGS_INVALID",
      message: `The settings file ${path} ${why}`,
      hint,
      details: { file: path },
    });
  let text: string;
  let proof: string;
  try {
    ({ text, proof } = readSettingsFile(path));
  } catch (error) {
    const missing = hasCode(error) && error.code === "ENOENT";
    throw refuse(
      missing ? "does not exist." : `could not be read: ${messageOf(error)}.`,
      missing
        ? 'Name the one that there is (--settings FILE), or create it with at least: db-path = "data/library.sqlite"'
        : "Check that the path names the settings file, and its permissions.",
    );
  }
  try {
    const all = parse(text) as Record<string, unknown>;
    const own = Object.entries(all).filter(([key]) => key.startsWith("db-"));
    return { origin: path, folder: dirname(path), inFile: true, values: Object.fromEntries(own), proof };
  } catch (error) {
    const where = error instanceof TomlError ? ` at line ${error.line}, column ${error.column}` : "";
    throw refuse(
      `is not TOML${where}: ${messageOf(error).split("\n")[0]}`,
      "Mend that line; values that are text stand in quotes.",
    );
  }
}

function readObject(settings: SettingsInput): SettingsSource {
  // Plain JavaScript may pass anything.
  if (typeof settings !== "object" || settings === null || Array.isArray(settings)) {
    throw new HoldfastError({
      code: "SETTINGS_INVALID",
      message: `The settings are ${show(settings)}, which is neither the path of a TOML file nor an object.`,
      hint: 'Call guard("settings.toml") or guard({ path: "data/library.sqlite" }).',
      details: { value: settings ?? null },
    });
  }
  const values = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  const proof = canonicalText(values);
  return { origin: "the settings object", folder: process.cwd(), inFile: false, values, proof };
}
