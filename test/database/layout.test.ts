import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { checksumOf, fingerprint, firstDifference, type LayoutStep, relate } from "../../src/database/layout.ts";

const step = (name: string, checksum = `sha256:${name}`): LayoutStep => ({ name, checksum });
const [A, B, C] = [step("a"), step("b"), step("c")];
const EDITED = step("b", "sha256:edited");
const RENAMED = step("b2", "sha256:b");

describe("how the database's layout stands to the application's", () => {
  test.each([
    ["both empty", [], [], "equal", null],
    ["the same list", [A, B], [A, B], "equal", null],
    ["the database is new", [], [A], "behind", null],
    ["the database is a proper prefix", [A], [A, B, C], "behind", null],
    ["the application has none", [A], [], "ahead", null],
    ["the application is a proper prefix", [A, B, C], [A, B], "ahead", null],
    ["a step was edited", [A, B], [A, EDITED], "diverged", 1],
    ["a step was renamed", [A, B], [A, RENAMED], "diverged", 1],
    ["a step was edited, and more are pending", [A, B], [A, EDITED, C], "diverged", 1],
    ["a step was edited, and the database has more", [A, B, C], [A, EDITED], "diverged", 1],
    ["a step was removed from the middle", [A, B, C], [A, C], "diverged", 1],
    ["a step was inserted before an applied one", [A, C], [A, B, C], "diverged", 1],
    ["two steps changed places", [A, B], [B, A], "diverged", 0],
    ["nothing in common", [A], [C], "diverged", 0],
  ] as const)("%s", (_, database, app, relation, position) => {
    expect(relate(database, app)).toBe(relation);
    const difference = firstDifference(database, app);
    expect(difference?.position ?? null).toBe(position);
    if (position !== null) expect(difference).toMatchObject({ database: database[position], app: app[position] });
  });

  test("what a step declares of compatibility is no difference", () => {
    expect(relate([{ ...A, compatibleSince: "1.0.0" }], [A])).toBe("equal");
  });
});

describe("the checksum of a migration", () => {
  const text = "CREATE TABLE a (x);\nCREATE TABLE b (y);\n";

  test("is the SHA-256 of its text", () => {
    expect(checksumOf(text)).toBe(`sha256:${createHash("sha256").update(text).digest("hex")}`);
  });

  test.each([
    ["line endings of Windows", text.replaceAll("\n", "\r\n")],
    ["line endings of an old Mac", text.replaceAll("\n", "\r")],
    ["line endings of both kinds", text.replace("\n", "\r\n")],
    ["a byte order mark", `\uFEFF${text}`],
    ["a byte order mark and line endings of Windows", `\uFEFF${text.replaceAll("\n", "\r\n")}`],
  ])("is the same with %s", (_, changed) => {
    expect(checksumOf(changed)).toBe(checksumOf(text));
  });

  test.each([
    ["a blank line", `\n${text}`],
    ["a trailing space", text.replace(";", "; ")],
    ["no newline at the end", text.trimEnd()],
    ["another letter", text.replace("x", "z")],
    ["another case", text.toLowerCase()],
    ["a byte order mark inside", text.replace("x", "\uFEFFx")],
  ])("is another with %s", (_, changed) => {
    expect(checksumOf(changed)).not.toBe(checksumOf(text));
  });
});

describe("the fingerprint of a layout", () => {
  test("is the SHA-256 over the list", () => {
    const hash = createHash("sha256").update("a\nsha256:a\nb\nsha256:b\n").digest("hex");
    expect(fingerprint([A, B])).toBe(`sha256:${hash}`);
  });

  test.each([
    ["none", []],
    ["fewer", [A]],
    ["another order", [B, A]],
    ["an edited step", [A, EDITED]],
    ["a renamed step", [A, RENAMED]],
    ["more", [A, B, C]],
  ] as const)("is another for %s", (_, layout) => {
    expect(fingerprint(layout)).not.toBe(fingerprint([A, B]));
  });

  test("hangs on names and checksums alone", () => {
    expect(fingerprint([{ ...A, compatibleSince: "1.0.0" }, B])).toBe(fingerprint([A, B]));
  });
});
