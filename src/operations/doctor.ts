/**
 * Is everything as it should be? Facts are gathered once, and each finding is told from them alone.
 *
 * The page begins with the data itself and ends with what it stands on, and the first problem on it is the error of the
 * report, whose code is the exit status. Notes and warnings are none.
 */
import { remedyForMoved, tellMoved } from "../database/moved.ts";
import { HoldfastError, type Refusal } from "../errors.ts";
import type { SettingsInput } from "../settings-glance.ts";
import * as kept from "./doctor/backup-findings.ts";
import * as data from "./doctor/database-findings.ts";
import type { DoctorFacts } from "./doctor/facts.ts";
import { type Diagnosis, type Finding, problem } from "./doctor/finding.ts";
import { gatherFacts } from "./doctor/gather.ts";
import * as around from "./doctor/surroundings.ts";
import { type OperationOptions, operate } from "./operation.ts";

export type { Finding, FindingState } from "./doctor/finding.ts";

/** What `doctor()` returns and `holdfast doctor --json` prints. */
export interface DoctorReport {
  /** `ailing`: at least one finding is a problem. */
  readonly outcome: "healthy" | "ailing";
  /** The database's path, links resolved; null where the settings do not say it. */
  readonly database: string | null;
  readonly findings: readonly Finding[];
  /** Those of the findings, and what could not be looked at. */
  readonly warnings: readonly string[];
  /** The first problem. */
  readonly error?: Refusal;
}

/** Null where it does not apply. */
type Judge = (facts: DoctorFacts) => Diagnosis | readonly Diagnosis[] | null;

/** In the order of the page. */
const PAGE: readonly Judge[] = [
  data.swap,
  data.database,
  data.opener,
  data.layout,
  data.pages,
  data.lock,
  kept.backups,
  kept.index,
  kept.demoted,
  kept.quarantined,
  kept.leftovers,
  kept.leftFolders,
  around.permissions,
  around.space,
  around.fileSystem,
  around.syncedFolder,
  around.extraFolders,
  around.restoring,
  around.clock,
  around.settings,
  around.runtime,
  around.sqlite,
];

export function judge(facts: DoctorFacts): Diagnosis[] {
  return PAGE.flatMap((each) => each(facts) ?? []);
}

export async function doctor(settings: string | SettingsInput, options: OperationOptions = {}): Promise<DoctorReport> {
  try {
    return await operate("doctor", settings, options, async (op) => {
      const { database } = op.places;
      try {
        const facts = await gatherFacts(op);
        const { migrations } = facts.settings;
        const { moved } = facts.database;
        const told = new Set([
          ...facts.survey.warnings,
          ...(moved ? [`${tellMoved(op.places, moved)} ${remedyForMoved(moved)}`] : []),
          ...(typeof migrations === "object" ? [migrations.message] : []),
        ]);
        return reportOf(
          database,
          judge(facts),
          op.warnings.filter((each) => !told.has(each)),
        );
      } catch (error) {
        return reportOf(database, [refused("database", error)], op.warnings);
      }
    });
  } catch (error) {
    return reportOf(null, [refused("settings", error)], []);
  }
}

/** What keeps the doctor from looking is a finding as well. */
function refused(name: string, error: unknown): Diagnosis {
  if (!(error instanceof HoldfastError) || error.code === "ABORTED") throw error;
  return problem(name, error.code, error.message, error.hint);
}

export function reportOf(
  database: string | null,
  diagnoses: readonly Diagnosis[],
  warnings: readonly string[],
): DoctorReport {
  const findings = diagnoses.map(({ name, state, message, remedy }): Finding => ({ name, state, message, remedy }));
  const told = findings.filter(({ state }) => state === "warning").map(({ message }) => message);
  const common = { database, findings, warnings: [...told, ...warnings.filter((each) => !told.includes(each))] };
  const problems = diagnoses.filter((each) => each.state === "problem");
  const [first] = problems;
  if (!first) return { outcome: "healthy", ...common };
  const more = problems.length - 1;
  const also = more === 0 ? "" : ` There ${more === 1 ? "is 1 more problem" : `are ${more} more problems`}.`;
  const error: Refusal = {
    code: first.code,
    message: first.message + also,
    hint: first.remedy,
    details: { problems: problems.map(({ name }) => name) },
  };
  return { outcome: "ailing", ...common, error };
}
