import { basename, dirname, resolve } from "node:path";
import { hasCode, toHoldfastError } from "../errors.ts";
import { fs } from "./builtins.ts";

const { lstatSync, readlinkSync, realpathSync } = fs;

/**
 * The path with links resolved, also when the last part does not exist yet (a link that dangles is followed
 * to where the file would be made). SQLite resolves links as well; its sidecars stand beside the real file.
 */
export function realPath(path: string): string {
  let at = resolve(path);
  for (let hops = 0; hops < 40; hops++) {
    try {
      return realpathSync.native(at);
    } catch (error) {
      if (!hasCode(error) || error.code !== "ENOENT") throw toHoldfastError(error, `resolving ${path}`) ?? error;
    }
    const link = lstatSync(at, { throwIfNoEntry: false });
    if (!link?.isSymbolicLink()) {
      const parent = dirname(at);
      return parent === at ? at : resolve(realPath(parent), basename(at));
    }
    at = resolve(dirname(at), readlinkSync(at));
  }
  return at;
}
