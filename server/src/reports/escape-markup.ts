// Text in HTML, SVG and XML: as an element's content, or between double quotes.

const REFERENCES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Without what XML 1.0 (2.2, "Characters") has no way to write, too. */
export function escapeMarkup(text: string): string {
  return text
    .replaceAll(/[\ud800-\udfff]/gu, '\ufffd')
    .replaceAll(/(?![\t\n\r])\p{Cc}|[\ufffe\uffff]/gu, '\ufffd')
    .replaceAll(/[&<>"']/g, (character) => REFERENCES[character] ?? '');
}
