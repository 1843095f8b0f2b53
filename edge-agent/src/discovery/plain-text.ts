// What a stranger on the network says of itself, made fit for a terminal and a YAML file.

const MAX_CHARACTERS = 64;

/** One line without control characters, which could move a cursor or end a comment. */
export function plainText(text: string): string {
  return text
    .slice(0, MAX_CHARACTERS * 4)
    .replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .slice(0, MAX_CHARACTERS);
}
