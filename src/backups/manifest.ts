/**
 * `manifest.json` of a folder that `holdfast backup --output` wrote: what is in it, so that it can be verified and restored
 * anywhere, by this application alone. A manifest may come from anybody: no name in it may lead out of its folder.
 */
import { isAbsolute, join, normalize, sep } from "node:path";
import * as v from "valibot";
import { HoldfastError, messageOf } from "../errors.ts";
import { fs } from "../platform/builtins.ts";
import { readSmallFile } from "../platform/small-file.ts";
import { isPlainName } from "./index-file.ts";

const { lstatSync } = fs;

export const MANIFEST = "manifest.json";

/** A line for each file; an application may have many thousands. */
const SIZE_LIMIT = 256 << 20;

export interface Manifest {
  /** Of this schema. */
  readonly format: 1;
  /** As in `holdfast 0.1.0`. */
  readonly tool: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** In the stamp; null without one. */
  readonly appVersion: string | null;
  readonly databaseId: string;
  /** The fingerprint of the layout. */
  readonly layout: string;
  readonly label: string | null;
  /** The database, among `files`. */
  readonly database: string;
  /** Each folder that `db-extra` named: as it was written there, and where its files are in here. */
  readonly extra: readonly { readonly name: string; readonly path: string }[];
  /** All files but the manifest itself; paths are relative to it, with `/`. */
  readonly files: readonly ManifestFile[];
}

export interface ManifestFile {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  readonly sha256: string;
}

const name = v.pipe(
  v.string(),
  v.check((path) => isInside(path), "a path that leads out of the folder"),
);

const schema: v.GenericSchema<unknown, Manifest> = v.object({
  format: v.literal(1),
  tool: v.string(),
  createdAt: v.pipe(v.string(), v.isoTimestamp()),
  appVersion: v.nullable(v.string()),
  databaseId: v.string(),
  layout: v.string(),
  label: v.nullable(v.string()),
  database: name,
  extra: v.array(v.object({ name: v.string(), path: name })),
  files: v.array(
    v.object({
      path: name,
      size: v.pipe(v.number(), v.integer(), v.minValue(0)),
      sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
    }),
  ),
});

function isInside(path: string): boolean {
  if (path === "" || isAbsolute(path) || path.includes("\\") || path.includes("\0")) return false;
  const normal = normalize(path).replaceAll(sep, "/");
  return normal === path && normal !== "." && path.split("/").every((part) => part !== "..");
}

export function hasManifest(folder: string): boolean {
  return lstatSync(join(folder, MANIFEST), { throwIfNoEntry: false })?.isFile() ?? false;
}

/** @throws NOT_FOUND where there is none; INDEX_INVALID where it cannot be used */
export function readManifest(folder: string): Manifest {
  const path = join(folder, MANIFEST);
  if (!hasManifest(folder)) {
    throw new HoldfastError({
      code: "NOT_FOUND",
      message: `${folder} is no folder that holdfast backup --output wrote: it has no ${MANIFEST}.`,
      hint: "Name the folder that holds manifest.json, or a database file.",
      details: { folder },
    });
  }
  try {
    const manifest = v.parse(schema, JSON.parse(readSmallFile(path, { limit: SIZE_LIMIT })));
    const known = new Set(manifest.files.map((file) => file.path));
    if (!known.has(manifest.database)) throw new Error(`it lists no file ${manifest.database}`);
    if (!isPlainName(manifest.database)) throw new Error(`${manifest.database} is no plain name of a file`);
    return manifest;
  } catch (error) {
    throw new HoldfastError(
      {
        code: "INDEX_INVALID",
        message: `${path} cannot be used: ${messageOf(error).split("\n")[0]}.`,
        hint: "Restore the database file itself: name it instead of the folder.",
        details: { path },
      },
      { cause: error },
    );
  }
}

export function textOfManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
