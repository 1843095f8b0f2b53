// Rules as somebody writes them into a field.

/** @returns undefined for what is no JSON list; none for nothing. What is in it is the server's to check. */
export function rulesIn(text: string): object[] | undefined {
  if (text.trim() === '') return [];
  try {
    const rules = JSON.parse(text) as unknown;
    return Array.isArray(rules) ? (rules as object[]) : undefined;
  } catch {
    return undefined;
  }
}
