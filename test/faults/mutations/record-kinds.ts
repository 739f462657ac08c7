/** Damage to what Holdfast notes about a database: the index, checksums, the seal, a swap; and to the settings. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { checksumFileOf } from "../../../src/backups/checksum-file.ts";
import { newest, older } from "./backup-kinds.ts";
import { append, cutAnywhere, edit, fill, flipBit, scribble } from "./bytes.ts";
import type { Draw } from "./draw.ts";
import { type Damage, family, type Kind, type Site } from "./kind.ts";

type Find = (site: Site, draw: Draw) => string;

/** What can befall a small text file. */
function onText(name: string, find: Find, values: Damage): Readonly<Record<string, Damage>> {
  const damages: Readonly<Record<string, (file: string, draw: Draw) => string>> = {
    bit: (file, draw) => flipBit(file, draw),
    cut: cutAnywhere,
    longer: (file, draw) => append(file, draw.bytes(1 + draw.below(300))),
    scribble: (file, draw) => scribble(file, draw, 40),
    zeros: (file) => fill(file, 0, Buffer.alloc(readFileSync(file).length)),
    "line-removed": onLines((lines, draw) => lines.splice(draw.below(lines.length), 1).join()),
    "line-twice": onLines((lines, draw) => {
      const at = draw.below(lines.length);
      lines.splice(at, 0, lines[at] ?? "");
      return lines[at] ?? "";
    }),
    "lines-swapped": onLines((lines, draw) => {
      const [a, b] = draw.pair(lines.map((_, n) => n));
      [lines[a], lines[b]] = [lines[b] ?? "", lines[a] ?? ""];
      return `${a} and ${b}`;
    }),
  };
  return {
    ...Object.fromEntries(
      Object.entries(damages).map(([how, damage]): [string, Damage] => [
        `${name}.${how}`,
        (site, draw) => damage(find(site, draw), draw),
      ]),
    ),
    [`${name}.value`]: values,
  };
}

function onLines(change: (lines: string[], draw: Draw) => string): (file: string, draw: Draw) => string {
  return (file, draw) => {
    let said = "";
    edit(file, (bytes) => {
      const lines = bytes.toString().split("\n");
      said = change(lines, draw);
      return Buffer.from(lines.join("\n"));
    });
    return said.slice(0, 100);
  };
}

/** The value of one line becomes another of the same type, or of another type. */
const newValue =
  (find: Find): Damage =>
  (site, draw) =>
    onLines((lines, lot) => {
      const at = lot.pick(lines.flatMap((line, n) => (/^[\w-]+ = /.test(line) ? [n] : [])));
      const [key = "", old = ""] = (lines[at] ?? "").split(/ = (.*)/s);
      lines[at] = `${key} = ${lot.pick(others(old, lines, lot))}`;
      return lines[at] ?? "";
    })(find(site, draw), draw);

function others(old: string, lines: readonly string[], draw: Draw): readonly string[] {
  const borrowed = lines.flatMap((line) => line.split(/ = (.*)/s)[1] ?? []);
  const wild = ["0", "1", "-1", "true", "false", '""', '"x"', "[]", "{}", "nan", "9007199254740993", "1e400"];
  const strange = ['"../../etc/passwd"', '"/dev/zero"', '"con"', '"\\u0000"', "1979-05-27T07:32:00Z", '"2.0.0"', "'a"];
  const number = /^\d+$/.test(old) ? [String(Number(old) + 1), String(Number(old) * 1000)] : [];
  return [...wild, ...strange, ...number, ...borrowed, `"${"long".repeat(draw.below(3000))}"`];
}

const index: Find = ({ places }) => places.index;
const checksum: Find = (site, draw) => checksumFileOf(draw.below(4) === 0 ? older(site) : newest(site));
const seal: Find = ({ places }) => places.seal;
const opened: Find = ({ places }) => places.opened;
const settings: Find = ({ folder }) => join(folder, "settings.toml");
const intent: Find = ({ places }) => {
  const found = readdirSync(places.backups).find((file) => /-db-intent.*\.toml$/.test(file));
  if (found === undefined) throw new Error("there is no intent");
  return join(places.backups, found);
};

const INDEX: Readonly<Record<string, Damage>> = {
  ...onText("index", index, newValue(index)),
  "index.gone": (site, draw) => remove(index(site, draw)),
  "index.entry-removed": onEntries((entries, draw) => void entries.splice(draw.below(entries.length), 1)),
  "index.entry-twice": onEntries((entries, draw) => void entries.push(draw.pick(entries))),
  "index.foreign-ids": onEntries((entries) => {
    for (const [n, entry] of entries.entries())
      entries[n] = entry.replace(/^database_id = .*$/m, 'database_id = "5a9b1f77-0000-4000-8000-000000000000"');
  }),
  "index.hashes-swapped": onEntries((entries) => {
    const [a = "", b = ""] = entries.map((entry) => /^sha256 = .*$/m.exec(entry)?.[0] ?? "");
    entries[0] = (entries[0] ?? "").replace(a, b);
    entries[1] = (entries[1] ?? "").replace(b, a);
  }),
};

function onEntries(change: (entries: string[], draw: Draw) => void): Damage {
  return (site, draw) => {
    edit(site.places.index, (bytes) => {
      const [head = "", ...entries] = bytes.toString().split("[[entries]]");
      change(entries, draw);
      return Buffer.from([head, ...entries].join("[[entries]]"));
    });
    return "the entries";
  };
}

const CHECKSUM: Readonly<Record<string, Damage>> = {
  ...onText("checksum", checksum, (site, draw) => {
    edit(checksum(site, draw), () => Buffer.from(`${draw.bytes(32).toString("hex")}  library-v1.1.0.sqlite\n`));
    return "another checksum";
  }),
  "checksum.gone": (site, draw) => remove(checksum(site, draw)),
  "checksum.swapped": (site) => {
    const [a, b] = [checksumFileOf(newest(site)), checksumFileOf(older(site))];
    renameSync(a, `${a}.moved`);
    renameSync(b, a);
    renameSync(`${a}.moved`, b);
    return "the two have each other's name";
  },
};

const SEAL = {
  ...onText("seal", seal, newValue(seal)),
  "seal.gone": ((site, draw) => remove(seal(site, draw))) as Damage,
};
const OPENED = {
  ...onText("opened", opened, newValue(opened)),
  "opened.gone": ((site, draw) => remove(opened(site, draw))) as Damage,
};

const SWAP: Readonly<Record<string, Damage>> = {
  ...onText("intent", intent, newValue(intent)),
  "intent.gone": (site, draw) => remove(intent(site, draw)),
  "swap.staged-bit": ({ places, folder }, draw) => {
    const found = readdirSync(folder).find((file) => /-restore-\w+\.tmp$/.test(file));
    if (found === undefined) throw new Error(`nothing is staged for ${places.database}`);
    return flipBit(join(folder, found), draw);
  },
  "swap.old-bit": ({ places }, draw) => flipBit(places.database, draw),
};

function remove(file: string): string {
  if (!existsSync(file)) throw new Error(`${file} is not there`);
  rmSync(file);
  return "gone";
}

export const RECORD_KINDS: readonly Kind[] = [
  ...family("sealed", "record", { ...INDEX, ...CHECKSUM, ...SEAL }),
  ...family("journal", "record", SEAL),
  ...family("killed", "record", { ...INDEX, ...OPENED }),
  ...family("corrupt", "record", { ...INDEX, ...CHECKSUM }),
  ...family("missing", "record", { ...INDEX, ...CHECKSUM }),
  ...(["swap", "late-swap"] as const).flatMap((on) => family(on, "swap", SWAP, { refusals: ["SWAP_INTERRUPTED"] })),
  ...family("sealed", "settings", onText("settings", settings, newValue(settings)), {
    refusals: ["SETTINGS_INVALID", "IO_FAILED", "NOT_FOUND", "MIGRATION_DRIFT"],
  }),
];
