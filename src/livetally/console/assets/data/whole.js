/**
 * Reads and writes JSON with every number as its sender wrote it.
 *
 * In the flow: receives an event page's text from `api.js`, hands events to the pages and their text to the detail view.
 * Guarantee: a number that a double can't hold, or would spell otherwise (`1.50`), is shown as it was sent, where the
 * browser knows how; elsewhere it is the nearest double.
 * Source: ECMAScript "JSON.parse source text access" (`JSON.rawJSON`).
 */

/** @type {((text: string) => unknown) | undefined} */
const rawJson = /** @type {any} */ (JSON).rawJSON;

/** @param {string} text @returns {any} */
export function parseWhole(text) {
  const parse = /** @type {(text: string, reviver: (key: string, value: unknown, context?: { source?: string }) => unknown) => any} */ (JSON.parse);
  return parse(text, (_key, value, context) => {
    if (typeof value !== 'number' || !rawJson || !context?.source || String(value) === context.source) return value;
    return rawJson(context.source);
  });
}

/** On several lines, for reading. @param {unknown} value @returns {string} */
export function jsonText(value) {
  return JSON.stringify(value, null, 2) ?? '';
}

/** On one line. @param {unknown} value @returns {string} */
export function lineText(value) {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
