/**
 * A question in other words: for a shell, a program, and a definition.
 *
 * In the flow: receives a metric and the reader's choices from the page that explores, hands it texts to copy.
 * Guarantee: each says the same question as the chart above it; nothing in it can end a quotation.
 */

import { questionOf } from './question.js';

/** @typedef {import('../data/contract.js').Metric} Metric */
/** @typedef {import('./question.js').Choices} Choices */
/** @typedef {{ event: string, aggregate: string, value: string }} Adhoc a metric that is not declared */

/** @param {string} server @param {Metric} metric @param {Choices} choices @returns {string} */
export function curlText(server, metric, choices) {
  const path = readable(questionOf(metric, choices, { interval: choices.interval, by: choices.by }));
  return `curl -H "Authorization: Bearer $LIVETALLY_KEY" \\\n  ${shell(`${server}${path}`)}`;
}

/** @param {Metric} metric @param {Choices} choices @returns {string} */
export function commandText({ name }, { interval, range, tz, by, where }) {
  const parts = [
    `livetally query ${shell(name)} --interval ${interval}`,
    ...(range.from ? [`--from ${shell(range.from)}`] : []),
    ...(range.to ? [`--to ${shell(range.to)}`] : []),
    `--tz ${shell(tz)}`,
    ...(by ? [`--by ${shell(by)}`] : []),
    ...where.map((one) => `--where ${shell(one)}`),
  ];
  return parts.join(' \\\n  ');
}

/** @param {string} server @param {Metric} metric @param {Choices} choices @returns {string} */
export function pythonText(server, { name }, { interval, range, tz, by, where }) {
  const lines = [
    `    ${quoted(name)},`,
    `    interval=${quoted(interval)},`,
    ...(range.from ? [`    start=${quoted(range.from)},`] : []),
    ...(range.to ? [`    end=${quoted(range.to)},`] : []),
    `    tz=${quoted(tz)},`,
    ...(by ? [`    by=${quoted(by)},`] : []),
    ...(where.length ? [`    where=[${where.map(quoted).join(', ')}],`] : []),
  ];
  return `import livetally\n\nclient = livetally.Client(${quoted(server.replace(/\/$/, ''))}, "lt_…")\nanswer = client.query(\n${lines.join('\n')}\n)`;
}

/**
 * A metric as a definition declares it.
 * @param {string} name
 * @param {string} title
 * @param {Adhoc} adhoc
 * @param {readonly string[]} where
 * @param {string | null} by
 * @returns {string}
 */
export function metricToml(name, title, { event, aggregate, value }, where, by) {
  const lines = [
    `[metric.${name}]`,
    ...(title ? [`title = ${quoted(title)}`] : []),
    `event = ${quoted(event)}`,
    `aggregate = ${quoted(aggregate)}`,
    ...(value && aggregate !== 'count' ? [`value = ${quoted(value)}`] : []),
    ...(where.length ? [`where = [${where.map(quoted).join(', ')}]`] : []),
    ...(by ? [`by = [${quoted(by)}]`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * A panel at the end of a dashboard.
 * @param {string} dashboard
 * @param {{ metric: string, kind: string, by: string | null, where: readonly string[] }} panel
 * @returns {string}
 */
export function panelToml(dashboard, { metric, kind, by, where }) {
  const lines = [
    `[[dashboard.${dashboard}.panels]]`,
    `kind = ${quoted(kind)}`,
    `metric = ${quoted(metric)}`,
    ...(by ? [`by = [${quoted(by)}]`] : []),
    ...(where.length ? [`where = [${where.map(quoted).join(', ')}]`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** Slashes, colons and commas are legal in a query, and far easier to read than their codes. @param {string} path */
function readable(path) {
  return path.replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%2C', ',');
}

/** A word for a POSIX shell. @param {string} text */
function shell(text) {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A text for TOML and for Python, which agree with JSON about it. @param {string} text */
function quoted(text) {
  return JSON.stringify(text).replaceAll('\u007f', '\\u007f');
}
