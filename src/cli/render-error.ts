/** How an error reads on standard error. Loaded on any runtime, so it imports next to nothing. */
import { styleText } from "node:util";
import { HoldfastError, messageOf, type Refusal } from "../errors.ts";
import { printable } from "../printable.ts";

type Format = Parameters<typeof styleText>[0];

const paint = (format: Format, text: string): string => styleText(format, text, { stream: process.stderr });

export function renderRefusal({ message, hint }: Pick<Refusal, "message" | "hint">): string {
  return `${paint("red", "Error:")} ${printable(message)}\n${paint("bold", "Try:")} ${printable(hint)}\n`;
}

export function renderWarning(warning: string): string {
  return `${paint("yellow", "Warning:")} ${printable(warning)}\n`;
}

/** A refusal is told as one; anything else was not foreseen. */
export function renderThrown(error: unknown): string {
  if (error instanceof HoldfastError) return renderRefusal(error);
  const message = `${paint("red", "Error:")} ${printable(messageOf(error))}\n`;
  const debug = Boolean(process.env.HOLDFAST_DEBUG);
  const stack =
    debug && error instanceof Error && error.stack !== undefined
      ? `${error.stack.split("\n").map(printable).join("\n")}\n`
      : "";
  const where = debug ? "" : " Set HOLDFAST_DEBUG=1 to see where it happened.";
  return `${message}This is a fault of Holdfast's: please report it.${where}\n${stack}`;
}
