/**
 * What the chart says at the bucket that is pointed at, or at the newest: always in the same place.
 *
 * In the flow: receives columns from `parts/panel.js` and the bucket from `view/timeaxis.js`; hands the page the name
 * of a column to hide or show (`toggle-column` event), because it is the legend as well.
 * Guarantee: nothing floats over the data, and nothing jumps when the pointer comes.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { timeAxis } from '../services.js';
import { nextOf } from '../time/calendar.js';
import { offsetText } from '../time/zones.js';
import { bucketText } from '../time/words.js';
import { valueText } from '../view/numbers.js';
import { NO_COLUMNS, search } from '../view/series.js';
import { Part } from './part.js';

/** @typedef {import('../view/series.js').Column} Column */

export class Readout extends Part {
  static properties = {
    data: { attribute: false },
    hiddenColumns: { attribute: false },
  };

  constructor() {
    super();
    /** @type {import('../view/series.js').Columns} */
    this.data = NO_COLUMNS;
    /** @type {readonly string[]} that are not drawn */
    this.hiddenColumns = [];
  }

  #onCursor = () => this.requestUpdate();

  connectedCallback() {
    super.connectedCallback();
    timeAxis.addEventListener('cursor', this.#onCursor);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    timeAxis.removeEventListener('cursor', this.#onCursor);
  }

  render() {
    const { times, columns } = this.data;
    const pointed = timeAxis.cursor === null ? -1 : search(times, timeAxis.cursor);
    const at = pointed < 0 ? times.length - 1 : pointed;
    const ms = times[at];
    if (ms === undefined) return html`<p class="readout-time">No buckets yet</p>`;
    return html`
      <p class="readout-time" data-pointed=${pointed >= 0}>
        ${bucketText(ms, this.data.interval, this.data.tz)} <span class="quiet">${offsetText(this.data.tz, ms)}${this.#share(ms)}</span>
      </p>
      <div class="readout-values">${columns.map((column) => this.#entry(column, at))}</div>
    `;
  }

  /** Say when a bucket is not counted whole: it is not over, or the range cuts through it. @param {number} ms */
  #share(ms) {
    const { interval, tz, range } = this.data;
    const end = nextOf(ms, interval, tz);
    if (end > Date.now() && (range?.toMs ?? Infinity) >= end) return ' · so far';
    const cut = ms < (range?.fromMs ?? -Infinity) || end > (range?.toMs ?? Infinity);
    return cut ? ' · in part' : nothing;
  }

  /** @param {Column} column @param {number} at */
  #entry(column, at) {
    const { metric } = column;
    const value = html`<span class="readout-value">${valueText(column.values[at], metric)}</span>`;
    if (!column.name) return html`<span class="readout-whole">${value} <span class="quiet">${metric.unit}</span></span>`;
    const shown = !this.hiddenColumns.includes(column.name);
    return html`<button
      class="readout-entry"
      aria-pressed=${shown}
      title=${shown ? `Hide ${column.name}` : `Show ${column.name}`}
      @click=${() => this.dispatchEvent(new CustomEvent('toggle-column', { detail: column.name, bubbles: true }))}
    >
      <span class="swatch" data-colour=${column.colour ?? nothing}></span><span class="readout-name">${column.name}</span>${value}
    </button>`;
  }
}

customElements.define('lt-readout', Readout);
