/** Damage to the backups themselves, where the next launch has to restore from them, and where it has not. */
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { checksumFileOf } from "../../../src/backups/checksum-file.ts";
import { VERSION } from "./beginnings.ts";
import { append, cutAnywhere, cutAt, fill, flipBit, scribble, zeroSector } from "./bytes.ts";
import type { Draw } from "./draw.ts";
import { type Damage, family, type Kind, type Site } from "./kind.ts";

export const NEWEST = `library-v${VERSION}.sqlite`;
export const OLDER = "library-v1.0.0.sqlite";

export const newest = ({ places }: Site): string => join(places.backups, NEWEST);
export const older = ({ places }: Site): string => join(places.backups, OLDER);

const onBackup =
  (change: (file: string, draw: Draw, site: Site) => string): Damage =>
  (site, draw) => {
    // Most often the one that a restore would take.
    const file = draw.below(4) === 0 ? older(site) : newest(site);
    return `${file === newest(site) ? NEWEST : OLDER}: ${change(file, draw, site)}`;
  };

const page = (file: string, draw: Draw): number => 4096 * draw.below(readFileSync(file).length / 4096);

const BACKUPS: Readonly<Record<string, Damage>> = {
  "backup.bit": onBackup((file, draw) => flipBit(file, draw)),
  "backup.zero-page": onBackup((file, draw) => fill(file, page(file, draw), Buffer.alloc(4096))),
  "backup.random-page": onBackup((file, draw) => fill(file, page(file, draw), draw.bytes(4096))),
  "backup.scribble": onBackup((file, draw) => scribble(file, draw, 64)),
  "backup.sector": onBackup((file, draw) => zeroSector(file, draw)),
  "backup.cut": onBackup((file, draw) => cutAnywhere(file, draw)),
  "backup.cut-at-page": onBackup((file, draw) => cutAt(file, page(file, draw))),
  "backup.longer": onBackup((file, draw) => append(file, draw.bytes(1 + draw.below(5000)))),
  "backup.gone": onBackup((file) => {
    rmSync(file);
    return "gone";
  }),
  "backup.foreign": onBackup((file, _, { stage }) => {
    copyFileSync(stage.foreign, file);
    return "another application's database";
  }),
  "backup.log-beside": onBackup((file, _, { stage }) => {
    copyFileSync(`${stage.foreign}-wal`, `${file}-wal`);
    return "a log beside it";
  }),
  "backup.journal-beside": onBackup((file, _, { stage }) => {
    copyFileSync(`${stage.foreign}-journal`, `${file}-journal`);
    return "a journal beside it";
  }),
  "backup.names-swapped": (site) => {
    exchange(newest(site), older(site));
    return "the two have each other's name";
  },
};

/** What is damaged and besides: the index gone, and the checksum file with it. */
function without(lost: "index" | "index-and-checksum", damages: Readonly<Record<string, Damage>>) {
  return Object.fromEntries(
    Object.entries(damages).map(([name, damage]): [string, Damage] => [
      `${name}.without-${lost}`,
      (site, draw, index) => {
        rmSync(site.places.index);
        const said = damage(site, draw, index);
        if (lost === "index-and-checksum")
          for (const file of [newest(site), older(site)]) rmSync(checksumFileOf(file), { force: true });
        return `${said}, and without ${lost}`;
      },
    ]),
  );
}

const { "backup.names-swapped": _, ...OF_ONE } = BACKUPS;

export const BACKUP_KINDS: readonly Kind[] = [
  ...(["corrupt", "missing"] as const).flatMap((on) => [
    ...family(on, "backup", BACKUPS),
    ...family(on, "backup", without("index", OF_ONE)),
    ...family(on, "backup", without("index-and-checksum", OF_ONE)),
  ]),
  ...family("sealed", "backup", BACKUPS),
  ...family("sealed", "backup", without("index", OF_ONE)),
];

function exchange(a: string, b: string): void {
  renameSync(a, `${a}.moved`);
  renameSync(b, a);
  renameSync(`${a}.moved`, b);
  if (!existsSync(a)) throw new Error(`${a} is gone`);
}
