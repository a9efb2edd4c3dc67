/**
 * Which colour a group has: the same on every chart and page, and on the next visit.
 *
 * In the flow: receives the names of the groups that are shown, hands back numbers of the palette in `tokens.css`.
 * Guarantee: a group keeps its colour as long as two groups on one page don't want the same; the larger one
 * keeps it then. The palette is Okabe and Ito's, which people with any colour vision can tell apart.
 * Source: Okabe and Ito, "Color Universal Design", 2008.
 */

/** How many groups get a colour of their own; the rest are shown as one, in grey. */
export const SERIES_MAX = 7;

const STORED = 'livetally.colours';
/** Remembered groups of one dimension; the oldest are forgotten first. */
const REMEMBERED_MAX = 200;

export class Colours {
  constructor() {
    /** @type {Record<string, Record<string, number>>} dimension, group, number */
    this.#known = read();
  }

  #known;

  /**
   * @param {string} dimension
   * @param {readonly string[]} groups largest first, up to `SERIES_MAX`
   * @returns {Map<string, number>} 0 to `SERIES_MAX - 1`, each once
   */
  assign(dimension, groups) {
    const known = (this.#known[dimension] ??= {});
    const free = new Set(Array.from({ length: SERIES_MAX }, (_, number) => number));
    /** @type {Map<string, number>} */
    const given = new Map();
    for (const group of groups) {
      const wish = known[group];
      if (wish !== undefined && free.delete(wish)) given.set(group, wish);
    }
    for (const group of groups) {
      if (given.has(group)) continue;
      const [number = 0] = free;
      free.delete(number);
      given.set(group, number);
      known[group] ??= number;
    }
    this.#remember(known);
    return given;
  }

  /** @param {Record<string, number>} known */
  #remember(known) {
    const names = Object.keys(known);
    for (const name of names.slice(0, Math.max(0, names.length - REMEMBERED_MAX))) delete known[name];
    try {
      localStorage.setItem(STORED, JSON.stringify(this.#known));
    } catch {
      // Storage is blocked or full: colours stay the same until the tab is closed.
    }
  }
}

function read() {
  try {
    const stored = JSON.parse(localStorage.getItem(STORED) ?? '{}');
    return stored && typeof stored === 'object' ? stored : {};
  } catch {
    return {};
  }
}
