import { expect, test } from "vitest";
import { BEFORE_PRINT, PRINTED } from "../../src/sample/catalogue.ts";

const all = [...PRINTED, ...BEFORE_PRINT];

test("the catalogue holds more than sixty books, none of them twice", () => {
  expect(all.length).toBeGreaterThan(60);
  expect(new Set(all.map((each) => each.title)).size).toBe(all.length);
});

test("an author's name stands for one author", () => {
  const authors = new Set(all.flatMap((each) => each.authors));
  expect(new Set([...authors].map((each) => each.name)).size).toBe(authors.size);
});

test.each(all)("$title has years that go together", ({ authors, firstPublished }) => {
  expect(authors).not.toEqual([]);
  for (const { born, died } of authors) {
    if (born !== null) expect(firstPublished).toBeGreaterThan(born + 15);
    if (born !== null && died !== null) expect(died).toBeGreaterThan(born);
    if (died !== null) expect(died).toBeLessThanOrEqual(1950);
  }
});

test("the first releases take the printed books, and the others came later", () => {
  for (const { firstPublished } of PRINTED) expect(firstPublished).toBeGreaterThanOrEqual(1450);
  for (const { firstPublished } of BEFORE_PRINT) expect(firstPublished).toBeLessThan(1450);
});
