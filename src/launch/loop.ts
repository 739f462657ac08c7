/** A database that has to be replaced again and again. */
import type { UnconfirmedRestore } from "../backups/index-file.ts";
import { noteRestore } from "../backups/restores.ts";
import { messageOf } from "../errors.ts";
import type { Context } from "./context.ts";

/** Two replacements with no clean close between are a loop; a person should hear of it. */
export async function confirmLater(context: Context, restore: UnconfirmedRestore): Promise<void> {
  try {
    const previous = await noteRestore(context.engine.openPlain, context.places, restore);
    if (!previous) return;
    context.warnings.push(
      `This is a loop: the database was restored from ${previous.file} at ${previous.at} already, and was not closed cleanly since. The medium or the application may be damaging it.`,
    );
  } catch (error) {
    context.warnings.push(`The restore could not be noted in the index: ${messageOf(error)}`);
  }
}
