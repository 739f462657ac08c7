/**
 * Names, versions and messages come out of files that anybody may have made: none of them may speak to a terminal, pass
 * for a line of its own, or be shown in another order than it has (https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing).
 */
export function printable(text: string): string {
  return text.replaceAll("\n", "⏎").replaceAll(/(?!\t)[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, "\u{FFFD}");
}
