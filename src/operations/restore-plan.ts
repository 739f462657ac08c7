/** What a restore is going to do, for the question and the report. */
import { identify, sameIdentity } from "../platform/atomic-file.ts";
import type { ActionReport } from "../report.ts";
import type { ExtraSwap } from "./extra-restore.ts";
import type { Operation } from "./operation.ts";
import type { Source } from "./source.ts";
import type { Stock } from "./take-stock.ts";
import type { Sound } from "./verify-source.ts";

/** A backup knows when it was taken. */
export function lossOf(
  { places }: Operation,
  source: Source,
  { file, sidecars }: Stock,
  { self }: Sound,
): Pick<ActionReport, "lost"> {
  if (source.kind === "backup" && sameIdentity(identify(places.database), source.entry.source)) return {};
  const from = self?.backup?.createdAt;
  const [to] = [file, ...sidecars.filter(({ path }) => path.endsWith("-wal"))]
    .flatMap((each) => each?.modifiedAt ?? [])
    .sort()
    .reverse();
  return from !== undefined && to !== undefined && to > from ? { lost: { from, to } } : {};
}

export function planOf(
  op: Operation,
  source: Source,
  { self }: Sound,
  path: string,
  extras: readonly ExtraSwap[],
  loss: Pick<ActionReport, "lost"> = {},
): ActionReport[] {
  const version = self?.backup?.version ?? self?.stamp?.appVersion ?? null;
  const elsewhere = path !== op.places.database;
  return [
    {
      action: "restore",
      reason: elsewhere ? `a copy of it becomes ${path}` : "a copy of it takes the database's place",
      file: source.path,
      version,
      ...loss,
    },
    ...extras.flatMap(({ name, from, to, aside }): ActionReport[] => [
      ...(aside === null
        ? []
        : [{ action: "move" as const, reason: `the folder ${to} is kept under this name`, file: aside }]),
      { action: "restore", reason: `the files of ${name} become ${to}`, file: from },
    ]),
  ];
}
