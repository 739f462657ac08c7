/** The backup behind the running application, beside a verified copy by hand; and whether the application stutters. */
import { join } from "node:path";
import { runApart } from "./apart.ts";
import type { Launched } from "./one-launch.ts";
import type { Copied, CopyOrder } from "./one-verified-copy.ts";
import { inTurns } from "./rounds.ts";
import { between, defineSection, type Section } from "./section.ts";
import { backupsOf, change, databaseOf, launch, type Site, settle } from "./site.ts";
import { median, medianRatio } from "./statistics.ts";
import { label, met, milliseconds, type Table, times } from "./tables.ts";
import { watchLoop } from "./watch-loop.ts";

interface Backup extends Copied {
  /** The longest block of a process that had nothing to do meanwhile: so much is due to the machine's other work. */
  readonly idle: number;
  /** What became of it; null by hand. */
  readonly result: string | null;
}

type Sides = Readonly<Record<"by-hand" | "holdfast", readonly Backup[]>>;

const MOST_RATIO = 1;
const LONGEST_BLOCK_MS = 10;

export const backupBehind: Section<Sides> = defineSection({
  number: 8,
  name: "behind",
  sizes: between(100, 1000),
  async measure(site, rounds) {
    await settle(site);
    return await inTurns(["by-hand", "holdfast"] as const, rounds, (side, round) => {
      // Other changes than those of the other measurement: the same content again would need no backup.
      change(site, side, 1000 + round);
      return side === "holdfast" ? byHoldfast(site) : byHand(site);
    });
  },
  tables: (measured) => [timeTable(measured), blockTable(measured)],
});

async function byHoldfast(site: Site): Promise<Backup> {
  const loop = watchLoop();
  const launched: Launched = await launch(site, "holdfast", { watch: true });
  loop.stop();
  const { begun, opened, backedUp, blocked, backup } = launched;
  return {
    begun: begun + opened,
    ms: backedUp - opened,
    blocked: blocked ?? Number.NaN,
    idle: loop.longest(begun + opened, begun + backedUp),
    result: backup,
  };
}

async function byHand(site: Site): Promise<Backup> {
  const order: CopyOrder = {
    database: databaseOf(site, "by-hand"),
    copy: join(backupsOf(site, "by-hand"), "verified-copy.sqlite"),
  };
  const loop = watchLoop();
  const copied = await runApart<Copied>("one-verified-copy.ts", order);
  loop.stop();
  return { ...copied, idle: loop.longest(copied.begun, copied.begun + copied.ms), result: null };
}

function timeTable(measured: ReadonlyMap<number, Sides>): Table {
  return {
    title: "Changed database, the backup behind the application",
    goal: "not slower",
    head: ["size", "Holdfast ms", "by hand ms", "ratio", "goal met", "runs"],
    rows: [...measured].map(([megabytes, { holdfast, "by-hand": byHand }]) => {
      const [ours, theirs] = [holdfast.map(({ ms }) => ms), byHand.map(({ ms }) => ms)];
      const ratio = medianRatio(ours, theirs);
      return [
        label(megabytes),
        milliseconds(median(ours)),
        milliseconds(median(theirs)),
        times(ratio),
        met(MOST_RATIO, (most) => ratio <= most),
        String(ours.length),
      ];
    }),
    notes: [
      "Holdfast from open database to `await library.backup`: copy, full verification, hash, checksum file and index. By hand `db.backup()`, `integrity_check` of the copy and its SHA-256, on one connection in the application's process.",
      ...[...measured].flatMap(([megabytes, { holdfast }]) => {
        const others = holdfast.filter(({ result }) => result !== "taken");
        return others.length === 0 ? [] : [`NOT TAKEN at ${label(megabytes)}: ${others.map(({ result }) => result)}.`];
      }),
    ],
  };
}

function blockTable(measured: ReadonlyMap<number, Sides>): Table {
  return {
    title: "Longest block of the application's event loop while the backup runs",
    goal: `at most ${LONGEST_BLOCK_MS} ms`,
    head: ["size", "Holdfast ms", "its worst ms", "goal met", "idle process ms", "by hand ms", "runs"],
    rows: [...measured].map(([megabytes, { holdfast, "by-hand": byHand }]) => {
      const blocks = holdfast.map(({ blocked }) => blocked);
      const longest = median(blocks);
      const idle = median(holdfast.map((each) => each.idle));
      const holds = met(LONGEST_BLOCK_MS, (most) => longest <= most);
      return [
        label(megabytes),
        milliseconds(longest),
        milliseconds(Math.max(...blocks)),
        holds === "no" && idle > LONGEST_BLOCK_MS ? "noise" : holds,
        milliseconds(idle),
        milliseconds(median(byHand.map(({ blocked }) => blocked))),
        String(blocks.length),
      ];
    }),
    notes: [
      "The idle process watched its own event loop in the same seconds: so much is due to the machine's other work.",
    ],
  };
}
