/** A launch that was not quiet must not be taken for one. */
import type { Launched } from "./one-launch.ts";

/** @returns nothing where all were quiet, else how many were not and what the first of them did */
export function noteLoud(launches: readonly Launched[]): string[] {
  const loud = launches.filter(({ actions, backup }) => actions.length > 0 || backup !== "unchanged");
  const [first] = loud;
  if (!first) return [];
  const did = [...first.actions, `backup: ${first.backup}`].join(", ");
  return [`NOT QUIET: ${loud.length} of ${launches.length} launches; the first did ${did}.`];
}
