/**
 * What a page asks: the reader's choices, resolved to what the server takes.
 *
 * In the flow: receives the address, the moment and what is known of the data's reach, hands every panel one `Choices`.
 * Guarantee: two panels that ask the same write the same question, letter by letter, so it is asked once.
 */

import { ABOUT_MS, INTERVALS, startOf } from '../time/calendar.js';
import { customRange, fittingInterval, namedRange } from '../time/ranges.js';
import { isZone, ownZone } from '../time/zones.js';

/** @typedef {import('../time/calendar.js').Interval} Interval */
/** @typedef {import('../time/ranges.js').Range} Range */
/** @typedef {{ firstMs: number | null, lastMs: number | null }} Reach of the data, as far as it is known */
/** @typedef {{ range: string, interval: string }} Suggestion of a dashboard; empty leaves it to the data */

/**
 * @typedef {object} Choices
 * @property {string} words of the range; empty when it is from one day to another
 * @property {Range} range
 * @property {boolean} isStopgap true when the range is neither the reader's nor the dashboard's: that has no data yet
 * @property {Interval} interval
 * @property {boolean} intervalChosen false while the interval is the page's own suggestion
 * @property {string} tz
 * @property {string | null} by
 * @property {string[]} where as `field:value`
 * @property {string[]} hidden groups
 */

/** A chosen interval that makes more buckets than this gives way to a longer one. */
const BUCKETS_MAX = 20_000;
/** A suggested one must make a chart that can be read. */
const SUGGESTED_MAX = 2_000;

/** The range of what happens now. */
const NEWEST = 'last-hour';

/** @type {Range} */
const EVER = { from: null, to: null, fromMs: null, toMs: null };

/**
 * @param {URLSearchParams} address
 * @param {number} now ms
 * @param {Reach} reach
 * @param {Suggestion} suggestion
 * @returns {Choices}
 */
export function choicesOf(address, now, reach, suggestion) {
  const asked = address.get('tz');
  const tz = asked && isZone(asked) ? asked : ownZone();
  const custom = customRange(address.get('from'), address.get('to'), tz);
  const named = address.get('range') ?? '';
  const isNamed = custom === null && namedRange(named, now, tz) !== null;
  const words = custom ? '' : isNamed ? named : suggestedRange(now, tz, reach, suggestion.range);
  const range = custom ?? namedRange(words, now, tz) ?? EVER;
  const span = spanOf(range, now, reach);
  const chosen = INTERVALS.find((one) => one === address.get('interval') && span / ABOUT_MS[one] <= BUCKETS_MAX);
  // What a dashboard suggests is meant for the range that it suggests.
  const isSuggested = !custom && !isNamed && words === suggestion.range;
  const suggested = INTERVALS.find((one) => one === suggestion.interval && isSuggested && isReadable(span, one));
  return {
    ...{ words, range, tz },
    isStopgap: !custom && !isNamed && words !== suggestion.range && words !== NEWEST,
    interval: chosen ?? suggested ?? fittingInterval(span),
    intervalChosen: chosen !== undefined,
    by: address.get('by'),
    where: address.getAll('where'),
    hidden: address.getAll('hide'),
  };
}

/** @param {number} span ms @param {Interval} interval */
function isReadable(span, interval) {
  return span / ABOUT_MS[interval] <= SUGGESTED_MAX;
}

/**
 * The dashboard's own range if it reaches the data; or the shortest that holds the newest event, so that a page opens
 * on what moves, or on all there is.
 * @param {number} now
 * @param {string} tz
 * @param {Reach} reach
 * @param {string} own
 * @returns {string} its words
 */
function suggestedRange(now, tz, { firstMs, lastMs }, own) {
  if (lastMs === null) return NEWEST;
  const range = namedRange(own, now, tz);
  if (range && (range.fromMs ?? -Infinity) <= lastMs && (range.toMs ?? Infinity) > (firstMs ?? lastMs)) return own;
  const age = now - lastMs;
  if (age < ABOUT_MS.hour) return NEWEST;
  if (age < ABOUT_MS.day) return 'last-24-hours';
  return age < ABOUT_MS.week ? 'last-7-days' : 'all';
}

/** How long the range is, as far as there is data. @param {Range} range @param {number} now @param {Reach} reach @returns {number} ms */
function spanOf(range, now, reach) {
  const from = range.fromMs ?? reach.firstMs ?? now - ABOUT_MS.hour;
  const to = range.toMs ?? (range.fromMs === null ? (reach.lastMs ?? now) : now);
  return Math.max(ABOUT_MS.minute, to - from);
}

/** Which intervals can be chosen for this range. @param {Choices} choices @param {number} now @param {Reach} reach @returns {Interval[]} */
export function possibleIntervals(choices, now, reach) {
  const span = spanOf(choices.range, now, reach);
  return INTERVALS.filter((one) => span / ABOUT_MS[one] <= BUCKETS_MAX);
}

/**
 * Write the question about one metric.
 * @param {import('../data/contract.js').Metric} metric
 * @param {Choices} choices
 * @param {{ interval: Interval | null, by: string | null }} split
 * @returns {string} such as `metrics/taps?interval=day&tz=UTC`
 */
export function questionOf(metric, choices, { interval, by }) {
  const [path = '', own] = askedBy(metric).split('?');
  const query = new URLSearchParams(own);
  if (interval) query.set('interval', interval);
  if (choices.range.from) query.set('from', choices.range.from);
  if (choices.range.to) query.set('to', choices.range.to);
  query.set('tz', choices.tz);
  if (by) query.set('by', by);
  for (const one of choices.where) query.append('where', one);
  return `${path}?${query}`;
}

/**
 * Write the question about the period before: as long as the range is so far, and up to its beginning.
 * @param {import('../data/contract.js').Metric} metric
 * @param {Choices} choices
 * @param {number} now ms
 * @returns {string} empty when the range has no beginning, or has not begun
 */
export function questionBefore(metric, choices, now) {
  const { fromMs, toMs } = choices.range;
  if (fromMs === null || choices.isStopgap) return '';
  // To the minute: an open range grows with every moment, and need not be asked for at each.
  const end = Math.min(toMs ?? Infinity, Math.floor(now / ABOUT_MS.minute) * ABOUT_MS.minute);
  if (end <= fromMs) return '';
  const from = new Date(2 * fromMs - end).toISOString();
  const range = { ...choices.range, from, to: new Date(fromMs).toISOString() };
  return questionOf(metric, { ...choices, range }, { interval: null, by: null });
}

/** What a metric is asked by, before any choice. @param {import('../data/contract.js').Metric} metric @returns {string} */
export function askedBy({ name, asked }) {
  return asked ?? `metrics/${encodeURIComponent(name)}`;
}

/** The first and last bucket of a range, as far as it has bounds. @param {Choices} choices @param {number} now */
export function bucketsOf({ range, tz, interval }, now) {
  const end = range.toMs === null ? now : Math.min(now, range.toMs - 1);
  return {
    first: range.fromMs === null ? null : startOf(range.fromMs, interval, tz),
    last: range.fromMs === null ? null : startOf(Math.max(end, range.fromMs), interval, tz),
  };
}
