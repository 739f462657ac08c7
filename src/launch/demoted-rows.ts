/**
 * What a database that was set aside has and the current one lacks: a person who went back a version and returns to the
 * newer one has to hear of it. Nobody waits for the count longer than a second.
 */
import { dirname, join } from "node:path";
import rcompare from "semver/functions/rcompare.js";
import valid from "semver/functions/valid.js";
import type { SetAside } from "../backups/survey.ts";
import type { Inspection } from "../database/integrity.ts";
import { discard } from "../database/look.ts";
import { HoldfastError } from "../errors.ts";
import { idOf, temporaryIn } from "../places.ts";
import type { CountOrder } from "../recovery/count-rows.ts";
import type { RowsMissed } from "../recovery/demoted-rows.ts";
import type { Toolbox } from "../toolbox.ts";

export interface DemotedRows extends RowsMissed {
  /** What commands call it. */
  readonly id: string;
  /** The whole path. */
  readonly path: string;
  readonly version: string;
}

export interface Question {
  readonly demoted: readonly SetAside[];
  /** Those of another database are another's business. */
  readonly databaseId: string;
  /** Whether this application can read what was found in the file at `path`, as it is or migrated. */
  readonly isReadable: (path: string, found: Inspection) => boolean;
  readonly current: Pick<CountOrder, "path" | "how">;
}

/** In milliseconds, for all of them together. */
const PATIENCE = 1000;
/** What it takes to hear of a count that was ended. */
const GRACE = 250;

/**
 * Of those that this application can read, the newest version first. What cannot be read or counted is left out: nobody is
 * kept from their data by what stands beside it.
 */
export async function findDemotedRows(tools: Toolbox, question: Question): Promise<DemotedRows[]> {
  const begun = performance.now();
  const late = AbortSignal.timeout(PATIENCE + GRACE);
  const signal = tools.signal ? AbortSignal.any([tools.signal, late]) : late;
  const scratches: string[] = [];
  const scratchIn = (folder: string) => {
    const scratch = temporaryIn(folder, tools.places, "look");
    scratches.push(scratch);
    return scratch;
  };
  const readable: Omit<DemotedRows, keyof RowsMissed>[] = [];
  try {
    for (const set of question.demoted.filter((each) => each.files.includes(each.file))) {
      const path = join(tools.places.backups, set.file);
      const version = await versionOf(path);
      if (version !== null) readable.push({ id: idOf(tools.places, set.file), path, version });
    }
    if (readable.length === 0) return [];
    readable.sort((a, b) => (valid(a.version) && valid(b.version) ? rcompare(a.version, b.version) : 0));
    const counted = await count();
    return readable.flatMap((each, place) => {
      const rows = counted[place];
      return rows === undefined || typeof rows === "string" ? [] : { ...each, ...rows };
    });
  } catch (error) {
    tools.signal?.throwIfAborted();
    if (late.aborted) return readable.map((each) => ({ ...each, rows: 0, complete: false }));
    if (error instanceof HoldfastError) return [];
    throw error;
  } finally {
    // A child that was ended over it has left its second names.
    if (late.aborted) for (const scratch of scratches) discard(scratch);
  }

  /** Null where it is not for this application, or cannot be read. */
  async function versionOf(path: string): Promise<string | null> {
    const scratch = scratchIn(tools.places.backups);
    const order = { path, scope: "whole", check: "none", scratch, beside: false } as const;
    try {
      const found = await tools.child().run<Inspection>("examine", order, { signal });
      const stamp = found.self?.stamp;
      if (found.verdict.kind !== "sound" || stamp?.databaseId !== question.databaseId) return null;
      return question.isReadable(path, found) ? stamp.appVersion : null;
    } catch (error) {
      // What an application's own migrator throws over such a file is no news either.
      if (signal.aborted) throw error;
      return null;
    }
  }

  async function count(): Promise<(RowsMissed | string)[]> {
    const { current } = question;
    const order = {
      ...current,
      scratch: scratchIn(dirname(current.path)),
      demoted: readable.map(({ path }) => ({ path, scratch: scratchIn(tools.places.backups) })),
      within: Math.max(1, Math.round(PATIENCE - (performance.now() - begun))),
    };
    return await tools.child().run("demoted-rows", order, { signal });
  }
}

export interface Told {
  readonly message: string;
  /** What the command is for, as in "To bring them in". */
  readonly purpose: string;
  readonly remedy: string;
}

/** Null where there is nothing to say. */
export function tellDemotedRows({ id, path, version, rows, complete }: DemotedRows): Told | null {
  if (rows === 0 && complete) return null;
  const there = `A database of version ${version} is set aside as ${path}`;
  if (rows === 0) {
    const message = `${there}, and whether it has rows that the current one lacks could not be told within a second.`;
    return { message, purpose: "To compare them", remedy: `holdfast diff ${id}` };
  }
  const number = `${complete ? "" : "at least "}${rows} row${rows === 1 ? "" : "s"}`;
  const message = `${there}, with ${number} that the current one lacks.`;
  return { message, purpose: `To bring ${rows === 1 ? "it" : "them"} in`, remedy: `holdfast demoted merge ${id}` };
}
