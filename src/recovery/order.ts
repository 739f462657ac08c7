import { fold, type Table } from "./tables.ts";

/**
 * Parents before the tables that refer to them, else as given. In a circle the first of what is left goes first:
 * its rows may then precede their parents.
 */
export function parentsFirst<Item extends { readonly table: Table }>(items: readonly Item[]): Item[] {
  const left = new Map(items.map((item) => [fold(item.table.name), item]));
  const ordered: Item[] = [];
  while (left.size > 0) {
    const waits = (item: Item, name: string) =>
      item.table.foreignKeys.some(({ parent }) => fold(parent) !== name && left.has(fold(parent)));
    const [name, item] = [...left].find(([each, one]) => !waits(one, each)) ?? [...left][0] ?? [];
    if (name === undefined || item === undefined) break;
    left.delete(name);
    ordered.push(item);
  }
  return ordered;
}
