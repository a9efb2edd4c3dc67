/**
 * A panel as a file: CSV for other programs, a picture for other people.
 *
 * In the flow: receives columns or a canvas from `parts/panel-menu.js`, hands the browser something to keep.
 * Guarantee: CSV has every digit, times with their offset, and no field that a spreadsheet would take for a formula.
 * Source: RFC 4180; OWASP, "CSV Injection".
 */

import { offsetText } from '../time/zones.js';
import { bucketText } from '../time/words.js';
import { paint, seriesPaint } from './paint.js';

/** @typedef {import('./series.js').Columns} Columns */

const HEAD_PX = 64;
const EDGE_PX = 24;

/** @param {Columns} data @returns {string} */
export function csvText({ times, columns, interval, tz }) {
  const head = ['time', 'bucket', ...columns.map(({ name, metric }) => name || metric.unit || metric.title || metric.name)];
  const rows = times.map((ms, at) => [new Date(ms).toISOString().replace('.000', ''), `${bucketText(ms, interval, tz)} ${offsetText(tz, ms)}`, ...columns.map(({ values }) => values[at] ?? '')]);
  return `${[head, ...rows].map((row) => row.map(field).join(',')).join('\r\n')}\r\n`;
}

/** @param {unknown} value */
function field(value) {
  let text = String(value);
  if (typeof value === 'string' && /^[=+@\t\r]|^-(?![\d.])/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * The chart under its title and with its legend, on the ground that it has on the page.
 * @param {string} title
 * @param {Columns} data
 * @param {HTMLCanvasElement} chart
 * @returns {Promise<Blob | null>}
 */
export function pictureOf(title, { columns }, chart) {
  const scale = chart.width / Math.max(1, chart.clientWidth || chart.width);
  const picture = document.createElement('canvas');
  picture.width = chart.width + 2 * EDGE_PX * scale;
  picture.height = chart.height + (HEAD_PX + EDGE_PX) * scale;
  const drawing = picture.getContext('2d');
  if (!drawing) return Promise.resolve(null);
  drawing.fillStyle = paint('--surface');
  drawing.fillRect(0, 0, picture.width, picture.height);
  drawing.scale(scale, scale);
  writeHead(drawing, title, columns);
  drawing.drawImage(chart, EDGE_PX, HEAD_PX, chart.width / scale, chart.height / scale);
  return new Promise((resolve) => picture.toBlob(resolve, 'image/png'));
}

/** @param {CanvasRenderingContext2D} drawing @param {string} title @param {Columns['columns']} columns */
function writeHead(drawing, title, columns) {
  const { fontFamily } = getComputedStyle(document.body);
  drawing.font = `600 14px ${fontFamily}`;
  drawing.fillStyle = paint('--ink');
  drawing.fillText(title, EDGE_PX, 28);
  drawing.font = `12px ${fontFamily}`;
  let left = EDGE_PX;
  for (const { name, colour } of columns.filter((one) => one.name)) {
    drawing.fillStyle = seriesPaint(colour);
    drawing.fillRect(left, 42, 8, 8);
    drawing.fillStyle = paint('--ink-2');
    drawing.fillText(name, left + 14, 50);
    left += 30 + drawing.measureText(name).width;
  }
}

/** @param {string} name @param {Blob} file */
export function download(name, file) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name.replace(/[\\/:*?"<>|]+/g, '-');
  link.click();
  // Given back when the browser has surely taken it.
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
