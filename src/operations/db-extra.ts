/** The folders that `db-extra` names, where they really are: a link is followed, and stays what it is. */
import { HoldfastError } from "../errors.ts";
import { realPath } from "../platform/real-path.ts";
import { type Settings, whyExtraUnfit } from "../settings.ts";
import type { Operation } from "./operation.ts";

/** @throws SETTINGS_INVALID where links lead one into another, or to the database */
export function realExtras({ settings, places }: Operation): Settings["extra"] {
  const real = settings.extra.map(({ name, path }) => ({ name, path: realPath(path) }));
  const unfit = whyExtraUnfit(real, [places.database, places.backups]);
  if (unfit === null) return real;
  throw new HoldfastError({
    code: "SETTINGS_INVALID",
    message: `In ${settings.origin}, db-extra ${unfit}, with links resolved.`,
    hint: `Mend db-extra in ${settings.origin}; nothing was written.`,
    details: { file: settings.origin, key: "db-extra" },
  });
}
