import type { Progress } from "../platform/child.ts";
import type { Operation } from "./operation.ts";

/** How far a copy of the database is: in pages while it is taken, then in tables while it is checked. */
export function tellCopy(
  { onEvent, places: { database } }: Pick<Operation, "onEvent" | "places">,
  { done, total, what }: Progress,
): void {
  onEvent(
    what === undefined
      ? { kind: "back-up", message: `backing up ${database}`, done, total, unit: "pages" }
      : { kind: "check", message: `checking the copy: ${what}`, done, total, unit: "tables" },
  );
}
