import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { digestOf, findMark, holdsOwnDigest } from "../../src/backups/own-digest.ts";
import { writeOwnDigest } from "../../src/database/stamp.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

const MARK = "5eed".repeat(16);

function withMark(pageSize = 4096, rows = 0): { file: string; at: number | null } {
  const file = join(scratchFolder(), "library.sqlite");
  const db = new Database(file);
  db.pragma(`page_size = ${pageSize}`);
  db.exec("CREATE TABLE book (title TEXT)");
  for (let n = 0; n < rows; n++) db.prepare("INSERT INTO book VALUES (?)").run("x".repeat(3000));
  const page = writeOwnDigest(db, MARK);
  db.close();
  return { file, at: findMark(file, MARK, { number: page, size: pageSize }) };
}

const hashOf = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

describe("the digest in a backup", () => {
  test.each([512, 4096, 65_536])("takes the place of its mark, in pages of %s bytes", (pageSize) => {
    const { file, at } = withMark(pageSize);
    const before = readFileSync(file);
    const sha256 = digestOf({ path: file, markedAt: at });
    const after = readFileSync(file);
    expect(sha256).toBe(hashOf(after));
    const digest = hashOf(Buffer.from(before.toString("latin1").replace(MARK, "0".repeat(64)), "latin1"));
    expect(after.toString("latin1")).toBe(before.toString("latin1").replace(MARK, digest));
    expect(holdsOwnDigest(file, digest)).toBe(true);
  });

  test("is found beyond the first mebibyte", () => {
    const { file, at } = withMark(4096, 400);
    expect(at).toBeGreaterThan(1 << 20);
    digestOf({ path: file, markedAt: at });
    const digest = readFileSync(file, "latin1").slice(at ?? 0, (at ?? 0) + 64);
    expect(holdsOwnDigest(file, digest)).toBe(true);
  });

  test("does not hold after any bit was turned", () => {
    const { file, at } = withMark(512);
    digestOf({ path: file, markedAt: at });
    const good = readFileSync(file);
    const digest = good.toString("latin1", at ?? 0, (at ?? 0) + 64);
    for (let bit = 0; bit < good.length * 8; bit += 7) {
      const bytes = Buffer.from(good);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      writeFileSync(file, bytes);
      const read = bytes.toString("latin1", at ?? 0, (at ?? 0) + 64);
      expect([holdsOwnDigest(file, digest), holdsOwnDigest(file, read)]).toEqual([false, false]);
    }
  });

  test("has no place in a file in which the mark is not to be seen", () => {
    const { file } = withMark();
    expect(findMark(file, "0".repeat(64), { number: 1, size: 4096 })).toBeNull();
    expect(findMark(file, MARK, { number: 1, size: 0 })).toBeNull();
    expect(holdsOwnDigest(file, "")).toBe(false);
  });
});
