/** The launch: observe, decide, act, until the database may be opened or is refused. */
import { isAbsent } from "../database/files.ts";
import { type Layout, relate } from "../database/layout.ts";
import { dropSeal } from "../database/seal.ts";
import type { Stamp } from "../database/stamp.ts";
import { HoldfastError } from "../errors.ts";
import type { Found } from "../report.ts";
import { act } from "./act.ts";
import type { Context } from "./context.ts";
import { candidates, type Decision, decide, hasAlienSidecars } from "./decide.ts";
import { type Facts, stampOf } from "./facts.ts";
import { foresee } from "./foresee.ts";
import { observe } from "./observe.ts";

/** More steps than any launch takes; a launch that needs them is a fault of Holdfast's, and must not run for ever. */
const STEPS = 100;

/**
 * @param onFound told what was found, before anything is changed
 * @throws HoldfastError when the database is refused; nothing was touched then
 */
export async function launch(context: Context, onFound: (found: Found) => void): Promise<Facts> {
  let facts = await observe(context, false);
  let found = false;
  for (let step = 0; step < STEPS; step++) {
    const decision = decide(facts, context.settings);
    if (!found && !LOOKING.has(decision.do)) {
      onFound(describeFound(facts));
      found = true;
    }
    if (decision.do === "open") return facts;
    if (decision.do === "refuse") throw new HoldfastError(decision.refusal);
    if (!context.dryRun && !LOOKING.has(decision.do) && decision.do !== "salvage") dropSeal(context.places);
    const next = context.dryRun ? await foresee(context, facts, decision) : await act(context, facts, decision);
    if (next === null) return facts;
    facts = next;
  }
  throw new Error("a launch came to no end");
}

/** Decisions that only add to what is known; a salvage may come to nothing too, and breaks the seal when it does not. */
const LOOKING: ReadonlySet<Decision["do"]> = new Set(["wait", "examine", "verify"]);

export function describeFound(facts: Facts): Found {
  const { whole, alone, files } = facts;
  if (isAbsent(files)) {
    return { state: candidates(facts).length > 0 ? "missing" : "new", version: null, layout: "none" };
  }
  if (!whole || whole.verdict.kind === "impossible") return { state: "unknown", version: null, layout: "none" };
  const soundAlone = alone?.checked === true && alone.verdict.kind === "sound";
  if (soundAlone && (whole.verdict.kind === "corrupt" || hasAlienSidecars(facts))) {
    return { state: "healthy", ...standing(alone.self?.stamp ?? null, alone.self?.ledger ?? [], facts) };
  }
  const { version, layout } = standing(stampOf(facts), facts.layout, facts);
  if (whole.verdict.kind === "corrupt") return { state: "corrupt", version, layout: "none" };
  return { state: "healthy", version, layout };
}

function standing(stamp: Stamp | null, layout: Layout, facts: Facts): Pick<Found, "version" | "layout"> {
  const bare = !stamp && layout.length === 0;
  return { version: stamp?.appVersion ?? null, layout: bare ? "none" : relate(layout, facts.app.layout) };
}
