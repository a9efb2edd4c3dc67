/**
 * Reads JSON without losing a digit of a statistic.
 *
 * In the flow: receives text from `api.js` and `live.js`, hands them objects.
 * Guarantee: a `value` that a double can't hold stays the server's own digits, as a string.
 */

/** A double holds every decimal number of up to this many digits. */
const DOUBLE_DIGITS = 15;

/**
 * Parse an answer; see `Value` in `contract.js`.
 * Source: the reviver's third argument is ECMAScript's "JSON.parse source text access"; a browser
 * without it gives the nearest double.
 * @param {string} text
 * @returns {any}
 */
export function parseExact(text) {
  const parse = /** @type {(text: string, reviver: (key: string, value: unknown, context?: { source?: string }) => unknown) => any} */ (JSON.parse);
  return parse(text, (key, value, context) => {
    if (key !== 'value' || typeof value !== 'number' || !context?.source) return value;
    return digitCount(context.source) <= DOUBLE_DIGITS ? value : context.source;
  });
}

/**
 * Return the nearest double, for drawing and comparing; null stays null.
 * @param {import('./contract.js').Value | undefined} value
 * @returns {number | null}
 */
export function asNumber(value) {
  return value === null || value === undefined ? null : Number(value);
}

/** @param {string} source a JSON number */
function digitCount(source) {
  const mantissa = source.split(/e/i)[0] ?? '';
  return mantissa.replace(/[-.]/g, '').replace(/^0+/, '').length;
}
