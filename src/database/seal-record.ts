/**
 * What a seal says, and its text: TOML, read without a parser of all of it, which takes a quiet launch longer than the
 * rest of the launch. It is believed without a look at the database, so one changed letter must make it say nothing:
 * it begins with a digest of all that follows.
 */
import type { FileIdentity } from "../platform/atomic-file.ts";
import { fnv1a } from "../platform/fnv.ts";

/**
 * What tells an untouched file by `stat` alone. Strings of nanoseconds, since numbers would lose digits. No device
 * number: it may change when the machine is started anew.
 */
export interface FileProof extends FileIdentity {
  /** No program can set it back: a write that restored the mtime shows here. */
  readonly ctime: string;
}

/** While the database is open. */
export interface OpenedRecord {
  readonly databaseId: string;
  /** The run of the machine, see platform/boot.ts. */
  readonly boot: string;
  readonly file: FileProof;
  /** When all pages were last found sound; ISO 8601, UTC. */
  readonly checkedAt: string | null;
  /** A check behind the application failed: what it found. */
  readonly suspect: string | null;
}

/** What a clean close records besides: what the next launch would find, and what it would have to do. */
export interface Seal extends OpenedRecord {
  readonly appVersion: string;
  /** Fingerprint of the layout that the application knows. */
  readonly appLayout: string;
  readonly stampVersion: string;
  /** Fingerprint of the layout in the database. */
  readonly layout: string;
  /** What told the settings at a glance, and all of their values in one line. */
  readonly settings: string;
  readonly settingsText: string;
  /** The settings that matter to a quiet launch, as they are written; null where they are not. */
  readonly settingsVersion: string | null;
  readonly settingsMigrations: string | false | null;
  /** What `stat` said of the folder of migrations; null where they came in code. */
  readonly migrations: string | null;
  /** The settings that matter behind a quiet launch, with their defaults filled in: as long as `settings` are the same. */
  readonly rules: SealedRules;
  /** Whether a backup holds exactly this content. */
  readonly backedUp: boolean;
  /** What `stat` said of the index, the backups and what was set aside. */
  readonly backups: string;
  /** When the next of the backups is to be read again; null: never. */
  readonly scrubDue: string | null;
}

/** Durations in milliseconds. */
export interface SealedRules {
  readonly retention: number;
  readonly quarantineRetention: number;
  readonly minInterval: number;
  readonly integrityInterval: number;
  readonly scrubInterval: number;
  readonly blocking: boolean;
  /** Every launch checks before it opens: then none is quiet. */
  readonly alwaysCheck: boolean;
}

/** As it stands in the file. */
export type Written = Readonly<Record<string, unknown>>;

/** The name in the file, the name here, and what it holds; `optional`: null here where it is absent there. */
type Field<Names> = readonly [
  written: string,
  name: keyof Names & string,
  type: "text" | "text-or-false" | "truth" | "whole" | "time",
  optional?: "optional",
];

const PROOF_FIELDS: readonly Field<FileProof>[] = [
  ["ino", "ino", "text"],
  ["size", "size", "text"],
  ["mtime", "mtime", "text"],
  ["ctime", "ctime", "text"],
];

const OPENED_FIELDS: readonly Field<OpenedRecord>[] = [
  ["database_id", "databaseId", "text"],
  ["boot", "boot", "text"],
  ["checked_at", "checkedAt", "time", "optional"],
  ["suspect", "suspect", "text", "optional"],
];

const SEAL_FIELDS: readonly Field<Seal>[] = [
  ...OPENED_FIELDS,
  ["app_version", "appVersion", "text"],
  ["app_layout", "appLayout", "text"],
  ["stamp_version", "stampVersion", "text"],
  ["layout", "layout", "text"],
  ["settings", "settings", "text"],
  ["settings_text", "settingsText", "text"],
  ["settings_version", "settingsVersion", "text", "optional"],
  ["settings_migrations", "settingsMigrations", "text-or-false", "optional"],
  ["migrations", "migrations", "text", "optional"],
  ["backups", "backups", "text"],
  ["backed_up", "backedUp", "truth"],
  ["scrub_due", "scrubDue", "time", "optional"],
];

const RULE_FIELDS: readonly Field<SealedRules>[] = [
  ["retention", "retention", "whole"],
  ["quarantine_retention", "quarantineRetention", "whole"],
  ["min_interval", "minInterval", "whole"],
  ["integrity_interval", "integrityInterval", "whole"],
  ["scrub_interval", "scrubInterval", "whole"],
  ["blocking", "blocking", "truth"],
  ["always_check", "alwaysCheck", "truth"],
];

const HEAD =
  "# What Holdfast knows of the database from the last time. Without this file the next launch checks all of it.\n";

/** @param database its path as seen from the record's folder */
export function textOfRecord(database: string, record: OpenedRecord | Seal): string {
  const lines = [`database = ${JSON.stringify(database)}`];
  if ("rules" in record) {
    lines.push(...toLines(record, SEAL_FIELDS), "", "[rules]", ...toLines(record.rules, RULE_FIELDS));
  } else lines.push(...toLines(record, OPENED_FIELDS));
  lines.push("", "[file]", ...toLines(record.file, PROOF_FIELDS), "");
  const body = lines.join("\n");
  return `${HEAD}${digestLine(body)}${body}`;
}

/** A basic string, a number and a truth value are written in TOML as in JSON; a time has no quotes. */
function toLines<Names>(values: Names, fields: readonly Field<Names>[]): string[] {
  return fields
    .filter(([, name]) => values[name] !== null)
    .map(([written, name, type]) => `${written} = ${type === "time" ? values[name] : JSON.stringify(values[name])}`);
}

function digestLine(body: string): string {
  return `digest = "${fnv1a(body)}"\n`;
}

/** Reads what {@link textOfRecord} wrote, and no other TOML. Null for anything else: torn, or changed by another hand. */
export function readRecord(text: string): Written | null {
  const start = text.indexOf("\n", HEAD.length) + 1;
  const body = text.slice(start);
  if (text.slice(0, start) !== HEAD + digestLine(body)) return null;
  const record: Record<string, unknown> = {};
  let table = record;
  try {
    for (const line of body.split("\n")) {
      if (line === "") continue;
      const equals = line.indexOf(" = ");
      if (equals > 0) {
        const value = line.slice(equals + 3);
        table[line.slice(0, equals)] = value.endsWith("Z") ? value : (JSON.parse(value) as unknown);
      } else if (line.startsWith("[") && line.endsWith("]")) {
        table = {};
        record[line.slice(1, -1)] = table;
      } else return null;
    }
    return record;
  } catch {
    return null;
  }
}

export function asOpened(record: Written | null): OpenedRecord | null {
  const values = decode(record, OPENED_FIELDS);
  const file = decode(record?.file, PROOF_FIELDS);
  return values && file ? ({ ...values, file } as OpenedRecord) : null;
}

export function asSeal(record: Written | null): Seal | null {
  const values = decode(record, SEAL_FIELDS);
  const file = decode(record?.file, PROOF_FIELDS);
  const rules = decode(record?.rules, RULE_FIELDS);
  return values && file && rules ? ({ ...values, file, rules } as Seal) : null;
}

function decode<Names>(written: unknown, fields: readonly Field<Names>[]): Partial<Names> | null {
  if (typeof written !== "object" || written === null) return null;
  const decoded: Record<string, unknown> = {};
  for (const [key, name, type, optional] of fields) {
    const value = (written as Written)[key] ?? null;
    if (value === null ? !optional : !isOfType(value, type)) return null;
    decoded[name] = value;
  }
  return decoded as Partial<Names>;
}

function isOfType(value: unknown, type: Field<unknown>[2]): boolean {
  switch (type) {
    case "text":
      return typeof value === "string";
    case "text-or-false":
      return typeof value === "string" || value === false;
    case "truth":
      return typeof value === "boolean";
    case "whole":
      return Number.isSafeInteger(value);
    case "time":
      return typeof value === "string" && !Number.isNaN(Date.parse(value));
  }
}
