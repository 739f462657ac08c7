/** A name of a table, a column or a schema, as SQL takes it: https://sqlite.org/lang_keywords.html. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
