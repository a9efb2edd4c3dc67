/**
 * The numbers of one chart as a table, newest first.
 *
 * In the flow: receives columns from `parts/panel.js`, and which cells the last change touched.
 * Guarantee: says every number that the chart draws; a changed cell lights up once.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { repeat } from '../vendor/lit/repeat.js';
import { bucketText } from '../time/words.js';
import { valueText } from '../view/numbers.js';
import { NO_COLUMNS } from '../view/series.js';
import { Part, flash } from './part.js';

const ROWS_FIRST = 100;
const ROWS_MORE = 400;

export class Table extends Part {
  static properties = {
    data: { attribute: false },
    changed: { attribute: false },
    label: {},
    rowCount: { state: true },
  };

  constructor() {
    super();
    /** @type {import('../view/series.js').Columns} */
    this.data = NO_COLUMNS;
    /** @type {ReadonlySet<string>} cells as `ms|column` */
    this.changed = new Set();
    this.label = '';
    this.rowCount = ROWS_FIRST;
  }

  render() {
    const { times, columns } = this.data;
    const shown = Math.min(this.rowCount, times.length);
    const places = Array.from({ length: shown }, (_, place) => times.length - 1 - place);
    return html`
      <div class="table-scroll" tabindex="0" role="region" aria-label="Table of ${this.label}">
        <table>
          <thead>
            <tr>
              <th scope="col">Time</th>
              ${columns.map((column) => html`<th scope="col" class="number">${this.#head(column)}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${repeat(places, (at) => times[at], (at) => this.#row(at))}
          </tbody>
        </table>
        ${shown < times.length ? this.#more(times.length - shown) : nothing}
      </div>
    `;
  }

  /** @param {import('../view/series.js').Column} column */
  #head({ name, colour, metric }) {
    if (!name) return metric.unit || 'Value';
    return html`<span class="swatch" data-colour=${colour ?? nothing}></span>${name}`;
  }

  /** @param {number} at */
  #row(at) {
    const ms = /** @type {number} */ (this.data.times[at]);
    return html`<tr>
      <th scope="row">${bucketText(ms, this.data.interval, this.data.tz)}</th>
      ${this.data.columns.map(
        ({ name, values, metric }) => html`<td class="number" data-cell="${ms}|${name}">${valueText(values[at], metric)}</td>`,
      )}
    </tr>`;
  }

  /** @param {number} left */
  #more(left) {
    const count = Math.min(ROWS_MORE, left);
    return html`<button class="plain table-more" @click=${() => (this.rowCount += count)}>Show ${count} older rows</button>`;
  }

  /** @param {Map<string, unknown>} updates */
  updated(updates) {
    if (!updates.has('changed')) return;
    for (const cell of this.changed) flash(this.querySelector(`[data-cell="${CSS.escape(cell)}"]`));
  }
}

customElements.define('lt-table', Table);
