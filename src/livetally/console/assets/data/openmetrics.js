/**
 * The server's own measurements: reads them, and what happened between two readings.
 *
 * In the flow: receives the text of `GET /metrics` from the page of health, hands it numbers to show.
 * Guarantee: a counter that began anew (the server was restarted) makes no negative rate; a quantile is the upper bound
 * of the bucket that it lies in, so it never says better than it was.
 * Source: OpenMetrics 1.0, "Text format".
 */

/** @typedef {Map<string, number>} Reading values by name with labels, as written: `livetally_events_total{outcome="stored"}` */
/** @typedef {{ mean: number | null, high: number | null }} Spread seconds; null when nothing was measured */

const LINE = /^([a-z_]+(?:\{[^}]*\})?) (\S+)/;
const BOUND = /le="([^"]+)"/;

/** @param {string} text @returns {Reading} */
export function readMetrics(text) {
  /** @type {Reading} */
  const reading = new Map();
  for (const line of text.split('\n')) {
    const [, name = '', value = ''] = LINE.exec(line) ?? [];
    if (name) reading.set(name, Number(value));
  }
  return reading;
}

/** How much a counter has grown. @param {Reading} before @param {Reading} now @param {string} name @returns {number} */
export function growth(before, now, name) {
  const value = now.get(name) ?? 0;
  const earlier = before.get(name) ?? 0;
  return value < earlier ? value : value - earlier;
}

/** What a histogram says of the time between two readings. @param {Reading} before @param {Reading} now @param {string} name @param {number} quantile @returns {Spread} */
export function spread(before, now, name, quantile) {
  const count = growth(before, now, `${name}_count`);
  if (!count) return { mean: null, high: null };
  const bounds = [...now.keys()]
    .filter((key) => key.startsWith(`${name}_bucket{`))
    .map((key) => ({ key, bound: Number((BOUND.exec(key)?.[1] ?? '').replace('+Inf', 'Infinity')) }))
    .sort((one, other) => one.bound - other.bound);
  const found = bounds.find(({ key }) => growth(before, now, key) >= quantile * count);
  const finite = bounds.filter(({ bound }) => Number.isFinite(bound)).at(-1)?.bound ?? null;
  return { mean: growth(before, now, `${name}_sum`) / count, high: found && Number.isFinite(found.bound) ? found.bound : finite };
}
