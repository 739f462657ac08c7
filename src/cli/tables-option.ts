/** `--tables a,b` */
export function tablesIn(option: string | boolean | undefined): readonly string[] | undefined {
  if (typeof option !== "string") return undefined;
  const names = option.split(",").map((name) => name.trim());
  return names.filter((name) => name !== "");
}
