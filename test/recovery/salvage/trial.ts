/** A database that is built, damaged, salvaged and judged. */
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadEngine } from "../../../src/database/open.ts";
import type { SalvageReport } from "../../../src/recovery/salvage/report.ts";
import { type SalvageOrder, salvage } from "../../../src/recovery/salvage/salvage.ts";
import { Draw } from "../../faults/mutations/draw.ts";
import { scratchFolder } from "../../fixtures/scratch-folder.ts";
import type { Damaged, Subject } from "./damages.ts";
import { type Judgement, judge, type Original, remember } from "./judge.ts";
import { type Build, buildLibrary, changeLibrary } from "./library.ts";

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
  return trialOf(folder, file);
}

/** The same with a backup from before rows were added, changed and deleted. */
export function prepareChanged(build: Build, name: string): { readonly trial: Trial; readonly backup: string } {
  const folder = scratchFolder();
  const file = join(folder, "library.sqlite");
  const backup = join(folder, "backup.sqlite");
  buildLibrary(file, build, new Draw(name));
  copyFileSync(file, backup);
  changeLibrary(file, build);
  return { trial: trialOf(folder, file), backup };
}

function trialOf(folder: string, file: string): Trial {
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

/** 1 for each byte of the file in which the value of a row stands. */
export function bytesOfValues({ subject, original }: Trial): Uint8Array {
  const inValue = new Uint8Array(subject.bytes.length);
  for (const { rows } of original.tables) {
    for (const { values } of rows) for (const [from, to] of values) inValue.fill(1, from, to);
  }
  return inValue;
}
