import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { copyFile, findFiles } from "../../src/backups/extra-files.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";
import { asUnprivileged, permit } from "../fixtures/unprivileged.ts";

const MODULE = new URL("../../src/backups/extra-files.ts", import.meta.url);

describe("what cannot be read", () => {
  test("is left out where it is a file", async () => {
    const folder = scratchFolder();
    const from = join(folder, "emma.jpg");
    writeFileSync(from, "a cover");
    permit(from, 0o000);
    permit(folder, 0o700);
    const { value } = await asUnprivileged(MODULE, "copyFile", from, join(folder, "copy"));
    expect(value).toEqual({ path: from, why: expect.stringMatching(/^it cannot be read \(EACCES: /) });
  });

  test("is left out where it is a folder, and the others are found", async () => {
    const folder = scratchFolder();
    const closed = join(folder, "closed");
    mkdirSync(closed);
    writeFileSync(join(folder, "emma.jpg"), "a cover");
    permit(closed, 0o000);
    permit(folder, 0o700);
    const { value } = await asUnprivileged(MODULE, "findFiles", { folder });
    expect(value).toEqual({
      files: [{ path: "emma.jpg", size: 7 }],
      leftOut: [{ path: "closed", why: expect.stringMatching(/^it cannot be listed \(EACCES: /) }],
    });
  });

  test("is no reason to go on where it is the copy that cannot be written", () => {
    const folder = scratchFolder();
    writeFileSync(join(folder, "emma.jpg"), "a cover");
    writeFileSync(join(folder, "taken"), "another's");
    expect(() => copyFile(join(folder, "emma.jpg"), join(folder, "taken"))).toThrow("EEXIST");
    expect(readFileSync(join(folder, "taken"), "utf8")).toBe("another's");
  });
});

test("files are found in the order of their names, with their sizes", () => {
  const folder = scratchFolder();
  mkdirSync(join(folder, "b", "c"), { recursive: true });
  for (const name of ["a", "b/c/d", "e"]) writeFileSync(join(folder, name), name);
  expect(findFiles({ folder })).toEqual({
    files: [
      { path: "a", size: 1 },
      { path: "b/c/d", size: 5 },
      { path: "e", size: 1 },
    ],
    leftOut: [],
  });
});
