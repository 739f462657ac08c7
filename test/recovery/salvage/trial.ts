/** A database that is built, damaged, salvaged and judged. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadEngine } from "../../../src/database/open.ts";
import type { SalvageReport } from "../../../src/recovery/salvage/report.ts";
import { type SalvageOrder, salvage } from "../../../src/recovery/salvage/salvage.ts";
import { Draw } from "../../faults/mutations/draw.ts";
import { scratchFolder } from "../../fixtures/scratch-folder.ts";
import type { Damaged, Subject } from "./damages.ts";
import { type Judgement, judge, type Original, remember } from "./judge.ts";
import { type Build, buildLibrary } from "./library.ts";

const engine = await loadEngine();

export interface Trial {
  readonly file: string;
  readonly subject: Subject;
  readonly original: Original;
  /** Salvages what the damage left. */
  run(
    damaged: Damaged,
    order?: Partial<SalvageOrder>,
  ): Judgement & { readonly report: SalvageReport; readonly result: string };
}

let results = 0;

export function prepare(build: Build, name: string): Trial {
  const folder = scratchFolder();
  const file = join(folder, "library.sqlite");
  buildLibrary(file, build, new Draw(name));
  const original = remember(file);
  const bytes = readFileSync(file);
  const subject: Subject = {
    bytes,
    pageSize: bytes.readUInt16BE(16) === 1 ? 65536 : bytes.readUInt16BE(16),
    interior: original.tables.flatMap(({ interior }) => interior),
  };
  return {
    ...{ file, subject, original },
    run(damaged, order = {}) {
      const from = join(folder, "damaged.sqlite");
      const to = join(folder, `result-${results++}.sqlite`);
      writeFileSync(from, damaged.bytes);
      const report = salvage(engine, { from, to, ...order });
      const judgement = judge(original, to, ({ pages }) => pages.some((page) => damaged.pages.has(page)));
      return { ...judgement, report, result: to };
    },
  };
}
