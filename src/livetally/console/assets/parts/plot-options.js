/**
 * How a chart is drawn: uPlot's options, from the console's own terms.
 *
 * In the flow: receives columns and a size from `parts/chart.js`, hands it options and stacked data.
 * Guarantee: bars of groups stand on each other only where adding them is true, and start at zero.
 */

import uPlot from '../vendor/uplot/uplot.js';
import { asNumber } from '../data/exact.js';
import { ABOUT_MS, civilOf } from '../time/calendar.js';
import { isAdditive, isWhole, tickText, valueOfNothing } from '../view/numbers.js';
import { paint, seriesPaint, tickFont } from '../view/paint.js';

/** @typedef {import('../view/series.js').Column} Column */
/** @typedef {import('../time/calendar.js').Interval} Interval */
/** @typedef {{ kind: 'line' | 'bar', interval: Interval, tz: string }} Style */

const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;
/** All charts leave the same room at the left, so that moments are under each other. */
const AXIS_PX = 48;
/** Between two labels of the time axis. */
const TICK_PX = 72;
/** Bars closer than this run into each other; a filled line shows the same and is calmer. */
const BAR_PX_MIN = 2.5;
const BAR_PX_MAX = 96;
/** Points closer than this make a dense line. */
const DENSE_PX = 2;

/** Between the ticks of what is counted: there is no half a flight. */
const WHOLE_STEPS = Array.from({ length: 16 }, (_, power) => [1, 2, 5].map((one) => one * 10 ** power)).flat();

/** When ticks are this far apart (seconds): what they say, and what the first of a longer unit adds below. */
const TICKS = [
  [365 * DAY_S, '{YYYY}', null, null, null, null, null, null, 1],
  [28 * DAY_S, '{MMM}', '\n{YYYY}', null, null, null, null, null, 1],
  [DAY_S, '{D} {MMM}', '\n{YYYY}', null, null, null, null, null, 1],
  [HOUR_S, '{HH}:{mm}', '\n{D} {MMM} {YYYY}', null, '\n{D} {MMM}', null, null, null, 1],
  [60, '{HH}:{mm}', '\n{D} {MMM} {YYYY}', null, '\n{D} {MMM}', null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', '\n{D} {MMM} {YYYY}', null, '\n{D} {MMM}', null, null, null, 1],
];

/** For ticks that are no round number of days apart: each says its day. */
const DAY_TICKS = [[1, ...(TICKS[2] ?? []).slice(1)]];

/**
 * @param {readonly number[]} times ms
 * @param {readonly Column[]} columns that are shown
 * @param {Style} style
 * @returns {import('uplot').AlignedData} seconds, then one list for each series in the order of `seriesOf`
 */
export function plotData(times, columns, style) {
  const lists = columns.map((column) => column.values.map(asNumber));
  if (isStacked(columns, style)) {
    for (let place = 1; place < lists.length; place += 1) {
      const below = /** @type {number[]} */ (lists[place - 1]);
      lists[place] = (lists[place] ?? []).map((value, at) => (value ?? 0) + (below[at] ?? 0));
    }
    // The tallest is drawn first, and each smaller one over it.
    lists.reverse();
  }
  return [times.map((ms) => ms / 1000), ...lists];
}

/** @param {readonly Column[]} columns @param {Style} style */
function isStacked(columns, style) {
  return style.kind === 'bar' && columns.length > 1 && columns.every(({ metric }) => isAdditive(metric) && metric === columns[0]?.metric);
}

/**
 * @param {readonly Column[]} columns
 * @param {Style} style
 * @param {{ width: number, height: number, count: number }} size `count` of buckets
 * @returns {import('uplot').Options}
 */
export function plotOptions(columns, style, size) {
  const half = ABOUT_MS[style.interval] / 2000;
  return {
    width: size.width,
    height: size.height,
    // At the right: room for half of the last moment's label.
    padding: [8, 20, 0, 0],
    tzDate: (seconds) => wallDate(seconds * 1000, style.tz),
    legend: { show: false },
    cursor: { y: false, move: snapped, points: { show: style.kind === 'line', size: 8, width: 2 }, drag: { x: true, y: false, setScale: false } },
    scales: {
      x: { range: (_u, low, high) => [low - half, high + half] },
      y: { range: (_u, low, high) => valueRange(low, high) },
    },
    series: seriesOf(columns, style, size),
    // Each bar or area begins where the one below it ends.
    bands: isStacked(columns, style) ? columns.slice(1).map((_, at) => ({ series: [at + 1, at + 2], dir: -1 })) : [],
    axes: [timeAxis(style.interval), valueAxis(columns)],
  };
}

/** A date whose own fields are the civil time of `tz`, as uPlot wants it. @param {number} ms @param {string} tz */
function wallDate(ms, tz) {
  const { year, month, day, hour, minute } = civilOf(ms, tz);
  return new Date(year, month - 1, day, hour, minute, Math.floor(ms / 1000) % 60);
}

/** The pointer is at a bucket, not between two. @param {uPlot} plot @param {number} left @param {number} top @returns {[number, number]} px */
function snapped(plot, left, top) {
  const seconds = left < 0 ? undefined : plot.data[0][plot.posToIdx(left)];
  return [seconds === undefined ? left : plot.valToPos(seconds, 'x'), top];
}

/** @param {number | null} low @param {number | null} high @returns {[number, number]} with zero in it */
function valueRange(low, high) {
  const least = Math.min(0, low ?? 0);
  const most = Math.max(0, high ?? 0);
  if (least === most) return [0, 1];
  return /** @type {[number, number]} */ (uPlot.rangeNum(least, most, 0.08, true));
}

/** @param {readonly Column[]} columns @param {Style} style @param {{ width: number, count: number }} size @returns {import('uplot').Series[]} */
function seriesOf(columns, style, size) {
  const stacked = isStacked(columns, style);
  const room = (size.width - AXIS_PX) / Math.max(1, size.count);
  const bars = style.kind === 'bar' && (stacked || columns.length === 1) && room >= BAR_PX_MIN;
  const drawn = columns.map((column) => {
    const colour = () => seriesPaint(column.colour);
    if (bars) return barSeries(colour, room, stacked);
    const tinted = columns.length === 1 && column.colour === null && valueOfNothing(column.metric) === 0;
    return lineSeries(colour, { solid: stacked, dense: room < DENSE_PX, tinted });
  });
  return [{}, ...(stacked ? drawn.reverse() : drawn)];
}

/** @param {() => string} colour @param {number} room px for each bar @param {boolean} stacked @returns {import('uplot').Series} */
function barSeries(colour, room, stacked) {
  return {
    fill: colour,
    width: 0,
    paths: uPlot.paths.bars?.({ size: [room > 8 ? 0.8 : 1, BAR_PX_MAX], gap: room > 8 || room < 4 ? 0 : 1, radius: room > 12 && !stacked ? 0.1 : 0 }),
    points: { show: false },
  };
}

/**
 * @param {() => string} colour
 * @param {{ solid: boolean, dense: boolean, tinted: boolean }} form
 * @returns {import('uplot').Series}
 */
function lineSeries(colour, { solid, dense, tinted }) {
  return {
    stroke: colour,
    // A browser without a graphics card draws a thin line, without a ground, five times as fast.
    width: solid ? 0 : dense ? 1 : 1.5,
    ...(solid ? { fill: colour } : tinted && !dense ? { fill: () => paint('--series-whole-soft') } : {}),
    // A bucket between two empty ones makes no line: it is a dot.
    points: { show: false, filter: alone, size: 5, width: 0, fill: colour },
  };
}

/** Some of the buckets' own starts, so far apart that their labels fit. @param {uPlot} plot @returns {number[]} seconds */
function bucketSplits(plot) {
  const times = Array.from(plot.data[0]);
  const room = (plot.width - AXIS_PX) / Math.max(1, times.length);
  const step = Math.max(1, Math.ceil(TICK_PX / room));
  return times.filter((_, at) => at % step === 0);
}

/** @param {uPlot} plot @param {number} series @returns {number[]} places whose neighbours are empty */
function alone(plot, series) {
  const values = plot.data[series] ?? [];
  const isEmpty = (/** @type {number} */ at) => values[at] === null || values[at] === undefined;
  return Array.from(values.keys()).filter((at) => !isEmpty(at) && isEmpty(at - 1) && isEmpty(at + 1));
}

/** @param {Interval} interval @returns {import('uplot').Axis} */
function timeAxis(interval) {
  return {
    stroke: () => paint('--ink-3'),
    font: tickFont(),
    size: 40,
    gap: 6,
    space: TICK_PX,
    // Weeks begin on no round number of days; everything else does.
    ...(interval === 'week' ? { splits: bucketSplits, values: /** @type {any} */ (DAY_TICKS) } : { values: /** @type {any} */ (TICKS) }),
    grid: { show: false },
    ticks: { stroke: () => paint('--rule'), width: 1, size: 4 },
  };
}

/** @param {readonly Column[]} columns @returns {import('uplot').Axis} */
function valueAxis(columns) {
  return {
    stroke: () => paint('--ink-3'),
    font: tickFont(),
    size: AXIS_PX,
    gap: 8,
    space: 28,
    grid: { stroke: () => paint('--rule'), width: 1 },
    ticks: { show: false },
    ...(columns.every(({ metric }) => isWhole(metric)) ? { incrs: WHOLE_STEPS } : {}),
    values: (_u, splits) => splits.map(tickText),
  };
}
