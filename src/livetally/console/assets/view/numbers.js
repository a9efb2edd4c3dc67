/**
 * Statistics in words: every digit of a whole number, as many as matter of a fraction.
 *
 * In the flow: receives values from `data/`, hands text to tiles, tables and read-outs.
 * Guarantee: counts and sums are never rounded or abbreviated where they are read; only an axis does that.
 */

/** @typedef {import('../data/contract.js').Value} Value */
/** @typedef {import('../data/contract.js').Metric} Metric */

/** Decimals of a quotient whose definition names none. */
const DECIMALS = 2;

/** Values of these are what the events held, or exact sums of it; those of the others are quotients. */
const EXACT = new Set(['count', 'sum', 'min', 'max', 'unique', 'latest', 'first']);

/** What adds up over buckets and groups. */
const ADDITIVE = new Set(['count', 'sum']);

/** Where no events mean zero; the mean of nothing is nothing. */
const ZERO_OF_NOTHING = new Set(['count', 'sum', 'unique']);

const WHOLE = new Set(['count', 'unique']);

export const NOTHING = '–';

const exact = new Intl.NumberFormat(undefined, { maximumFractionDigits: 18 });
/** @type {Intl.NumberFormat[]} by the number of decimals */
const rounded = [];
const tick = new Intl.NumberFormat(undefined, { maximumFractionDigits: 6 });
const short = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });
const change = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1, signDisplay: 'exceptZero' });
const share = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 });

/** @param {Metric} metric @returns {boolean} */
export function isAdditive(metric) {
  return ADDITIVE.has(metric.aggregate);
}

/** What the metric is where there are no events. @param {Metric} metric @returns {0 | null} */
export function valueOfNothing(metric) {
  return ZERO_OF_NOTHING.has(metric.aggregate) ? 0 : null;
}

/** Whether every value is a whole number. @param {Metric} metric @returns {boolean} */
export function isWhole(metric) {
  return WHOLE.has(metric.aggregate);
}

/**
 * @param {Value | undefined} value
 * @param {Metric} metric
 * @returns {string}
 */
export function valueText(value, metric) {
  if (value === null || value === undefined) return NOTHING;
  const format = formatOf(metric);
  // A string of digits is formatted digit by digit (ECMAScript 2023), not by way of a double.
  const text = format.format(/** @type {number} */ (value)).replace('-', '−');
  return metric.approximate ? `≈ ${text}` : text;
}

/** @param {Metric} metric */
function formatOf({ aggregate, decimals }) {
  if (EXACT.has(aggregate)) return exact;
  const digits = decimals ?? DECIMALS;
  return (rounded[digits] ??= new Intl.NumberFormat(undefined, { maximumFractionDigits: digits }));
}

/** For the ticks of an axis. @param {number} value @returns {string} */
export function tickText(value) {
  return (Math.abs(value) < 10_000 ? tick : short).format(value).replace('-', '−');
}

/** @param {number} part @param {number} whole @returns {string} */
export function shareText(part, whole) {
  return whole > 0 ? share.format(part / whole) : NOTHING;
}

/**
 * How much a value differs from the one before it.
 * @param {Value | undefined} value
 * @param {Value | undefined} before
 * @returns {string} such as `+12.5%`; empty where there is nothing to compare with
 */
export function changeText(value, before) {
  if (value === null || value === undefined || before === null || before === undefined) return '';
  const [now, then] = [Number(value), Number(before)];
  if (!Number.isFinite(now) || !Number.isFinite(then) || then === 0) return '';
  return change.format((now - then) / Math.abs(then)).replace('-', '−');
}

/** @param {number} position @returns {string} */
export function positionText(position) {
  return exact.format(position);
}
