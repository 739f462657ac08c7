import type { ErrorCode } from "../../errors.ts";

/**
 * - `ok`
 * - `note`: worth knowing; nothing has to be done, or Holdfast does it
 * - `warning`: it works, and something should be done
 * - `problem`: a launch or a backup will fail, or data is at stake
 */
export type FindingState = "ok" | "note" | "warning" | "problem";

export interface Finding {
  readonly name: string;
  readonly state: FindingState;
  readonly message: string;
  /** The exact command or setting that helps. */
  readonly remedy: string | null;
}

/** A finding, and for a problem the code that it is known by. */
export type Diagnosis = Finding &
  (
    | { readonly state: "problem"; readonly code: ErrorCode; readonly remedy: string }
    | { readonly state: "ok" | "note" | "warning" }
  );

export const ok = (name: string, message: string): Diagnosis => ({ name, state: "ok", message, remedy: null });

export const note = (name: string, message: string, remedy: string | null = null): Diagnosis => ({
  name,
  state: "note",
  message,
  remedy,
});

export const warning = (name: string, message: string, remedy: string | null = null): Diagnosis => ({
  name,
  state: "warning",
  message,
  remedy,
});

export const problem = (name: string, code: ErrorCode, message: string, remedy: string): Diagnosis => ({
  name,
  state: "problem",
  message,
  remedy,
  code,
});
