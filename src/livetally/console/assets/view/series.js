/**
 * Turns rows into columns: one list of bucket starts, one list of values for each metric or group.
 *
 * In the flow: receives the rows of one or more questions from `parts/panel.js`, hands columns to its chart, table and
 * read-out.
 * Guarantee: a bucket in which nothing happened is there: zero where that is true, empty where it is not;
 * groups beyond the palette are one more column only where adding them is true.
 */

import { asNumber } from '../data/exact.js';
import { ABOUT_MS, nextOf, startOf } from '../time/calendar.js';
import { isAdditive, valueOfNothing } from './numbers.js';

/** @typedef {import('../data/contract.js').Metric} Metric */
/** @typedef {import('../data/contract.js').Value} Value */
/** @typedef {import('../data/contract.js').Row} Row */
/** @typedef {import('../time/calendar.js').Interval} Interval */

/**
 * @typedef {object} Column
 * @property {string} name of the group or, of several, the metric; empty for the one metric as a whole
 * @property {number | null} colour number in the palette; null is the accent colour, -1 the grey of the rest
 * @property {Metric} metric
 * @property {Value[]} values by bucket
 */

/**
 * @typedef {object} Columns with the interval and zone in which they were asked for, which may not be the newest choice
 * @property {number[]} times ms
 * @property {Column[]} columns
 * @property {Interval} interval
 * @property {string} tz
 * @property {import('../time/ranges.js').Range | null} range
 */

/** @typedef {{ rows: Iterable<Row>, metric: Metric, name: string, colour: number | null }} Source the answer to one question */

/**
 * @typedef {object} Shape
 * @property {Interval} interval
 * @property {string} tz
 * @property {import('../time/ranges.js').Range} range
 * @property {string | null} dimension by which the rows of the one source are split
 * @property {Map<string, number>} groups that get a column, with their colours
 * @property {number | null} first ms: the first bucket to show
 * @property {number | null} last ms: the last bucket to show
 */

/** @typedef {{ name: string, colour: number | null, metric: Metric, cells: Map<number, Value> }} Head a column before it has an order */

/** @type {Columns} */
export const NO_COLUMNS = { times: [], columns: [], interval: 'day', tz: 'UTC', range: null };

/** More buckets than this are not filled in: nobody sees single ones there. */
const FILLED_MAX = 6_000;
export const REST = 'Others';
const WITHOUT = '(none)';

/** The name of a row's group. @param {Row} row @param {string} dimension @returns {string} */
export function groupOf(row, dimension) {
  const value = row[dimension];
  return value === null || value === undefined || value === '' ? WITHOUT : String(value);
}

/**
 * The first and last bucket of some rows.
 * @param {Iterable<Row>} rows
 * @returns {[number, number] | null} ms
 */
export function reachOf(rows) {
  let first = Infinity;
  let last = -Infinity;
  for (const row of rows) {
    const { ms = NaN } = row;
    if (ms < first) first = ms;
    if (ms > last) last = ms;
  }
  return first <= last ? [first, last] : null;
}

/**
 * @param {readonly Source[]} sources
 * @param {Shape} shape
 * @returns {Columns}
 */
export function columnsOf(sources, shape) {
  const heads = sources.flatMap((source) => headsOf(source, shape));
  const known = new Set(heads.flatMap(({ cells }) => [...cells.keys()]));
  const times = bucketTimes([...known], shape);
  const columns = heads.map(({ name, colour, metric, cells }) => {
    const nothing = valueOfNothing(metric);
    return { name, colour, metric, values: times.map((ms) => cells.get(ms) ?? nothing) };
  });
  return { times, columns, interval: shape.interval, tz: shape.tz, range: shape.range };
}

/** @param {Source} source @param {Shape} shape @returns {Head[]} */
function headsOf({ rows, metric, name, colour }, { dimension, groups }) {
  if (!dimension) {
    const cells = new Map(Array.from(rows, (row) => [row.ms ?? NaN, row.value]));
    return [{ name, colour, metric, cells }];
  }
  /** @type {Map<string, Head>} */
  const heads = new Map([...groups].map(([group, number]) => [group, { name: group, colour: number, metric, cells: new Map() }]));
  /** @type {Head} */
  const rest = { name: REST, colour: -1, metric, cells: new Map() };
  for (const row of rows) {
    const { ms = NaN } = row;
    const head = heads.get(groupOf(row, dimension));
    if (head) head.cells.set(ms, row.value);
    else if (isAdditive(metric)) rest.cells.set(ms, (asNumber(rest.cells.get(ms)) ?? 0) + (asNumber(row.value) ?? 0));
  }
  return rest.cells.size ? [...heads.values(), rest] : [...heads.values()];
}

/**
 * Every bucket from the first to the last, whether or not it has rows.
 * @param {number[]} known
 * @param {Shape} shape
 * @returns {number[]}
 */
function bucketTimes(known, { interval, tz, first, last }) {
  const sorted = known.sort((one, other) => one - other);
  const start = first === null ? sorted[0] : Math.min(startOf(first, interval, tz), sorted[0] ?? Infinity);
  const end = last === null ? sorted.at(-1) : Math.max(startOf(last, interval, tz), sorted.at(-1) ?? -Infinity);
  if (start === undefined || end === undefined) return [];
  if ((end - start) / ABOUT_MS[interval] > FILLED_MAX) return sorted;
  /** @type {number[]} */
  const times = [];
  let place = 0;
  for (let ms = start; ms <= end; ) {
    times.push(ms);
    while ((sorted[place] ?? Infinity) <= ms) place += 1;
    // Where the server begins a bucket earlier than is computed here (clocks that move by half an hour), it is right.
    ms = Math.min(nextOf(ms, interval, tz), sorted[place] ?? Infinity);
  }
  return times;
}

/**
 * The place of the last time that is not after `ms`; -1 when all are.
 * @param {readonly number[]} times ascending
 * @param {number} ms
 * @returns {number}
 */
export function search(times, ms) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (/** @type {number} */ (times[middle]) <= ms) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
