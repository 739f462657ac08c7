/** Two databases compared, in a process of its own. Prints what it took as JSON. */
import { highWater } from "./high-water.ts";

export interface DiffOrder {
  /** Holdfast's entry point, as a URL. */
  readonly library: string;
  readonly database: string;
  readonly other: string;
}

export interface DiffCost {
  readonly ms: number;
  /** Bytes: the most that this process has held, and what it had held before anything was loaded. */
  readonly peak: number;
  readonly atStart: number;
  /** Rows that differ. */
  readonly differing: number;
}

const atStart = highWater();
const { library, database, other } = JSON.parse(process.argv[2] ?? "") as DiffOrder;
const { diff } = (await import(library)) as typeof import("../../src/index.ts");
const begun = performance.now();
const { tables } = await diff({ path: database, migrations: false }, other, undefined, { onEvent: () => {} });
const cost: DiffCost = {
  ms: performance.now() - begun,
  peak: highWater(),
  atStart,
  differing: tables.reduce((sum, { added, removed, changed }) => sum + added + removed + changed, 0),
};
process.stdout.write(JSON.stringify(cost));
