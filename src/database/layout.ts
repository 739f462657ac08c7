/** The layout: the ordered list of applied migrations, and how the database's stands to the application's. */
import { sha256 } from "../platform/builtins.ts";

export interface LayoutStep {
  readonly name: string;
  /** `sha256:` and 64 hex digits, over the text with line endings normalised. */
  readonly checksum: string;
  /** The lowest app version that may open the result, when the migration declares one. */
  readonly compatibleSince?: string | null;
}

export type Layout = readonly LayoutStep[];

/**
 * - `equal`: the same list
 * - `behind`: the database's is a proper prefix of the application's; migrations are pending
 * - `ahead`: the application's is a proper prefix of the database's
 * - `diverged`: they differ in a step that both have
 */
export type LayoutRelation = "equal" | "behind" | "ahead" | "diverged";

export function relate(database: Layout, app: Layout): LayoutRelation {
  if (firstDifference(database, app)) return "diverged";
  if (database.length === app.length) return "equal";
  return database.length < app.length ? "behind" : "ahead";
}

/** The first step that both lists have and that differs, if any. */
export function firstDifference(
  database: Layout,
  app: Layout,
): { position: number; database: LayoutStep; app: LayoutStep } | null {
  for (const [position, step] of database.entries()) {
    const known = app[position];
    if (!known) return null;
    if (known.name !== step.name || known.checksum !== step.checksum) return { position, database: step, app: known };
  }
  return null;
}

export function fingerprint(layout: Layout): string {
  return sha256(layout.map((step) => `${step.name}\n${step.checksum}\n`).join(""));
}

/** Over the text as an editor shows it: a checkout that changes line endings is no other migration. */
export function checksumOf(text: string): string {
  return sha256(text.replace(/^\uFEFF/, "").replaceAll(/\r\n?/g, "\n"));
}
