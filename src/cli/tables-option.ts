import { HoldfastError } from "../errors.ts";

/**
 * `--tables a,b`
 *
 * @throws SETTINGS_INVALID where it names none: a variable of a script that is empty, most likely
 */
export function tablesIn(option: string | boolean | undefined): readonly string[] | undefined {
  if (typeof option !== "string") return undefined;
  const names = option
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (names.length > 0) return names;
  throw new HoldfastError({
    code: "SETTINGS_INVALID",
    message: "--tables names no table; nothing was changed.",
    hint: "Name them with commas between them, as in --tables book,author, or leave the option out for all tables.",
  });
}
