import { BACKUP_KINDS } from "./backup-kinds.ts";
import { DATABASE_KINDS } from "./database-kinds.ts";
import type { Kind } from "./kind.ts";
import { RECORD_KINDS } from "./record-kinds.ts";
import { SIDECAR_KINDS } from "./sidecar-kinds.ts";

export const KINDS: readonly Kind[] = [...DATABASE_KINDS, ...SIDECAR_KINDS, ...BACKUP_KINDS, ...RECORD_KINDS];

const BY_NAME = new Map(KINDS.map((kind) => [kind.name, kind]));

export function kindNamed(name: string): Kind {
  const kind = BY_NAME.get(name);
  if (!kind) throw new Error(`no kind ${name}: there are ${[...BY_NAME.keys()].join(", ")}`);
  return kind;
}

/** Those whose names begin with one of these. */
export function kindsLike(prefixes: string | undefined): readonly Kind[] {
  const found = KINDS.filter(
    ({ name }) => prefixes === undefined || prefixes.split(",").some((each) => name.startsWith(each)),
  );
  if (found.length === 0) throw new Error(`no kind like ${prefixes}`);
  return found;
}
