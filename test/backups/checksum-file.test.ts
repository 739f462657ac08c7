import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checksumFileOf, readChecksums, writeChecksums } from "../../src/backups/checksum-file.ts";
import { type Places, placesOf } from "../../src/places.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

const OLD = "a".repeat(64);
const NEW = "b".repeat(64);

function backup(content = "content"): { places: Places; file: string } {
  const folder = scratchFolder();
  const file = join(folder, "library-v1.2.0.sqlite");
  writeFileSync(file, content);
  return { places: placesOf(join(folder, "library.sqlite"), folder), file };
}

test("stands beside the backup under its name", () => {
  expect(checksumFileOf("/data/backups/library-v1.2.0.sqlite")).toBe("/data/backups/library-v1.2.0.sqlite.sha256");
});

test("reads back what it writes, and leaves no temporary", () => {
  const { places, file } = backup();
  writeChecksums(file, [OLD], places);
  expect(readChecksums(file)).toEqual([OLD]);
  expect(readdirSync(places.backups).sort()).toEqual(["library-v1.2.0.sqlite", "library-v1.2.0.sqlite.sha256"]);
});

test("is of the form that sha256sum -c reads: it accepts the backup, and no changed one", () => {
  const { places, file } = backup("the bytes");
  const checksum = createHash("sha256").update("the bytes").digest("hex");
  writeChecksums(file, [checksum], places);
  expect(readFileSync(checksumFileOf(file), "utf8")).toBe(`${checksum}  library-v1.2.0.sqlite\n`);
  if (process.platform !== "linux") return;
  const check = () => spawnSync("sha256sum", ["-c", checksumFileOf(file)], { cwd: places.backups, encoding: "utf8" });
  expect(check().stdout).toBe("library-v1.2.0.sqlite: OK\n");
  writeFileSync(file, "the bytez");
  expect(check().stdout).toBe("library-v1.2.0.sqlite: FAILED\n");
});

test("names both while the backup is being replaced", () => {
  const { places, file } = backup();
  writeChecksums(file, [NEW, OLD], places);
  expect(readChecksums(file)).toEqual([NEW, OLD]);
});

test("is replaced as a whole", () => {
  const { places, file } = backup();
  writeChecksums(file, [NEW, OLD], places);
  writeChecksums(file, [NEW], places);
  expect(readChecksums(file)).toEqual([NEW]);
});

test("is private", () => {
  const { places, file } = backup();
  writeChecksums(file, [OLD], places);
  expect(statSync(checksumFileOf(file)).mode & 0o777).toBe(process.platform === "win32" ? 0o666 : 0o600);
});

test.each([
  ["there is none", null, []],
  ["it is empty", "", []],
  ["it is of another file", `${OLD}  library-v1.3.0.sqlite\n`, []],
  ["it lists other files too", `${NEW}  other.sqlite\n${OLD}  library-v1.2.0.sqlite\n`, [OLD]],
  ["it was written by sha256sum --binary", `${OLD} *library-v1.2.0.sqlite\n`, [OLD]],
  ["its line is not ended", `${OLD}  library-v1.2.0.sqlite`, [OLD]],
  ["the checksum is cut off", `${OLD.slice(1)}  library-v1.2.0.sqlite\n`, []],
  ["the checksum is of another kind", `${OLD}${OLD}  library-v1.2.0.sqlite\n`, []],
  ["the checksum is in capitals", `${OLD.toUpperCase()}  library-v1.2.0.sqlite\n`, []],
  ["it is a poem", "Roses are red\nviolets are blue\n", []],
  ["it names a path", `${OLD}  ../library-v1.2.0.sqlite\n`, []],
])("read where %s", (_, text, expected) => {
  const { file } = backup();
  if (text === null) rmSync(checksumFileOf(file), { force: true });
  else writeFileSync(checksumFileOf(file), text);
  expect(readChecksums(file)).toEqual(expected);
});
