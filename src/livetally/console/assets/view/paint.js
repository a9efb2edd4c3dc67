/**
 * The colours and the font of the style sheets, for a canvas.
 *
 * In the flow: receives names such as `--series-0` from the chart, hands back what the browser makes of them now.
 * Guarantee: `tokens.css` stays the only place where a colour is written.
 */

import { themeChanges } from './theme.js';

/** @type {Map<string, string>} */
const known = new Map();
/** @type {HTMLElement | null} */
let probe = null;

themeChanges.addEventListener('change', () => known.clear());

/** @param {string} name of a colour in `tokens.css` @returns {string} */
export function paint(name) {
  let colour = known.get(name);
  if (colour === undefined) {
    if (!probe) {
      probe = document.createElement('span');
      probe.hidden = true;
      document.body.append(probe);
    }
    probe.style.setProperty('color', `var(${name})`);
    colour = getComputedStyle(probe).color;
    known.set(name, colour);
  }
  return colour;
}

/** @param {number | null} colour of a column @returns {string} */
export function seriesPaint(colour) {
  if (colour === null) return paint('--series-whole');
  return paint(colour < 0 ? '--series-rest' : `--series-${colour}`);
}

/** @returns {string} for the ticks of an axis */
export function tickFont() {
  return `11px ${getComputedStyle(document.body).fontFamily}`;
}
