/**
 * What a power loss could undo, read from the calls of one recorded run: a file that takes its name with bytes that
 * were not flushed, a name that is relied on before its folder was flushed, a write under a seal that still stands.
 * Recorded, for no fault that can be injected loses what is in the cache.
 */
import { dirname, join } from "node:path";

/** What counts is under these names; temporaries, locks and what SQLite sees to by itself are left out. */
const COUNTS =
  /^(library\.sqlite|backups\/(library-.*\.sqlite(-wal|-shm|-journal)?(\.sha256)?|\.library-db-\w+\.toml))$/;
const CONTENT = /^library\.sqlite(-wal|-journal)?$/;
const SEAL = "backups/.library-db-seal.toml";

interface Step {
  readonly call: string;
  /** Relative to the flow's folder. */
  readonly paths: readonly string[];
}

/** @param sealed whether there is a seal when the run begins */
export function findUndurable(log: string, folder: string, sealed: boolean): readonly string[] {
  const found: string[] = [];
  const unflushed = new Set<string>();
  let pending: { readonly call: string; readonly folder: string; readonly path: string }[] = [];
  let seal: "stands" | "leaves" | "gone" = sealed ? "stands" : "gone";
  for (const { call, paths } of stepsIn(log, folder)) {
    const [first = "", last = first] = [paths[0], paths.at(-1)];
    if (/^(p?write|ftruncate|copy_file_range|sendfile)/.test(call)) {
      unflushed.add(last);
      if (CONTENT.test(last) && seal !== "gone") found.push(`${call} to ${last} while the seal ${seal}`);
    } else if (/^f(data)?sync$/.test(call)) {
      unflushed.delete(last);
      pending = pending.filter((each) => each.folder !== last);
      if (last === "backups" && seal === "leaves") seal = "gone";
    } else if (/^(rename|link|unlink)/.test(call)) {
      if (call.startsWith("rename")) {
        if (unflushed.delete(first)) {
          unflushed.add(last);
          if (COUNTS.test(last)) found.push(`${first} becomes ${last} with bytes that were not flushed`);
        }
      }
      if (call.startsWith("unlink")) unflushed.delete(last);
      if (COUNTS.test(last)) {
        for (const each of pending) {
          if (each.call !== call || each.folder !== parent(last))
            found.push(`${call} of ${last} before the folder of ${each.path} (${each.call}) was flushed`);
        }
        pending.push({ call, folder: parent(last), path: last });
      }
      if (first === SEAL && seal === "stands") seal = "leaves";
    }
  }
  found.push(...pending.map((each) => `the folder of ${each.path} (${each.call}) was never flushed`));
  return found;
}

function stepsIn(log: string, folder: string): readonly Step[] {
  return log.split("\n").flatMap((line) => {
    const [, call, args = "", result = ""] = /^(\w+)\((.*)\)\s+= (.*)$/.exec(line) ?? [];
    if (call === undefined || result.startsWith("-1")) return [];
    const byName = /^(rename|link|unlink)/.test(call);
    const named = [...args.matchAll(byName ? /"((?:[^"\\]|\\.)*)"/g : /\d+<([^>]*)>/g)].map((each) => each[1] ?? "");
    const counted = byName || call === "copy_file_range" ? named : named.slice(0, 1);
    const paths = counted.filter((path) => path === folder || path.startsWith(`${folder}/`));
    return paths.length === 0 ? [] : [{ call, paths: paths.map((path) => path.slice(folder.length + 1)) }];
  });
}

function parent(path: string): string {
  return dirname(join("/", path)).slice(1);
}
