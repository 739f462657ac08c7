import { describe, expect, test } from "vitest";
import { RecordReader } from "../../../src/recovery/salvage/record.ts";
import { RawText } from "../../../src/recovery/values.ts";

const bytes = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");

function read(hex: string, encoding: "utf8" | "utf16le" | "utf16be" = "utf8", plain: boolean[] = []) {
  const reader = new RecordReader(encoding);
  const record = bytes(hex);
  return reader.parse(record, 0, record.length) ? reader.values(record, plain) : "contradicts itself";
}

describe("a record", () => {
  test.each([
    ["NULL, 0 and 1 take no room", "04 00 08 09", [null, 0n, 1n]],
    ["one byte", "02 01 85", [-123n]],
    ["two bytes", "02 02 01 00", [256n]],
    ["three bytes", "02 03 ff 00 00", [-65536n]],
    ["four bytes", "02 04 7f ff ff ff", [2147483647n]],
    ["six bytes", "02 05 80 00 00 00 00 00", [-(2n ** 47n)]],
    ["eight bytes", "02 06 7f ff ff ff ff ff ff ff", [2n ** 63n - 1n]],
    ["a real", "02 07 3f f8 00 00 00 00 00 00", [1.5]],
    ["text", "02 13 61 c3 a9", ["aé"]],
    ["no text and an empty BLOB", "03 0d 0c", ["", Buffer.alloc(0)]],
    ["a BLOB", "02 10 00 ff", [bytes("00 ff")]],
  ])("%s", (_, hex, values) => {
    expect(read(hex)).toEqual(values);
  });

  test("text is decoded as the database is encoded", () => {
    expect(read("02 15 61 00 e9 00", "utf16le")).toEqual(["aé"]);
    expect(read("02 15 00 61 00 e9", "utf16be")).toEqual(["aé"]);
  });

  test("text that is none in that encoding keeps its bytes", () => {
    expect(read("02 11 61 e9")).toEqual([new RawText(bytes("61 e9"))]);
    expect(read("02 11 00 d8", "utf16le")).toEqual([new RawText(bytes("00 d8"))]);
  });

  test("integers may be numbers where the column makes them integers again, but not those that a number cannot hold", () => {
    expect(read("03 01 06 05 7f ff ff ff ff ff ff ff", "utf8", [true, true])).toEqual([5, 2n ** 63n - 1n]);
  });

  test.each([
    ["its values are shorter than it is", "02 01 05 00"],
    ["its values are longer than it is", "02 02 05"],
    ["its header goes on beyond it", "09 01 05"],
    ["a type is one that SQLite keeps for itself", "02 0a"],
    ["a type is cut off", "02 81"],
    ["it has no header", "00"],
  ])("it contradicts itself when %s", (_, hex) => {
    expect(read(hex)).toBe("contradicts itself");
  });

  test.each([
    ["two bytes for an integer of one", "02 02 00 05"],
    ["three for one of two", "02 03 00 7f ff"],
    ["four for one of three", "02 04 00 7f ff ff"],
    ["six for one of four", "02 05 00 00 7f ff ff ff"],
    ["eight for one of six", "02 06 00 00 7f ff ff ff ff ff"],
    ["a number that is none", "02 07 7f f8 00 00 00 00 00 01"],
  ])("it is damaged when it has what SQLite never writes: %s", (_, hex) => {
    expect(read(hex)).toBeNull();
  });
});
