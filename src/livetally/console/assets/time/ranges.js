/**
 * Which stretch of time is looked at: by name, by a length that ends now, or from one day to another.
 *
 * In the flow: receives words of the address or of a definition from `view/question.js`, hands it the `from` and
 * `to` that the server takes.
 * Guarantee: a range is resolved in the zone that is shown, and moves on at civil edges only, so a
 * stream is asked anew once a minute at most.
 */

import { INTERVALS, addCivil, civilOf, dateText, instantOf, midnightOf, startOf } from './calendar.js';

/** @typedef {import('./calendar.js').Interval} Interval */
/** @typedef {{ from: string | null, to: string | null, fromMs: number | null, toMs: number | null }} Range `to` is exclusive; null is without bound */
/** @typedef {{ name: string, title: string, start: (now: number, tz: string) => number | null, end?: (now: number, tz: string) => number }} Preset */

/** @type {readonly Preset[]} */
export const PRESETS = [
  { name: 'last-hour', title: 'Last hour', start: (now, tz) => back(now, tz, 'minute', 60) },
  { name: 'last-24-hours', title: 'Last 24 hours', start: (now, tz) => back(now, tz, 'hour', 24) },
  { name: 'today', title: 'Today', start: (now, tz) => back(now, tz, 'day', 1) },
  { name: 'yesterday', title: 'Yesterday', start: (now, tz) => back(now, tz, 'day', 2), end: (now, tz) => back(now, tz, 'day', 1) },
  { name: 'last-7-days', title: 'Last 7 days', start: (now, tz) => back(now, tz, 'day', 7) },
  { name: 'last-30-days', title: 'Last 30 days', start: (now, tz) => back(now, tz, 'day', 30) },
  { name: 'this-month', title: 'This month', start: (now, tz) => back(now, tz, 'month', 1) },
  { name: 'this-year', title: 'This year', start: (now, tz) => back(now, tz, 'year', 1) },
  { name: 'all', title: 'All', start: () => null },
];

const LENGTH = /^([1-9]\d{0,4}) ([a-z]+?)s?$/;
const DATES = /^(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)$/;

/**
 * Resolve a range by its words: a preset's name, a length such as `30 days`, or `2013-01-01..2014-01-01`.
 * @param {string} words
 * @param {number} now ms
 * @param {string} tz
 * @returns {Range | null} null when the words name no range
 */
export function namedRange(words, now, tz) {
  const preset = PRESETS.find((one) => one.name === words);
  if (preset) return rangeOf(preset.start(now, tz), preset.end ? preset.end(now, tz) : null, tz);
  const dates = DATES.exec(words);
  if (dates) return customRange(dates[1] ?? null, dates[2] ?? null, tz);
  const length = lengthOf(words);
  return length && rangeOf(back(now, tz, ...length), null, tz);
}

/** What a range is called; empty when its dates say more. @param {string} words @returns {string} */
export function rangeTitle(words) {
  const preset = PRESETS.find((one) => one.name === words);
  return preset?.title ?? (lengthOf(words) ? `Last ${words.replace(/^1 /, '')}` : '');
}

/**
 * @param {string | null} from a date or an instant, as in the address
 * @param {string | null} to exclusive
 * @param {string} tz
 * @returns {Range | null} null when neither is usable, or they are in the wrong order
 */
export function customRange(from, to, tz) {
  const fromMs = boundMs(from, tz);
  const toMs = boundMs(to, tz);
  if (fromMs === null && toMs === null) return null;
  if (fromMs !== null && toMs !== null && fromMs >= toMs) return null;
  return { fromMs, toMs, from: fromMs === null ? null : from, to: toMs === null ? null : to };
}

/**
 * The finest interval that shows a stretch in not too many buckets.
 * @param {number} spanMs
 * @returns {Interval}
 */
export function fittingInterval(spanMs) {
  const hours = spanMs / 3_600_000;
  if (hours <= 3) return 'minute';
  if (hours <= 4 * 24) return 'hour';
  if (hours <= 200 * 24) return 'day';
  if (hours <= 4 * 366 * 24) return 'week';
  return hours <= 30 * 366 * 24 ? 'month' : 'year';
}

/** A date some days later; turns a last day into an exclusive end. @param {string} date @param {number} count @returns {string} */
export function shiftDate(date, count) {
  return dateText(instantOf(addCivil(civilOf(midnightOf(date, 'UTC'), 'UTC'), 'day', count), 'UTC'), 'UTC');
}

/** The start of the last `count` buckets, the present one among them. @param {number} now @param {string} tz @param {Interval} unit @param {number} count */
function back(now, tz, unit, count) {
  const start = startOf(now, unit, tz);
  if (unit === 'minute') return start - (count - 1) * 60_000;
  if (unit === 'hour') return start - (count - 1) * 3_600_000;
  return instantOf(addCivil(civilOf(start, tz), unit, 1 - count), tz);
}

/** @param {string} words @returns {[Interval, number] | null} */
function lengthOf(words) {
  const found = LENGTH.exec(words);
  const unit = INTERVALS.find((one) => one === found?.[2]);
  if (!found || !unit) return null;
  const count = Number(found[1]);
  // One hour is sixty minutes, not the few of the hour on the clock.
  return unit === 'hour' && count === 1 ? ['minute', 60] : [unit, count];
}

/** @param {number | null} fromMs @param {number | null} toMs @param {string} tz @returns {Range} */
function rangeOf(fromMs, toMs, tz) {
  return { fromMs, toMs, from: boundText(fromMs, tz), to: boundText(toMs, tz) };
}

/** A midnight is written as a date, which stays right whatever the zone's rules become. @param {number | null} ms @param {string} tz */
function boundText(ms, tz) {
  if (ms === null) return null;
  const date = dateText(ms, tz);
  return midnightOf(date, tz) === ms ? date : new Date(ms).toISOString().replace('.000', '');
}

/** @param {string | null} text @param {string} tz @returns {number | null} */
function boundMs(text, tz) {
  if (!text) return null;
  const ms = /^\d{4}-\d\d-\d\d$/.test(text) ? midnightOf(text, tz) : Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}
