/** Damage to what stands beside the database: its log, its journal, and those of others. */
import { copyFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import { append, copyBlock, cutAnywhere, cutAt, fill, flipBit, scribble, swapBlocks, zeroSector } from "./bytes.ts";
import type { Draw } from "./draw.ts";
import { type Damage, family, type Kind, type Site } from "./kind.ts";

const wal = ({ places }: Site) => `${places.database}-wal`;
const journal = ({ places }: Site) => `${places.database}-journal`;

const WAL_HEADER = 32;
const FRAME_HEADER = 24;

/** Where the frames begin: https://sqlite.org/fileformat2.html#walformat */
function framesOf(file: string): { readonly size: number; readonly starts: readonly number[] } {
  const bytes = readFileSync(file);
  const size = FRAME_HEADER + bytes.readUInt32BE(8);
  const count = Math.floor((bytes.length - WAL_HEADER) / size);
  return { size, starts: Array.from({ length: count }, (_, n) => WAL_HEADER + n * size) };
}

const onFrame =
  (change: (file: string, draw: Draw, at: number, size: number) => string): Damage =>
  (site, draw) => {
    const { size, starts } = framesOf(wal(site));
    return change(wal(site), draw, draw.pick(starts), size);
  };

const onTwoFrames =
  (change: typeof swapBlocks): Damage =>
  (site, draw) => {
    const { size, starts } = framesOf(wal(site));
    const [a, b] = draw.pair(starts);
    return change(wal(site), a, b, size);
  };

const bring =
  (ending: "-wal" | "-shm" | "-journal", from: "foreign" | "old" = "foreign"): Damage =>
  ({ places, stage }) => {
    copyFileSync(from === "old" ? stage.old : stage.foreign + ending, places.database + ending);
    return `the ${from} ${ending}`;
  };

const garbage =
  (ending: "-wal" | "-shm" | "-journal"): Damage =>
  ({ places, stage }, draw) => {
    const file = places.database + ending;
    copyFileSync(`${stage.foreign}${ending}`, file);
    cutAt(file, draw.below(9000));
    return `${ending}: ${scribble(file, draw, 4096)}`;
  };

/** All that was committed is still in the file, but for what stands in the damaged place. */
const HIDING: Readonly<Record<string, Damage>> = {
  "wal.bit": (site, draw) => flipBit(wal(site), draw),
  "wal.bit-in-head": (site, draw) => flipBit(wal(site), draw, 0, WAL_HEADER),
  "wal.bit-in-frame-head": onFrame((file, draw, at) => flipBit(file, draw, at, at + FRAME_HEADER)),
  "wal.zero-frame": onFrame((file, _, at, size) => fill(file, at, Buffer.alloc(size))),
  "wal.random-frame": onFrame((file, draw, at, size) => fill(file, at, draw.bytes(size))),
  "wal.swap-frames": onTwoFrames(swapBlocks),
  "wal.copy-frame": onTwoFrames(copyBlock),
  "wal.sector": (site, draw) => zeroSector(wal(site), draw),
};

const LOG: Readonly<Record<string, Damage>> = {
  "wal.cut": (site, draw) => cutAnywhere(wal(site), draw),
  "wal.cut-at-frame": onFrame((file, _, at) => cutAt(file, at)),
  "wal.cut-in-head": (site, draw) => cutAt(wal(site), draw.below(WAL_HEADER + 1)),
  "wal.longer": (site, draw) => append(wal(site), draw.bytes(1 + draw.below(9000))),
  "wal.foreign": bring("-wal"),
  "wal.old": bring("-wal", "old"),
  "shm.foreign": bring("-shm"),
  "shm.bit": (site, draw) => flipBit(`${site.places.database}-shm`, draw),
  "shm.random": (site, draw) => scribble(`${site.places.database}-shm`, draw, 32_768),
  "shm.cut": (site, draw) => cutAnywhere(`${site.places.database}-shm`, draw),
  "shm.gone": ({ places }) => {
    rmSync(`${places.database}-shm`);
    return "the -shm is gone";
  },
  "journal.foreign": bring("-journal"),
};

const JOURNAL: Readonly<Record<string, Damage>> = {
  "journal.bit": (site, draw) => flipBit(journal(site), draw),
  "journal.bit-in-head": (site, draw) => flipBit(journal(site), draw, 0, 28),
  "journal.cut": (site, draw) => cutAnywhere(journal(site), draw),
  "journal.cut-at-record": (site, draw) => {
    const record = 4 + readFileSync(site.places.database).readUInt16BE(16) + 4;
    return cutAt(journal(site), draw.pick([0, 8, 28, 511, 512, 512 + record, 512 + record * draw.below(9)]));
  },
  "journal.longer": (site, draw) => append(journal(site), draw.bytes(1 + draw.below(5000))),
  "journal.sector": (site, draw) => zeroSector(journal(site), draw),
  "journal.scribble": (site, draw) => scribble(journal(site), draw, 64),
  "journal.foreign": bring("-journal"),
};

const STRANGERS: Readonly<Record<string, Damage>> = {
  "wal.foreign": bring("-wal"),
  "shm.foreign": bring("-shm"),
  "journal.foreign": bring("-journal"),
  "wal.garbage": garbage("-wal"),
  "shm.garbage": garbage("-shm"),
  "journal.garbage": garbage("-journal"),
};

/** Cold sidecars that stand beside nothing. */
const BESIDE_NOTHING: Readonly<Record<string, Damage>> = {
  "wal.foreign": bring("-wal"),
  "journal.foreign": bring("-journal"),
  "zero-bytes": (site, draw) => {
    if (existsSync(site.places.database)) cutAt(site.places.database, 0);
    else copyFileSync("/dev/null", site.places.database);
    return draw.below(2) === 0 ? "zero bytes" : `zero bytes and ${bring("-wal")(site, draw, 0)}`;
  },
};

export const SIDECAR_KINDS: readonly Kind[] = [
  ...family("killed", "sidecar", LOG),
  ...family("killed", "sidecar", HIDING, { hides: true }),
  ...family("hot", "sidecar", JOURNAL),
  ...family("sealed", "sidecar", { ...STRANGERS, "wal.old": bring("-wal", "old") }),
  ...family("journal", "sidecar", STRANGERS),
  ...family("missing", "sidecar", BESIDE_NOTHING),
];
