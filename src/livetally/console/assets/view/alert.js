/**
 * What an alert's state means, in words.
 *
 * In the flow: receives an alert as the server tells it, hands words to the page of alerts and its parts.
 * Guarantee: pure; the same alert is described alike everywhere.
 */

/** @typedef {import('../data/contract.js').Alert} Alert */
/** @typedef {import('../data/contract.js').AlertMessage} AlertMessage */

/** @type {Readonly<Record<Alert['state'], string>>} */
export const STATE_WORDS = { ok: 'OK', pending: 'Pending', firing: 'Firing' };

/** @type {readonly [string, number][]} with their seconds */
const UNITS = [['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1]];

/** @param {{ title: string, name: string }} alert */
export function nameOf({ title, name }) {
  return title || name;
}

/** A length of time in its largest whole unit: `5 minutes`. @param {number} seconds @returns {string} */
export function lengthText(seconds) {
  const [unit, length] = UNITS.find(([, one]) => seconds % one === 0) ?? ['second', 1];
  const count = seconds / length;
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

/** What is watched: `refunds over 1 hour`. @param {Alert} alert @returns {string} */
export function watchedText({ metric, window_seconds: seconds }) {
  return `${metric} over ${lengthText(seconds)}`;
}

/** What was measured last. @param {Pick<Alert, 'value' | 'measure'>} alert @returns {string} */
export function valueText({ value, measure }) {
  if (value === null) return '–';
  return measure === 'change' ? `${Number(value).toFixed(1)} %` : value;
}

/** What became of a message. @param {AlertMessage} message @returns {string} */
export function fateText({ delivered, waiting, attempts }) {
  if (delivered) return 'delivered';
  if (!waiting) return 'given up';
  return attempts ? 'not yet delivered, trying again' : 'on its way';
}
