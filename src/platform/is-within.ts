import { isAbsolute, relative } from "node:path";

/** Whether `path` is `folder` itself or lies in it, as the two are written. */
export function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return !isAbsolute(way) && way.split(/[\\/]/)[0] !== "..";
}
